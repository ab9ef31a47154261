/** Installs a server unless there is one or it is not wanted, and says what it does; false when it was asked to and can't. */
export function bringMysql(options: {
  /** The file that says that root's attempt failed. */
  readonly failedBefore: string;
  /** Whether somebody asked for a server, so that sudo and Homebrew may be used. */
  readonly asked?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
  readonly isRoot?: boolean;
  readonly find?: (environment: NodeJS.ProcessEnv) => string | undefined;
  readonly say?: (line: string) => void;
}): boolean;
