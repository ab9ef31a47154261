import type { Dataset } from '../domain/dataset.ts';
import type { Reject } from '../domain/records/reject.ts';
import type { NumberedRow } from '../domain/tables/encoded-row.ts';

/**
 * Rows of one version of one object: a file of the lake, or any other share that no other call loads at the
 * same time.
 */
export interface RowsFile {
  readonly dataset: Dataset;
  /** In the raw bucket. */
  readonly key: string;
  readonly sequencer: string;
  /** With its revision. */
  readonly versionId: string;
  /** When that revision was taken up, as `instantText` writes it, if that is known. */
  readonly loadedAt?: string | undefined;
  /** Each record once. */
  readonly rows: Iterable<NumberedRow>;
}

/** The results for a file's rows; the three counts add up to their number. */
export interface Loaded {
  /** New or changed rows, or rows of a version that was reprocessed. */
  readonly written: number;
  /** Rows that were in the table already, with the same content. */
  readonly unchanged: number;
  /** Rows with a value that its column can't hold. */
  readonly rejected: readonly Reject[];
}

/** The versions whose rows a retraction removes, relative to its sequencer. */
export type Retracted = 'older' | 'older and its own' | 'its own';

export interface Retraction {
  /** By default `older`. */
  readonly which?: Retracted;
  /**
   * Set if this version never became active: the sequencer of the active version, which is accepted again
   * unless a newer version was seen. Empty if there is no active version.
   */
  readonly leaving?: string;
}

/**
 * The tables that loading fills: what the stage asks of MySQL. In whatever order its calls come, and however
 * often they are repeated or interrupted, the tables end with the rows of each object's newest sequencer.
 */
export interface TableStore {
  /**
   * Writes all rows of a file or none. It does not rewrite rows with the same content, unless the sequencer
   * is that of a reprocessed version (`…!0001`): then it rewrites all rows that this revision has not written
   * already.
   *
   * @returns `stale` if a newer sequencer of the object was seen: then nothing was written @throws
   * {TransientError} `database` if the database can't do it now
   */
  load(file: RowsFile): Promise<Loaded | 'stale'>;
  /**
   * Removes the object's rows of versions older than the sequencer, or of its own version, or both. From then
   * on, older versions are refused; its own version may be loaded again.
   *
   * @returns how many rows were removed, not counting list elements
   * @throws {TransientError} `database`
   */
  retract(dataset: Dataset, key: string, sequencer: string, options?: Retraction): Promise<number>;
  /** Counts the rows of one version of an object. @throws {TransientError} `database` */
  count(dataset: Dataset, key: string, sequencer: string): Promise<number>;
}
