import type { Long } from '../../../domain/long.ts';

/**
 * A value of a partition field, as the format stores it: days for a date, microseconds for an instant. `null`
 * for rows without a value.
 */
export type PartitionValue = string | Long | boolean | Buffer | null;

/** By the name of the partition field. */
export type Partition = Readonly<Record<string, PartitionValue>>;

/**
 * A data file, as a manifest describes it (specification, "Data File Fields"). Maps are by field id; a bound
 * is in the form of `serialize`.
 */
export interface DataFile {
  /** The full URI. */
  readonly filePath: string;
  readonly fileFormat: string;
  readonly partition: Partition;
  readonly recordCount: number;
  /** Bytes. */
  readonly fileSizeInBytes: number;
  /** Bytes on disk. */
  readonly columnSizes?: ReadonlyMap<number, number>;
  /** With nulls and NaNs. */
  readonly valueCounts?: ReadonlyMap<number, number>;
  readonly nullValueCounts?: ReadonlyMap<number, number>;
  readonly nanValueCounts?: ReadonlyMap<number, number>;
  readonly lowerBounds?: ReadonlyMap<number, Buffer>;
  readonly upperBounds?: ReadonlyMap<number, Buffer>;
  /** Where the file's row groups begin, ascending. */
  readonly splitOffsets?: readonly number[];
  /** The sort order of the rows; absent or 0: none. */
  readonly sortOrderId?: number;
}

export const status = { existing: 0, added: 1, deleted: 2 } as const;

/**
 * What a manifest says of a data file. `null` is inherited from the manifest list; only if `status` is added.
 */
export interface ManifestEntry {
  readonly status: (typeof status)[keyof typeof status];
  /** Of the snapshot that added the file, or deleted it. */
  readonly snapshotId: Long | null;
  /** The age of the content. */
  readonly sequenceNumber: number | null;
  /** Of the snapshot that added the file. */
  readonly fileSequenceNumber: number | null;
  readonly dataFile: DataFile;
}

/** A data file of a snapshot. */
export interface LiveFile extends DataFile {
  readonly snapshotId: Long;
  readonly sequenceNumber: number;
  readonly fileSequenceNumber: number;
  /** The partition spec of `partition`. */
  readonly specId: number;
}
