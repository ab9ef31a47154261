import { randomUUID } from 'node:crypto';
import type { Long } from '../../../domain/long.ts';
import type { DataFile } from '../manifest/data-file.ts';
import { manifestListBytes } from '../manifest/manifest-list.ts';
import {
  type LocatedMetadata,
  metadataPath,
  type NewFile,
  type NextMetadata,
  newSnapshotId,
  nextMetadata,
  type ReadFile,
} from './files.ts';
import { ManifestsAfter, type Removal } from './manifests-after.ts';
import { type Snapshot, snapshotOf, type TableMetadata } from './metadata.ts';
import { operationOf, summaryOf } from './summary.ts';

/** The property of a snapshot's summary that names a commit of ours, so that a repeat finds itself. */
export const COMMIT_PROPERTY = 'sluice.commit';

export interface CommitRequest {
  readonly base: LocatedMetadata;
  /** Of the table's current partition spec. */
  readonly added?: readonly DataFile[];
  readonly removed?: readonly Removal[];
  /** Files that no manifest of the snapshot may name any more, not even as deleted. */
  readonly forgotten?: (path: string) => boolean;
  /** The same rows in other files: a compaction. */
  readonly replace?: boolean;
  /** Further properties of the snapshot: `COMMIT_PROPERTY` among them. */
  readonly summary?: Readonly<Record<string, string>>;
  readonly read: ReadFile;
  /** Milliseconds. */
  readonly now: number;
  /** With more small manifests than this, they are merged. */
  readonly mostManifests?: number;
  /** Of the new files' names; a new one for each attempt, since an earlier one may have been committed. */
  readonly uuid?: string;
  readonly snapshotId?: number;
}

/**
 * A snapshot to be committed: write the manifests, then the list, then the metadata, then move the pointer.
 */
export interface Commit {
  readonly snapshot: Snapshot;
  readonly manifests: readonly NewFile[];
  readonly manifestList: NewFile;
  readonly metadata: NextMetadata;
}

/** Java's `commit.manifest.min-count-to-merge`. */
const MOST_MANIFESTS = 100;

/**
 * The next snapshot of a table. What is added and removed decides of its operation: append, delete,
 * overwrite, replace; without either, it merges manifests.
 *
 * @throws {NotLive} if a removed file is not in the table
 * @throws {Error} if a file is added twice, or a replacement changes the number of rows
 */
export async function commit(request: CommitRequest): Promise<Commit> {
  const { base, added = [], removed = [], replace = false, read, now, uuid = randomUUID() } = request;
  const { metadata } = base;
  refuseDuplicates([...added.map(({ filePath }) => filePath), ...removed.map(({ path }) => path)]);
  const parent = snapshotOf(metadata);
  const snapshotId = request.snapshotId ?? newSnapshotId();
  const sequenceNumber = metadata['last-sequence-number'] + 1;
  const after = new ManifestsAfter({ metadata, read, snapshotId, sequenceNumber, uuid });
  await after.open(parent);
  if (request.forgotten !== undefined) await after.forget(request.forgotten);
  await after.remove(removed);
  if (replace) refuseOtherRows(added, after.removed);
  after.add(added);
  await after.merge(request.mostManifests ?? MOST_MANIFESTS);
  const list = manifestListBytes(
    { snapshotId, parentSnapshotId: parent?.['snapshot-id'], sequenceNumber },
    after.all,
  );
  const manifestList = {
    path: metadataPath(metadata.location, `snap-${snapshotId}-1-${uuid}.avro`),
    bytes: list,
  };
  const snapshot: Snapshot = {
    'snapshot-id': snapshotId,
    ...(parent && { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': sequenceNumber,
    // Later than the one before it, whatever the clocks say: else that one might never expire.
    'timestamp-ms': Math.max(now, metadata['last-updated-ms'], 1 + (parent?.['timestamp-ms'] ?? 0)),
    'manifest-list': manifestList.path,
    'schema-id': metadata['current-schema-id'],
    summary: {
      ...request.summary,
      operation: operationOf(added, after.removed, { replace, merged: after.merged }),
      ...summaryOf({
        added,
        removed: after.removed,
        manifests: after.all,
        parent,
        created: after.created.length,
      }),
    },
  };
  return {
    snapshot,
    manifests: after.created,
    manifestList,
    metadata: nextMetadata(base, withSnapshot(metadata, snapshot), { now, uuid }),
  };
}

/** The commit of this name, if the table has it. A repeat after an unknown outcome asks first. */
export function findCommit(metadata: TableMetadata, name: string): Snapshot | undefined {
  return metadata.snapshots.findLast(({ summary }) => summary[COMMIT_PROPERTY] === name);
}

function withSnapshot(metadata: TableMetadata, snapshot: Snapshot): TableMetadata {
  const { 'snapshot-id': id, 'timestamp-ms': time, 'sequence-number': sequenceNumber } = snapshot;
  return {
    ...metadata,
    'last-sequence-number': sequenceNumber,
    'current-snapshot-id': id,
    snapshots: [...metadata.snapshots, snapshot],
    'snapshot-log': [...metadata['snapshot-log'], { 'timestamp-ms': time, 'snapshot-id': id }],
    refs: { ...metadata.refs, main: { ...metadata.refs['main'], 'snapshot-id': id as Long, type: 'branch' } },
  };
}

function refuseDuplicates(paths: readonly string[]): void {
  const seen = new Set<string>();
  for (const path of paths) {
    if (seen.has(path))
      throw new Error(`${path} is named twice in one commit: each file comes or goes once.`);
    seen.add(path);
  }
}

function refuseOtherRows(added: readonly DataFile[], removed: readonly DataFile[]): void {
  const [before, after] = [removed, added].map((files) =>
    files.reduce((sum, { recordCount }) => sum + recordCount, 0),
  );
  if (before !== after)
    throw new Error(`A replacement must keep the rows, and this one makes ${after} of ${before}.`);
}
