import { hash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheDirectory } from '../core/cache-directory.ts';
import type { FunctionSettings } from './function.ts';

/** What V8 has compiled of functions' modules, a folder for each code of a function. */
const compiled = join(cacheDirectory, 'functions');
/** Of so many codes; then it begins anew. */
const MOST_COMPILED = 200;

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
    shareCompiled(
      join(directory, name),
      files.map(({ file, kept }) => `${file} ${statSync(kept).size}`),
    );
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

/**
 * Has the processes of a function use what those of an earlier local cloud have compiled: that is a fifth of
 * their first second. Node compares the source of a module with that of what it has compiled.
 *
 * @param names of the modules, with what tells other code from it
 */
function shareCompiled(directory: string, names: readonly string[]): void {
  const shared = join(compiled, hash('sha256', JSON.stringify(names)).slice(0, 16));
  try {
    if (!existsSync(shared) && existsSync(compiled) && readdirSync(compiled).length >= MOST_COMPILED)
      rmSync(compiled, { recursive: true, force: true });
    mkdirSync(shared, { recursive: true, mode: 0o700 });
    symlinkSync(shared, join(directory, '.compiled'));
  } catch {
    // Where nothing may be written, they compile for themselves.
  }
}
