import { copyFileSync, existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FunctionSettings } from './function.ts';

/**
 * Keeps the module of each function, and its source map, as they are now: whoever builds the next code writes
 * other files to the same paths, and a function's process may start from them at any time.
 *
 * @returns the settings of the functions with the paths of the kept modules
 */
export function keepCode(
  functions: readonly FunctionSettings[],
  directory: string,
): readonly FunctionSettings[] {
  rmSync(directory, { recursive: true, force: true });
  return functions.map((settings) => {
    const { name, modulePath } = settings;
    const kept = join(directory, name, basename(modulePath));
    mkdirSync(dirname(kept), { recursive: true, mode: 0o700 });
    for (const end of ['', '.map']) if (existsSync(modulePath + end)) keep(modulePath + end, kept + end);
    return { ...settings, modulePath: kept };
  });
}

/** A link to the same bytes; a copy if the directory is on another file system. */
function keep(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
