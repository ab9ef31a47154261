import * as z from 'zod';
import { jsonOf, type Long } from '../../../domain/long.ts';
import type { PartitionSpec, Schema } from '../../../domain/tables/schema/types.ts';
import { avroFile, readAvroFile } from '../avro/container.ts';
import { type TypedField, typedFields } from '../values/partition-values.ts';
import { type DataFile, type ManifestEntry, type Partition, status } from './data-file.ts';
import { avroName, entrySchema, namesById } from './manifest-schema.ts';

/** What all the entries of a manifest share. */
export interface ManifestKind {
  /** The table's current schema. */
  readonly schema: Schema;
  readonly spec: PartitionSpec;
  readonly fields: readonly TypedField[];
}

/** @param schemas the table's, the current one first */
export function manifestKind(spec: PartitionSpec, schemas: readonly [Schema, ...Schema[]]): ManifestKind {
  return { schema: schemas[0], spec, fields: typedFields(spec, schemas) };
}

/**
 * A manifest of data files (specification, "Manifests").
 *
 * @throws {TypeError} if a partition's value is not of its field's type
 */
export function manifestBytes(
  { schema, spec, fields }: ManifestKind,
  entries: readonly ManifestEntry[],
): Buffer {
  const metadata = {
    schema: jsonOf(schema),
    'schema-id': String(schema['schema-id']),
    // The fields alone: readers refuse a whole spec.
    'partition-spec': jsonOf(spec.fields),
    'partition-spec-id': String(spec['spec-id']),
    'format-version': '2',
    content: 'data',
  };
  return avroFile(
    entrySchema(fields),
    metadata,
    entries.map((entry) => recordOf(entry, fields)),
  );
}

function recordOf({ dataFile: file, ...entry }: ManifestEntry, fields: readonly TypedField[]): object {
  return {
    status: entry.status,
    snapshot_id: entry.snapshotId,
    sequence_number: entry.sequenceNumber,
    file_sequence_number: entry.fileSequenceNumber,
    data_file: {
      content: 0,
      file_path: file.filePath,
      file_format: file.fileFormat,
      partition: partitionRecord(file, fields),
      record_count: file.recordCount,
      file_size_in_bytes: file.fileSizeInBytes,
      column_sizes: file.columnSizes,
      value_counts: file.valueCounts,
      null_value_counts: file.nullValueCounts,
      nan_value_counts: file.nanValueCounts,
      lower_bounds: file.lowerBounds,
      upper_bounds: file.upperBounds,
      split_offsets: file.splitOffsets,
      sort_order_id: file.sortOrderId,
    },
  };
}

/** @throws {TypeError} for a value that is not named, since null is a partition of its own */
function partitionRecord({ filePath, partition }: DataFile, fields: readonly TypedField[]): object {
  return Object.fromEntries(
    fields.map(({ field: { name } }) => {
      if (partition[name] === undefined)
        throw new TypeError(`${filePath} has no value of its partition ${name}.`);
      return [avroName(name), partition[name]];
    }),
  );
}

const names = namesById(entrySchema([]));
const count = z.int().nonnegative();
const long = z.union([z.int(), z.bigint()]);
const mapOf = <Value>() => z.custom<Map<number, Value>>((value) => value instanceof Map).nullish();

const record = z.object({
  status: z.literal([0, 1, 2]),
  snapshot_id: long.nullish(),
  sequence_number: count.nullish(),
  file_sequence_number: count.nullish(),
  data_file: z.object({
    content: z.literal(0, { error: 'Sluice reads no row-level deletes.' }).default(0),
    file_path: z.string(),
    file_format: z.string(),
    partition: z.custom<Partition>((value) => typeof value === 'object' && value !== null),
    record_count: count,
    file_size_in_bytes: count,
    column_sizes: mapOf<number>(),
    value_counts: mapOf<number>(),
    null_value_counts: mapOf<number>(),
    nan_value_counts: mapOf<number>(),
    lower_bounds: mapOf<Buffer>(),
    upper_bounds: mapOf<Buffer>(),
    split_offsets: z.array(count).nullish(),
    sort_order_id: z.int().nullish(),
  }),
});

/**
 * The entries of a manifest of data files, of any writer.
 *
 * @throws {Error} if the file is damaged, or tracks row-level deletes
 */
export function readManifest(spec: PartitionSpec, bytes: Buffer): ManifestEntry[] {
  const partitionNames = new Map(spec.fields.map((field) => [field['field-id'], field.name]));
  const { records } = readAvroFile(bytes, ({ name, 'field-id': id = -1 }) => {
    return names.get(id) ?? partitionNames.get(id) ?? name;
  });
  return records.map((each) => entryOf(record.parse(each)));
}

function entryOf({ data_file: file, ...entry }: z.output<typeof record>): ManifestEntry {
  return {
    status: entry.status,
    snapshotId: entry.snapshot_id ?? null,
    sequenceNumber: entry.sequence_number ?? null,
    fileSequenceNumber: entry.file_sequence_number ?? null,
    dataFile: present({
      filePath: file.file_path,
      fileFormat: file.file_format,
      partition: file.partition,
      recordCount: file.record_count,
      fileSizeInBytes: file.file_size_in_bytes,
      columnSizes: file.column_sizes,
      valueCounts: file.value_counts,
      nullValueCounts: file.null_value_counts,
      nanValueCounts: file.nan_value_counts,
      lowerBounds: file.lower_bounds,
      upperBounds: file.upper_bounds,
      splitOffsets: file.split_offsets,
      sortOrderId: file.sort_order_id,
    }),
  };
}

type Nullable<Type> = { [Key in keyof Type]: Type[Key] | null | undefined };

/** Leaves out the optional fields that are null. */
function present(file: Nullable<DataFile>): DataFile {
  return Object.fromEntries(
    Object.entries(file).filter(([, value]) => value !== null && value !== undefined),
  ) as unknown as DataFile;
}

/** What an entry inherits from the manifest that it is in. */
export interface Inherited {
  readonly addedSnapshotId: Long;
  readonly sequenceNumber: number;
}

export interface ResolvedEntry extends ManifestEntry {
  readonly snapshotId: Long;
  readonly sequenceNumber: number;
  readonly fileSequenceNumber: number;
}

/** Entries with the numbers that they inherit ("Sequence Number Inheritance"). @throws {Error} */
export function resolved(entries: readonly ManifestEntry[], manifest: Inherited): ResolvedEntry[] {
  return entries.map((entry) => {
    const own = entry.status === status.added ? manifest.sequenceNumber : undefined;
    const sequenceNumber = entry.sequenceNumber ?? own;
    const fileSequenceNumber = entry.fileSequenceNumber ?? own;
    if (sequenceNumber === undefined || fileSequenceNumber === undefined)
      throw new Error(
        `${entry.dataFile.filePath} has no sequence number in its manifest, which is required.`,
      );
    return {
      ...entry,
      snapshotId: entry.snapshotId ?? manifest.addedSnapshotId,
      sequenceNumber,
      fileSequenceNumber,
    };
  });
}

export const isLive = ({ status: is }: Pick<ManifestEntry, 'status'>): boolean => is !== status.deleted;
