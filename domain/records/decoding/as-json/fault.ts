import { errorText, type PermanentCode, PermanentError } from '../../../errors.ts';

export function fault(code: PermanentCode, message: string, cause?: unknown): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction', cause });
}

/** How much of a name a message shows. */
const SHOWN_CHARACTERS = 100;

/** A name of the file, for a message: it may have any characters, and any number of them. */
export const shown = (name: string) =>
  JSON.stringify(name.length > SHOWN_CHARACTERS ? `${name.slice(0, SHOWN_CHARACTERS)}…` : name);

/** The first of some names that is there twice. */
export function twice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

/**
 * Makes a fault of the object of what a library throws: it has no errors of its own kind.
 *
 * @param where in the file, for the message
 */
export function decoded<Result>(where: string, decode: () => Result): Result {
  try {
    return decode();
  } catch (error) {
    if (error instanceof PermanentError) throw error;
    throw fault('corrupt_file', `The Parquet file is damaged ${where}: ${errorText(error)}.`, error);
  }
}
