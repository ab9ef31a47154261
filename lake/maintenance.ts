import { dataPrefixOf, parseDataKey, type VersionPath } from '../domain/versions/key-layout.ts';
import { expire, onlyExpired, snapshotFiles } from '../formats/iceberg/metadata/expire.ts';
import { nextMetadata } from '../formats/iceberg/metadata/files.ts';
import type { TableMetadata } from '../formats/iceberg/metadata/metadata.ts';
import type { IcebergTable, TableState } from './iceberg-table.ts';

export interface Retention {
  /** How long a query may go on reading what the table shows no more. Milliseconds. */
  readonly grace: number;
  /** How long snapshots are kept for queries of the past. Milliseconds. */
  readonly age: number;
  /**
   * How many are kept at most, unless `grace` wants more: the metadata is read and written by each commit.
   */
  readonly most: number;
}

/**
 * The time before which snapshots expire. A snapshot is shown until its successor comes, so its age counts
 * from there.
 */
export function expiryOf(
  { snapshots }: Pick<TableMetadata, 'snapshots'>,
  { grace, age, most }: Retention,
  now: number,
): number {
  const shownUntil = (i: number) => snapshots[i + 1]?.['timestamp-ms'] ?? Number.POSITIVE_INFINITY;
  const isObsolete = (i: number) =>
    shownUntil(i) < now - age || (i < snapshots.length - most && shownUntil(i) < now - grace);
  const first = snapshots.findIndex((_, i) => !isObsolete(i));
  return snapshots[first]?.['timestamp-ms'] ?? 0;
}

/**
 * Forgets a table's old snapshots, and removes the files that only these have. The metadata goes first: until
 * then, readers find all files.
 *
 * @returns how many snapshots and files went; `conflict` if somebody else changed the table meanwhile
 */
export async function expireSnapshots(
  table: IcebergTable,
  state: TableState,
  retention: Retention,
  { now, uuid }: { readonly now: number; readonly uuid: string },
): Promise<{ readonly snapshots: number; readonly files: number } | 'conflict'> {
  const { metadata, expired } = expire(state.metadata, {
    before: expiryOf(state.metadata, retention, now),
    keep: 1,
  });
  if (metadata === undefined) return { snapshots: 0, files: 0 };
  const read = (uri: string) => table.file(uri);
  const { data, manifests, manifestLists } = await onlyExpired(metadata, expired, read);
  const next = nextMetadata(state, metadata, { now, uuid });
  if (!(await table.point(state, next))) return 'conflict';
  const files = [...data, ...manifests, ...manifestLists, ...next.forgotten];
  await table.remove(files);
  return { snapshots: expired.length, files: files.length };
}

/** A file of the lake as it is listed. */
export interface ListedFile {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly modified: number;
}

/**
 * The keys of a table's folder that are of no use to anybody: they are older than the time, no snapshot and
 * no metadata names them, and their version is not about to be published.
 *
 * @param isPrepared whether the files of a version that is in no snapshot may still come into one
 */
export async function garbageOf(
  table: IcebergTable,
  { path, metadata }: TableState,
  files: AsyncIterable<ListedFile>,
  before: number,
  isPrepared: (path: VersionPath) => Promise<boolean>,
): Promise<string[]> {
  const named = await snapshotFiles(metadata, (uri) => table.file(uri));
  const kept = new Set([
    path,
    ...metadata['metadata-log'].map((each) => each['metadata-file']),
    ...named.data,
    ...named.manifests,
    ...named.manifestLists,
  ]);
  const garbage: string[] = [];
  const prepared = new Map<string, boolean>();
  for await (const { key, modified } of files) {
    if (modified >= before || kept.has(table.uri(key))) continue;
    const file = parseDataKey(key);
    if (file === undefined && key.startsWith(dataPrefixOf(table.name))) continue;
    if (file !== undefined) {
      const version = `${file.objectId}/${file.version}`;
      const known = prepared.get(version) ?? (await isPrepared(file));
      prepared.set(version, known);
      if (known) continue;
    }
    garbage.push(key);
  }
  return garbage;
}
