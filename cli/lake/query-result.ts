import type { Unseen } from './tables/unseen.ts';

/** What a query answers, wherever it ran. */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly numeric: boolean }[];
  /** Values as JSON has them: integers beyond 2^53, decimals and times as text. */
  readonly rows: readonly (readonly unknown[])[];
  /** What could not be read, so that rows of it are missing. */
  readonly problems?: readonly string[];
  /** Files of the tables that the query names which it did not see. */
  readonly unseen?: readonly Unseen[];
  /** Whether there are more rows than were asked for. */
  readonly cut?: boolean;
}
