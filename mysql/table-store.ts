import type { Dataset } from '../domain/dataset.ts';
import type { Reject } from '../domain/records/reject.ts';
import type { NumberedRow } from '../domain/tables/encoded-row.ts';

/** Rows of one version of one object: a processed file, or any other piece that no other call loads at the same time. */
export interface RowsFile {
  readonly dataset: Dataset;
  /** In the raw bucket. */
  readonly key: string;
  readonly sequencer: string;
  /** Each record once. */
  readonly rows: Iterable<NumberedRow>;
}

/** What became of a file's rows; the three add up to them. */
export interface Loaded {
  /** New, changed, or of a version that was done anew. */
  readonly written: number;
  /** In the table already, with the same content. */
  readonly unchanged: number;
  /** With a value that its column can't hold. */
  readonly rejected: readonly Reject[];
}

/** Which versions' rows a retraction is about, seen from its sequencer. */
export type Retracted = 'older' | 'older and its own' | 'its own';

export interface Retraction {
  /** Older ones, if nothing is said. */
  readonly which?: Retracted;
  /**
   * The sequencer of what stands, where this version came to nothing: it is let in again, unless something newer was seen.
   * Empty, when nothing stands.
   */
  readonly leaving?: string;
}

/**
 * The tables that loading fills: what the stage asks of MySQL. Whatever order, repetition and interruption its calls
 * come in, the tables end with what the newest sequencer of each object says.
 */
export interface TableStore {
  /**
   * Writes all rows of a file or none, and rewrites none that say the same; all of them where the sequencer is of a version
   * that was done anew (`…!0001`), other than those that this revision has written already.
   *
   * @returns `stale` when a newer sequencer of the object has been seen: nothing was written
   * @throws {TransientError} `database`, when the database can't do it now
   */
  load(file: RowsFile): Promise<Loaded | 'stale'>;
  /**
   * Removes the object's rows of versions older than the sequencer, or of its own, or both, and keeps versions
   * older than it out from now on. Its own may be loaded again.
   *
   * @returns how many rows went, not counting those of lists
   * @throws {TransientError} `database`
   */
  retract(dataset: Dataset, key: string, sequencer: string, options?: Retraction): Promise<number>;
  /** How many rows there are of one version of an object. @throws {TransientError} `database` */
  count(dataset: Dataset, key: string, sequencer: string): Promise<number>;
}
