import type { Long } from '../../../domain/long.ts';
import { isLive } from '../manifest/manifest.ts';
import type { ManifestFile } from '../manifest/manifest-list.ts';
import type { ReadFile } from './files.ts';
import { type Snapshot, snapshotOf, type TableMetadata } from './metadata.ts';
import { manifestsOf, openManifests, READS_AT_ONCE } from './snapshot-manifests.ts';

export interface Retention {
  /** Snapshots of before this time expire. Milliseconds. */
  readonly before: number;
  /** How many of the newest stay in any case, the current one included. */
  readonly keep: number;
}

export interface Expiry {
  /** Without the expired snapshots; `undefined` if none expired. Commit it before any file goes. */
  readonly metadata: TableMetadata | undefined;
  readonly expired: readonly Snapshot[];
}

/**
 * Forgets old snapshots (specification, "Snapshot Retention Policy"). Those that a branch or a tag names
 * stay. Make the file of the result by `nextMetadata`.
 */
export function expire(metadata: TableMetadata, { before, keep }: Retention): Expiry {
  const named = new Set<Long>(Object.values(metadata.refs).map((ref) => ref['snapshot-id']));
  const newest = new Set(lineage(metadata).slice(0, Math.max(1, keep)));
  const stays = (snapshot: Snapshot) =>
    snapshot['timestamp-ms'] >= before || named.has(snapshot['snapshot-id']) || newest.has(snapshot);
  const expired = metadata.snapshots.filter((snapshot) => !stays(snapshot));
  if (expired.length === 0) return { metadata: undefined, expired };
  const gone = new Set(expired.map((snapshot) => snapshot['snapshot-id']));
  const log = metadata['snapshot-log'];
  // What lies before an expired entry would tell a false history.
  const firstKept = log.findLastIndex((entry) => gone.has(entry['snapshot-id'])) + 1;
  const shortened: TableMetadata = {
    ...metadata,
    snapshots: metadata.snapshots.filter(stays),
    'snapshot-log': log.slice(firstKept),
  };
  for (const name of ['statistics', 'partition-statistics'] as const) {
    const files = metadata[name];
    if (Array.isArray(files))
      shortened[name] = files.filter(
        (each: Readonly<Record<string, Long>>) => !gone.has(each['snapshot-id'] as Long),
      );
  }
  return { metadata: shortened, expired };
}

/** The current snapshot and its ancestors, as far as they are known. */
function lineage(metadata: TableMetadata): Snapshot[] {
  const byId = new Map(metadata.snapshots.map((each) => [each['snapshot-id'], each]));
  const found: Snapshot[] = [];
  for (let at = snapshotOf(metadata); at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1))
    found.push(at);
  return found;
}

/** Full URIs. */
export interface SnapshotFiles {
  readonly data: readonly string[];
  readonly manifests: readonly string[];
  readonly manifestLists: readonly string[];
}

/**
 * The files that only expired snapshots name: after a grace time for running queries, they can go.
 *
 * @param metadata without the expired snapshots
 * @throws the errors of `read`, and of damaged files: then nothing may be deleted
 */
export async function onlyExpired(
  metadata: TableMetadata,
  expired: readonly Snapshot[],
  read: ReadFile,
): Promise<SnapshotFiles> {
  const kept = await manifestsByPath(metadata.snapshots, read);
  const old = await manifestsByPath(expired, read);
  const gone = [...old.values()].filter(({ manifestPath }) => !kept.has(manifestPath));
  const data = new Set<string>();
  for await (const { entries } of openManifests(metadata, gone, read))
    for (const { dataFile } of entries.filter(isLive)) data.add(dataFile.filePath);
  if (data.size > 0)
    for await (const { entries } of openManifests(metadata, [...kept.values()], read))
      for (const { dataFile } of entries.filter(isLive)) data.delete(dataFile.filePath);
  return {
    data: [...data],
    manifests: gone.map(({ manifestPath }) => manifestPath),
    manifestLists: expired.map((snapshot) => snapshot['manifest-list']),
  };
}

/** All the files that a table's snapshots name: whatever else lies in its folder is garbage. */
export async function snapshotFiles(metadata: TableMetadata, read: ReadFile): Promise<SnapshotFiles> {
  const manifests = await manifestsByPath(metadata.snapshots, read);
  const data = new Set<string>();
  for await (const { entries } of openManifests(metadata, [...manifests.values()], read))
    for (const { dataFile } of entries.filter(isLive)) data.add(dataFile.filePath);
  return {
    data: [...data],
    manifests: [...manifests.keys()],
    manifestLists: metadata.snapshots.map((snapshot) => snapshot['manifest-list']),
  };
}

async function manifestsByPath(
  snapshots: readonly Snapshot[],
  read: ReadFile,
): Promise<Map<string, ManifestFile>> {
  const found = new Map<string, ManifestFile>();
  for (let at = 0; at < snapshots.length; at += READS_AT_ONCE) {
    const some = snapshots.slice(at, at + READS_AT_ONCE).map((snapshot) => manifestsOf(snapshot, read));
    for (const manifest of (await Promise.all(some)).flat()) found.set(manifest.manifestPath, manifest);
  }
  return found;
}
