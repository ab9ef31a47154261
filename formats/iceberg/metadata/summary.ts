import { jsonOf } from '../../../domain/long.ts';
import type { DataFile } from '../manifest/data-file.ts';
import type { ManifestFile } from '../manifest/manifest-list.ts';
import type { Snapshot } from './metadata.ts';

/** A snapshot's operation (specification, "Snapshots"). */
export function operationOf(
  added: readonly unknown[],
  removed: readonly unknown[],
  { replace, merged }: { readonly replace: boolean; readonly merged: boolean },
): 'append' | 'replace' | 'overwrite' | 'delete' {
  if (added.length === 0 && removed.length === 0) return merged ? 'replace' : 'append';
  if (removed.length === 0) return 'append';
  if (added.length === 0) return 'delete';
  return replace ? 'replace' : 'overwrite';
}

export interface Change {
  readonly added: readonly DataFile[];
  readonly removed: readonly DataFile[];
  /** All of the new snapshot. */
  readonly manifests: readonly ManifestFile[];
  /** How many of them are new. */
  readonly created: number;
  readonly parent: Snapshot | undefined;
}

/** Totals of row-level deletes: no commit of ours changes them. */
const deletes = ['total-delete-files', 'total-position-deletes', 'total-equality-deletes'] as const;

/**
 * The figures of a snapshot ("Optional Snapshot Summary Fields"). Redshift Spectrum requires the totals.
 * Those of files and rows are counted, so that they are right whatever the snapshot before says.
 */
export function summaryOf({ added, removed, manifests, created, parent }: Change): Record<string, string> {
  const before = parent?.summary;
  const data = manifests.filter(({ content }) => content === 0);
  const sizeBefore = parent === undefined ? '0' : before?.['total-files-size'];
  const size =
    sizeBefore && Number(sizeBefore) + sum(added, 'fileSizeInBytes') - sum(removed, 'fileSizeInBytes');
  const partitions = new Set([...added, ...removed].map(({ partition }) => partitionKey(partition)));
  const figures = {
    'added-data-files': added.length,
    'deleted-data-files': removed.length,
    'added-records': sum(added, 'recordCount'),
    'deleted-records': sum(removed, 'recordCount'),
    'added-files-size': sum(added, 'fileSizeInBytes'),
    'removed-files-size': sum(removed, 'fileSizeInBytes'),
    'changed-partition-count': partitions.size,
  };
  const totals = {
    'total-data-files': sum(data, 'addedFilesCount') + sum(data, 'existingFilesCount'),
    'total-records': sum(data, 'addedRowsCount') + sum(data, 'existingRowsCount'),
    'manifests-created': created,
    'manifests-kept': manifests.length - created,
    ...(size !== undefined && { 'total-files-size': size }),
  };
  return Object.fromEntries(
    [
      ...Object.entries(figures).filter(([, figure]) => figure > 0),
      ...Object.entries(totals),
      ...deletes.map((name) => [name, before?.[name] ?? '0'] as const),
    ].map(([name, figure]) => [name, String(figure)]),
  );
}

const partitionKey = (partition: DataFile['partition']): string =>
  jsonOf(
    Object.entries(partition).map(([name, value]) => [
      name,
      Buffer.isBuffer(value) ? value.toString('hex') : value,
    ]),
  );

function sum<Key extends string>(all: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return all.reduce((total, each) => total + each[key], 0);
}
