import * as z from 'zod';
import type { Long } from '../../../domain/long.ts';
import { avroFile, readAvroFile } from '../avro/container.ts';
import type { TypedField } from '../values/partition-values.ts';
import { compareValues, type SingleValue, serialize } from '../values/single-value.ts';
import { type ManifestEntry, status } from './data-file.ts';
import type { ResolvedEntry } from './manifest.ts';
import { manifestFileSchema, namesById } from './manifest-schema.ts';

/** What the values of a partition field are in a manifest. */
export interface FieldSummary {
  readonly containsNull: boolean;
  readonly containsNan?: boolean;
  readonly lowerBound?: Buffer;
  readonly upperBound?: Buffer;
}

/** A manifest, as a manifest list describes it (specification, "Manifest Lists"). */
export interface ManifestFile {
  readonly manifestPath: string;
  /** Bytes. */
  readonly manifestLength: number;
  readonly partitionSpecId: number;
  /** 0: data files; 1: row-level deletes. */
  readonly content: 0 | 1;
  /** Of the snapshot that added the manifest. */
  readonly sequenceNumber: number;
  readonly minSequenceNumber: number;
  readonly addedSnapshotId: Long;
  readonly addedFilesCount: number;
  readonly existingFilesCount: number;
  readonly deletedFilesCount: number;
  readonly addedRowsCount: number;
  readonly existingRowsCount: number;
  readonly deletedRowsCount: number;
  /** One for each field of the spec. Only other writers leave it out. */
  readonly partitions?: readonly FieldSummary[];
}

/** The description of a manifest with these entries. */
export function manifestFile(
  manifest: Pick<ManifestFile, 'manifestPath' | 'manifestLength' | 'partitionSpecId' | 'addedSnapshotId'> & {
    readonly sequenceNumber: number;
  },
  fields: readonly TypedField[],
  entries: readonly ResolvedEntry[],
): ManifestFile {
  const of = (wanted: ManifestEntry['status']) => entries.filter((entry) => entry.status === wanted);
  const rows = (some: readonly ManifestEntry[]) =>
    some.reduce((sum, { dataFile }) => sum + dataFile.recordCount, 0);
  const [existing, added, deleted] = [of(status.existing), of(status.added), of(status.deleted)];
  const numbers = [...existing, ...added].map(({ sequenceNumber }) => sequenceNumber);
  return {
    ...manifest,
    content: 0,
    minSequenceNumber: numbers.reduce((least, each) => Math.min(least, each), manifest.sequenceNumber),
    addedFilesCount: added.length,
    existingFilesCount: existing.length,
    deletedFilesCount: deleted.length,
    addedRowsCount: rows(added),
    existingRowsCount: rows(existing),
    deletedRowsCount: rows(deleted),
    partitions: fields.map((field) => summaryOf(field, entries)),
  };
}

/** Deleted entries count too: a reader of changes looks for them. */
function summaryOf({ field, type }: TypedField, entries: readonly ManifestEntry[]): FieldSummary {
  let containsNull = false;
  let containsNan = false;
  let bounds: { readonly lower: SingleValue; readonly upper: SingleValue } | undefined;
  for (const { dataFile } of entries) {
    const value = dataFile.partition[field.name] ?? null;
    if (value === null) containsNull = true;
    else if (Number.isNaN(value)) containsNan = true;
    else {
      const { lower, upper } = bounds ?? { lower: value, upper: value };
      bounds = {
        lower: compareValues(value, lower) < 0 ? value : lower,
        upper: compareValues(value, upper) > 0 ? value : upper,
      };
    }
  }
  if (bounds === undefined) return { containsNull, containsNan };
  const [lowerBound, upperBound] = [serialize(type, bounds.lower), serialize(type, bounds.upper)];
  return { containsNull, containsNan, lowerBound, upperBound };
}

/** What a manifest list says of itself. */
export interface ListOwner {
  readonly snapshotId: Long;
  readonly parentSnapshotId: Long | undefined;
  readonly sequenceNumber: number;
}

export function manifestListBytes(owner: ListOwner, manifests: readonly ManifestFile[]): Buffer {
  const metadata = {
    'snapshot-id': String(owner.snapshotId),
    'parent-snapshot-id': String(owner.parentSnapshotId ?? 'null'),
    'sequence-number': String(owner.sequenceNumber),
    'format-version': '2',
  };
  return avroFile(manifestFileSchema, metadata, manifests.map(listRecord));
}

function listRecord(manifest: ManifestFile): object {
  return {
    manifest_path: manifest.manifestPath,
    manifest_length: manifest.manifestLength,
    partition_spec_id: manifest.partitionSpecId,
    content: manifest.content,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_snapshot_id: manifest.addedSnapshotId,
    added_files_count: manifest.addedFilesCount,
    existing_files_count: manifest.existingFilesCount,
    deleted_files_count: manifest.deletedFilesCount,
    added_rows_count: manifest.addedRowsCount,
    existing_rows_count: manifest.existingRowsCount,
    deleted_rows_count: manifest.deletedRowsCount,
    partitions: manifest.partitions?.map((each) => ({
      contains_null: each.containsNull,
      contains_nan: each.containsNan,
      lower_bound: each.lowerBound,
      upper_bound: each.upperBound,
    })),
  };
}

const names = namesById(manifestFileSchema);
const count = z.int().nonnegative();
const bytes = z.instanceof(Buffer).nullish();

const record = z.object({
  manifest_path: z.string(),
  manifest_length: count,
  partition_spec_id: z.int(),
  content: z.literal([0, 1]).default(0),
  sequence_number: count.default(0),
  min_sequence_number: count.default(0),
  added_snapshot_id: z.union([z.int(), z.bigint()]),
  added_files_count: count,
  existing_files_count: count,
  deleted_files_count: count,
  added_rows_count: count,
  existing_rows_count: count,
  deleted_rows_count: count,
  partitions: z
    .array(
      z.object({
        contains_null: z.boolean(),
        contains_nan: z.boolean().nullish(),
        lower_bound: bytes,
        upper_bound: bytes,
      }),
    )
    .nullish(),
});

/** @throws {Error} if the file is damaged, or lacks what the format's version 2 requires */
export function readManifestList(file: Buffer): ManifestFile[] {
  const { records } = readAvroFile(file, ({ name, 'field-id': id = -1 }) => names.get(id) ?? name);
  return records.map((each) => listEntry(record.parse(each)));
}

function listEntry(read: z.output<typeof record>): ManifestFile {
  return {
    manifestPath: read.manifest_path,
    manifestLength: read.manifest_length,
    partitionSpecId: read.partition_spec_id,
    content: read.content,
    sequenceNumber: read.sequence_number,
    minSequenceNumber: read.min_sequence_number,
    addedSnapshotId: read.added_snapshot_id,
    addedFilesCount: read.added_files_count,
    existingFilesCount: read.existing_files_count,
    deletedFilesCount: read.deleted_files_count,
    addedRowsCount: read.added_rows_count,
    existingRowsCount: read.existing_rows_count,
    deletedRowsCount: read.deleted_rows_count,
    ...(read.partitions && { partitions: read.partitions.map(summary) }),
  };
}

type Summary = NonNullable<z.output<typeof record>['partitions']>[number];

function summary(each: Summary): FieldSummary {
  return {
    containsNull: each.contains_null,
    ...(each.contains_nan != null && { containsNan: each.contains_nan }),
    ...(each.lower_bound && { lowerBound: each.lower_bound }),
    ...(each.upper_bound && { upperBound: each.upper_bound }),
  };
}
