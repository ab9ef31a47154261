import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A change of a source file: what it replaces stands there once. */
export interface Edit {
  /** From the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * The text of a file of this copy of the repository, with the change. @throws when the code has changed, and
 * the edit with it must
 */
export function edited({ file, find, replace }: Edit, directory: string): string {
  const [before = '', after, ...others] = readFileSync(join(directory, file), 'utf8').split(find);
  if (after === undefined || others.length > 0) {
    const times = after === undefined ? 'not there' : `there ${others.length + 1} times`;
    throw new Error(`This is ${times} in ${file}, and must be once; bring the edit in line:\n${find}`);
  }
  return before + replace + after;
}
