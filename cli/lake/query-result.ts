/** What a query answers, wherever it ran. */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly numeric: boolean }[];
  /** Values as JSON has them: integers beyond 2^53, decimals and times as text. */
  readonly rows: readonly (readonly unknown[])[];
  /** What could not be read, so that rows of it are missing. */
  readonly problems?: readonly string[];
}
