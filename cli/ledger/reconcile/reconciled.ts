import type {
  Difference,
  InTables,
  NamedFile,
  UnreadFile,
} from '../../../domain/operations/reconciliation.ts';
import type { Tally } from '../../../domain/versions/receipt.ts';

/** Looks up what MySQL holds of a version of an object, by the sequencer of its revision. */
export type LookInTables = (dataset: string, key: string, sequencer: string) => Promise<InTables>;

/** One version of an object, according to its receipts and its sinks. */
export interface Reconciled {
  readonly key: string;
  readonly dataset: string;
  readonly versionId: string;
  /**
   * `current`: the tables show it. `prepared`: it is extracted, and not published yet. `rejected`: none of
   * its records is usable, or too many are rejected, so the previous version stays active. `interrupted`: its
   * extraction died; no table shows what it had passed on by then. `deleted`: no sink should have anything of
   * the object, but one does.
   */
  readonly standing: 'current' | 'prepared' | 'rejected' | 'interrupted' | 'deleted';
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  /** How many rows each sink has. */
  readonly found: { readonly lake: number; readonly archive: number; readonly tables?: number };
  /** Files that were not read, since S3 keeps them in an archive class. `found` lacks their rows. */
  readonly unread: readonly UnreadFile[];
  /** Rows in MySQL that were only counted, since their schema is not the code's. */
  readonly uncompared: number;
  readonly differences: readonly Difference[];
}

export interface ReconciledFiles {
  readonly version: Reconciled;
  readonly files: readonly NamedFile[];
}
