/** Whether a Node of this version can run Sluice. */
export function suffices(version?: string): boolean;
/** The program in the platform's package; undefined when npm installed none. */
export function packagedNode(root: string, platform?: Platform): string | undefined;
/** Chooses the Node that npm's scripts and `npx` find. Returns an error message when none is suitable. */
export function chooseNode(
  root: string,
  machine?: { readonly environment?: NodeJS.ProcessEnv; readonly platform?: Platform },
): string | undefined;

interface Platform {
  readonly platform: string;
  readonly arch: string;
}
