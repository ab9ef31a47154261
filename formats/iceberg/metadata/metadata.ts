import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { jsonOf, type Long, parseJson } from '../../../domain/long.ts';
import { partitionSpec, type Schema, schema, sortOrder } from '../../../domain/tables/schema/types.ts';

/** Far more than Glue takes: 20 MB. */
const MOST_BYTES = 256 * 1024 * 1024;

const long = z.union([z.int(), z.bigint()]);
const count = z.int().nonnegative();

const snapshot = z.looseObject({
  'snapshot-id': long,
  'parent-snapshot-id': long.nullish(),
  'sequence-number': count,
  'timestamp-ms': count,
  'manifest-list': z.string(),
  'schema-id': z.int().optional(),
  summary: z.looseObject({ operation: z.string() }).catchall(z.string()),
});
/** The state of a table at some time (specification, "Snapshots"). */
export type Snapshot = z.output<typeof snapshot>;

const ref = z.looseObject({ 'snapshot-id': long, type: z.enum(['branch', 'tag']) });

const tableMetadata = z.looseObject({
  'format-version': z.literal(2),
  'table-uuid': z.string(),
  location: z.string(),
  'last-sequence-number': count,
  'last-updated-ms': count,
  'last-column-id': z.int(),
  schemas: z.array(schema),
  'current-schema-id': z.int(),
  'partition-specs': z.array(partitionSpec),
  'default-spec-id': z.int(),
  'last-partition-id': z.int(),
  'sort-orders': z.array(sortOrder),
  'default-sort-order-id': z.int(),
  properties: z.record(z.string(), z.string()).default({}),
  /** Java writes -1 for none. */
  'current-snapshot-id': long.nullish().transform((id) => (id === -1 ? undefined : (id ?? undefined))),
  snapshots: z.array(snapshot).default([]),
  'snapshot-log': z.array(z.looseObject({ 'timestamp-ms': count, 'snapshot-id': long })).default([]),
  'metadata-log': z.array(z.looseObject({ 'timestamp-ms': count, 'metadata-file': z.string() })).default([]),
  refs: z.record(z.string(), ref).default({}),
});
/** A table's metadata file (specification, "Table Metadata Fields"), with the fields that we don't know. */
export type TableMetadata = z.output<typeof tableMetadata>;

/**
 * Reads a metadata file, plain or compressed by gzip.
 *
 * @throws {Error} that says what of it is not as the format's version 2 wants it
 */
export function parseMetadata(bytes: Buffer): TableMetadata {
  const compressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = compressed ? gunzipSync(bytes, { maxOutputLength: MOST_BYTES }) : bytes;
  const read = tableMetadata.safeParse(parseJson(plain.toString('utf8')));
  if (read.success) return read.data;
  throw new Error(`The file is not Iceberg metadata of format version 2: ${z.prettifyError(read.error)}`);
}

/** The bytes of a metadata file, never compressed: Redshift can't write such a table. */
export function metadataBytes(metadata: TableMetadata): Buffer {
  return Buffer.from(jsonOf(metadata));
}

/** @throws {Error} if the metadata contradicts itself */
export function currentSchema(metadata: TableMetadata): Schema {
  return schemaOf(metadata, metadata['current-schema-id']);
}

export function schemaOf(metadata: TableMetadata, id: number): Schema {
  return named(metadata.schemas, (each) => each['schema-id'] === id, `schema ${id}`);
}

export function specOf(metadata: TableMetadata, id: number) {
  return named(metadata['partition-specs'], (each) => each['spec-id'] === id, `partition spec ${id}`);
}

/** @returns `undefined` if the table has no snapshot yet @throws {Error} if there is none with this id */
export function snapshotOf(
  metadata: TableMetadata,
  id: Long | undefined = metadata['current-snapshot-id'],
): Snapshot | undefined {
  if (id === undefined) return undefined;
  return named(metadata.snapshots, (each) => each['snapshot-id'] === id, `snapshot ${id}`);
}

function named<Each>(all: readonly Each[], isIt: (each: Each) => boolean, what: string): Each {
  const found = all.find(isIt);
  if (found === undefined) throw new Error(`The table has no ${what}.`);
  return found;
}
