/**
 * Installs a server unless there is one or none is wanted. Returns false when one was requested and there is
 * none.
 */
export function bringMysql(options: {
  /** The file that records a failed attempt of root. */
  readonly failedBefore: string;
  /** Whether the user requested a server, which allows the use of sudo and Homebrew. */
  readonly asked?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
  readonly isRoot?: boolean;
  readonly find?: (environment: NodeJS.ProcessEnv) => string | undefined;
  readonly say?: (line: string) => void;
}): boolean;
