import type { Long } from '../../../domain/long.ts';
import type { LiveFile } from '../../../formats/iceberg/manifest/data-file.ts';
import type { ReadFile } from '../../../formats/iceberg/metadata/files.ts';
import {
  currentSchema,
  parseMetadata,
  type Snapshot,
  schemaOf,
  snapshotOf,
  specOf,
  type TableMetadata,
} from '../../../formats/iceberg/metadata/metadata.ts';
import { liveFiles, snapshotAt } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { hiveType } from '../../../lake/glue-catalog.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
import type { Target } from '../../target/target.ts';
import { UserError } from '../../terminal/user-error.ts';
import type { CatalogTable } from '../catalog.ts';
import type { TableFile } from '../lake-files.ts';

/** An Iceberg table, as its metadata file says. */
export interface OpenTable {
  readonly metadata: TableMetadata;
  readonly read: ReadFile;
}

/** The snapshot with this id, or the one that was current at this time, in milliseconds since the epoch. */
export type At = { readonly snapshot: Long } | { readonly time: number };

/** What a table has in one snapshot. */
export interface SnapshotTable {
  /** With the columns of the snapshot. */
  readonly table: CatalogTable;
  readonly files: readonly LiveFile[];
}

/** @returns `undefined` for an Iceberg table before its first commit */
export async function openTable(
  { s3 }: Target,
  { metadata: uri }: { readonly metadata?: string | undefined },
): Promise<OpenTable | undefined> {
  if (uri === undefined) return undefined;
  const store = s3ObjectStore(s3);
  const read = async (path: string) => {
    const { bucket, key } = parseS3Uri(path);
    return Buffer.from(await store.bytes(bucket, key));
  };
  return { metadata: parseMetadata(await read(uri)), read };
}

/**
 * The files and columns of a table in its current snapshot, or in the one that is asked for.
 *
 * @throws {UserError} that names the snapshots, if none is the one that is asked for
 */
export async function snapshotTable(
  target: Target,
  table: CatalogTable,
  at: At | undefined,
): Promise<SnapshotTable> {
  const open = await openTable(target, table);
  const snapshot = chosen(table.name, open?.metadata, at);
  if (open === undefined) return { table, files: [] };
  const { metadata, read } = open;
  const id = at === undefined ? undefined : snapshot?.['schema-id'];
  const schema = id === undefined ? currentSchema(metadata) : schemaOf(metadata, id);
  const columns = schema.fields.map((field) => ({
    id: field.id,
    name: field.name,
    type: hiveType(field.type),
  }));
  const files = snapshot === undefined ? [] : await liveFiles(metadata, read, snapshot['snapshot-id']);
  return { table: { ...table, columns }, files };
}

/** The data files of a snapshot as files of its table. They never change, so that the size tells enough. */
export function tableFiles({ table, files }: SnapshotTable): TableFile[] {
  return files.map(({ filePath, fileSizeInBytes }) => ({
    key: parseS3Uri(filePath).key,
    tag: String(fileSizeInBytes),
    partition: { values: [], prefix: table.prefix },
  }));
}

const NAMED = 5;

function chosen(name: string, metadata: TableMetadata | undefined, at: At | undefined): Snapshot | undefined {
  if (at === undefined) return metadata && snapshotOf(metadata);
  const { snapshots = [] } = metadata ?? {};
  const found =
    'snapshot' in at
      ? snapshots.find((each) => each['snapshot-id'] === at.snapshot)
      : metadata && snapshotAt(metadata, at.time);
  if (found !== undefined) return found;
  const asked = 'snapshot' in at ? `${at.snapshot}` : `of ${new Date(at.time).toISOString()} or before`;
  const newest = snapshots.slice(-NAMED).map((each) => `${each['snapshot-id']} of ${timeOf(each)}`);
  const others = snapshots.length > NAMED ? `The newest of its ${snapshots.length}` : 'They';
  throw new UserError(
    snapshots.length === 0
      ? `${name} has no snapshot yet: nothing was committed to it.`
      : `${name} has no snapshot ${asked}. ${others} are: ${newest.join(', ')}. To list them: npx sluice snapshots ${name}`,
  );
}

const timeOf = (snapshot: Snapshot) => new Date(snapshot['timestamp-ms']).toISOString();

/** Bytes. Each file costs a reader some requests, so that many of such make queries slow. */
const SMALL = 32 * 1024 * 1024;

/** What there is of an Iceberg table. */
export interface TableSummary {
  /** The columns whose values are those of a file's partition. */
  readonly partitionedBy: readonly string[];
  readonly snapshots: number;
  /** ISO 8601; there is none before the first snapshot. */
  readonly committedAt?: string;
  /** Of the current snapshot, as all that follows. */
  readonly files: number;
  readonly smallFiles: number;
  readonly bytes: number;
  readonly rows: number;
}

export async function summaryOf(target: Target, table: CatalogTable): Promise<TableSummary> {
  const open = await openTable(target, table);
  if (open === undefined)
    return { partitionedBy: [], snapshots: 0, files: 0, smallFiles: 0, bytes: 0, rows: 0 };
  const { metadata, read } = open;
  const current = snapshotOf(metadata);
  const files = await liveFiles(metadata, read);
  return {
    partitionedBy: specOf(metadata, metadata['default-spec-id']).fields.map(({ name }) => name),
    snapshots: metadata.snapshots.length,
    ...(current && { committedAt: timeOf(current) }),
    files: files.length,
    smallFiles: files.filter(({ fileSizeInBytes }) => fileSizeInBytes < SMALL).length,
    bytes: files.reduce((sum, { fileSizeInBytes }) => sum + fileSizeInBytes, 0),
    rows: files.reduce((sum, { recordCount }) => sum + recordCount, 0),
  };
}

/** A snapshot as it is listed. */
export interface ListedSnapshot {
  readonly table: string;
  /** Digits: other engines' ids do not fit into a number of JSON. */
  readonly snapshot: string;
  readonly committedAt: string;
  readonly operation: string;
  readonly current: boolean;
  readonly added: Counts;
  readonly removed: Counts;
  readonly total: Counts;
}

interface Counts {
  readonly files: number;
  readonly rows: number;
}

/** The snapshots of a table, newest first. */
export function listedSnapshots(table: string, metadata: TableMetadata): ListedSnapshot[] {
  return metadata.snapshots.toReversed().map((each) => {
    const { summary } = each;
    const counts = (files: string, rows: string) => ({
      files: Number(summary[files] ?? 0),
      rows: Number(summary[rows] ?? 0),
    });
    return {
      table,
      snapshot: String(each['snapshot-id']),
      committedAt: timeOf(each),
      operation: summary.operation,
      current: each['snapshot-id'] === metadata['current-snapshot-id'],
      added: counts('added-data-files', 'added-records'),
      removed: counts('deleted-data-files', 'deleted-records'),
      total: counts('total-data-files', 'total-records'),
    };
  });
}
