/** Installs a server unless there is one or it is not wanted; says what it does, and goes on without when it can't. */
export function bringMysql(options: {
  /** The file that says that it failed before. */
  readonly failedBefore: string;
  /** Whether to try although it did. */
  readonly again?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
  readonly isRoot?: boolean;
  readonly find?: (environment: NodeJS.ProcessEnv) => string | undefined;
  readonly say?: (line: string) => void;
}): void;
