/** A file that an object holds. Its content must be taken to the end before the next one is asked for. */
export interface ContainedFile {
  /** Its name in an archive, as it is written there: never a path; `undefined` if the object is the file. */
  readonly name: string | undefined;
  readonly content: AsyncGenerator<Buffer>;
  /** Where its content begins in the object, if these are its own bytes; known once some of it was taken. */
  readonly start?: number | undefined;
}
