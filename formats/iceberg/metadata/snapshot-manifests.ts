import type { Long } from '../../../domain/long.ts';
import type { LiveFile } from '../manifest/data-file.ts';
import { isLive, type ResolvedEntry, readManifest, resolved } from '../manifest/manifest.ts';
import { type ManifestFile, readManifestList } from '../manifest/manifest-list.ts';
import type { ReadFile } from './files.ts';
import { type Snapshot, snapshotOf, specOf, type TableMetadata } from './metadata.ts';

/** How many files of one table are read at once. */
export const READS_AT_ONCE = 16;

/** The manifests of a snapshot; none if there is no snapshot. */
export async function manifestsOf(snapshot: Snapshot | undefined, read: ReadFile): Promise<ManifestFile[]> {
  return snapshot === undefined ? [] : readManifestList(await read(snapshot['manifest-list']));
}

/** Whether a manifest has files that its snapshot shows. */
export function hasLive({ addedFilesCount, existingFilesCount }: ManifestFile): boolean {
  return addedFilesCount + existingFilesCount > 0;
}

export async function entriesOf(
  metadata: TableMetadata,
  manifest: ManifestFile,
  read: ReadFile,
): Promise<ResolvedEntry[]> {
  const spec = specOf(metadata, manifest.partitionSpecId);
  return resolved(readManifest(spec, await read(manifest.manifestPath)), manifest);
}

/** A manifest with its entries. */
export interface OpenManifest {
  readonly manifest: ManifestFile;
  readonly entries: readonly ResolvedEntry[];
}

/** Reads manifests in their order, some at once. Who has seen enough stops. */
export async function* openManifests(
  metadata: TableMetadata,
  manifests: readonly ManifestFile[],
  read: ReadFile,
): AsyncGenerator<OpenManifest> {
  for (let at = 0; at < manifests.length; at += READS_AT_ONCE) {
    const some = manifests.slice(at, at + READS_AT_ONCE);
    const opened = some.map(async (manifest) => ({
      manifest,
      entries: await entriesOf(metadata, manifest, read),
    }));
    for (const each of await Promise.all(opened)) yield each;
  }
}

/**
 * The data files of a snapshot, by default the current one. Their rows are the table's.
 *
 * @throws {Error} if there is no such snapshot, or it has row-level deletes, which another engine wrote
 */
export async function liveFiles(
  metadata: TableMetadata,
  read: ReadFile,
  snapshotId?: Long,
): Promise<LiveFile[]> {
  const manifests = await manifestsOf(snapshotOf(metadata, snapshotId), read);
  const live = manifests.filter(hasLive);
  if (live.some(({ content }) => content === 1))
    throw new Error(
      'The table has row-level deletes of another engine, which Sluice does not read: rewrite its data files there.',
    );
  const files: LiveFile[] = [];
  for await (const { manifest, entries } of openManifests(metadata, live, read))
    for (const { dataFile, snapshotId: id, sequenceNumber, fileSequenceNumber } of entries.filter(isLive))
      files.push({
        ...dataFile,
        snapshotId: id,
        sequenceNumber,
        fileSequenceNumber,
        specId: manifest.partitionSpecId,
      });
  return files;
}

/** The snapshot that the table showed at a time, in milliseconds; `undefined` if none is known. */
export function snapshotAt(metadata: TableMetadata, time: number): Snapshot | undefined {
  const shown = metadata['snapshot-log'].findLast((entry) => entry['timestamp-ms'] <= time);
  return shown && metadata.snapshots.find((each) => each['snapshot-id'] === shown['snapshot-id']);
}
