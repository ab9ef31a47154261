import { errorText, type PermanentCode, PermanentError } from '../../../errors.ts';

export function fault(code: PermanentCode, message: string, cause?: unknown): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction', cause });
}

/**
 * Makes a fault of the object of what the library throws: it has no errors of its own kind.
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
