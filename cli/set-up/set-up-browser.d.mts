/** The program of a Chromium that runs here; undefined when there is none. */
export function findChromium(root: string, environment?: NodeJS.ProcessEnv): string | undefined;
/** Installs Chromium if there is none. Returns false when there is none in the end. */
export function bringChromium(options: {
  /** The checkout, with its packages. */
  readonly root: string;
  readonly environment?: NodeJS.ProcessEnv;
  readonly isRoot?: boolean;
  readonly find?: (environment: NodeJS.ProcessEnv) => string | undefined;
  readonly say?: (line: string) => void;
}): boolean;
