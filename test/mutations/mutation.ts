/** A defect that somebody could make: one place of the code, and what it would be instead. */
export interface Mutation {
  /** What the code then does, as the end of "a stage that …". */
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The test file that notices it, where the simulation does not meet it. */
  readonly caughtBy?: string;
}
