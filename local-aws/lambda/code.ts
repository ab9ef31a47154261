import { copyFileSync, existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FunctionSettings } from './function.ts';

/** A function as its program deploys it. */
export interface DeployedFunction extends FunctionSettings {
  /** Absolute paths of the files of its code, by their names in its archive. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Keeps the modules of each function, and their source maps, as they are now: whoever builds the next code
 * writes other files to the same paths, and a function's process may start from them at any time.
 *
 * @returns the functions with the paths of the kept modules
 */
export function keepCode(
  functions: readonly DeployedFunction[],
  directory: string,
): readonly DeployedFunction[] {
  rmSync(directory, { recursive: true, force: true });
  return functions.map((deployed) => {
    const { name, modulePath } = deployed;
    const files = Object.entries(deployed.files).map(([file, path]) => {
      const kept = join(directory, name, file);
      mkdirSync(dirname(kept), { recursive: true, mode: 0o700 });
      for (const end of ['', '.map']) if (existsSync(path + end)) keep(path + end, kept + end);
      return { file, path, kept };
    });
    return {
      ...deployed,
      modulePath: files.find(({ path }) => path === modulePath)?.kept ?? modulePath,
      files: Object.fromEntries(files.map(({ file, kept }) => [file, kept])),
    };
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
