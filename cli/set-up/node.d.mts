/** Whether a Node of this version can run Sluice. */
export function suffices(version?: string): boolean;
/** The program in the platform's package; undefined where npm installed none. */
export function packagedNode(root: string, platform?: Platform): string | undefined;
/** Decides which Node npm's scripts and `npx` find; returns what is wrong when there is none that will do. */
export function chooseNode(
  root: string,
  machine?: { readonly environment?: NodeJS.ProcessEnv; readonly platform?: Platform },
): string | undefined;

interface Platform {
  readonly platform: string;
  readonly arch: string;
}
