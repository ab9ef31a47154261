import pLimit from 'p-limit';
import {
  csvTableKey,
  csvTablePrefix,
  type PublishedPath,
  parseDataKey,
  type VersionPath,
} from '../../../domain/versions/key-layout.ts';
import { isShownBy, type LedgerEntry, withCommitted } from '../../../domain/versions/ledger.ts';
import { catalogValues } from '../../../domain/versions/partition-path.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import { activeObject, isActive } from '../../../domain/versions/version-status.ts';
import type { Ledger } from '../../../store/ledger.ts';
import { settleAll } from '../../../store/settle-all.ts';
import type { StageContext } from '../context.ts';
import { type Outcome, withoutRecords } from '../outcome.ts';
import type { SinkBuckets } from '../removal.ts';
import { removeSuperseded } from '../supersede.ts';
import { commitEvent } from './commit-event.ts';
import { olderVersions } from './older-versions.ts';

const COPIES_AT_ONCE = 8;

interface CopyCommit {
  readonly path: PublishedPath;
  readonly ledger: Ledger;
  readonly buckets: SinkBuckets;
  readonly context: StageContext;
}

/**
 * Commits to the table of a dataset that is processed as CSV: copies a version's files into the table's
 * folder, has new partitions known to the catalog, then removes the files of older versions. A reader of the
 * folder meets both in between.
 */
export async function commitCopies(commit: CopyCommit): Promise<Outcome> {
  const { path, ledger, buckets, context } = commit;
  const known = await ledger.known(path);
  const entry = known?.entry;
  if (!isActive(entry, path)) return overtaken(entry, commit);
  const { dataset } = path;
  const object = activeObject(entry);
  const isNoted = isShownBy('committed', entry);
  if (isNoted && entry.superseded.length === 0) return withoutRecords(dataset, 'duplicate', object);
  const { type, sequencer, versionId } = entry.current;
  const files = type === 'created' ? await filesOf(path, ledger) : [];
  await copyFiles(files, commit);
  await registerFolders(files, commit);
  // Before the ledger notes it: an attempt that dies in between tells it again.
  if (!isNoted) await context.announce?.([commitEvent(entry, files, undefined)]);
  // A deletion for good has the name of its version.
  const isStill = (now: LedgerEntry | undefined): now is LedgerEntry =>
    isActive(now, path) && now.current.type === type;
  const latest = await ledger.change(
    path,
    (now) => (isStill(now) ? withCommitted(now, { type, sequencer, versionId }) : now),
    known,
  );
  if (!isStill(latest)) return overtaken(latest, commit);
  // From now on, copies of an older version that come late are removed by who makes them.
  for (const older of olderVersions(entry)) await removeCopies(older, commit);
  await removeSuperseded(latest, ledger, context.store, buckets);
  return withoutRecords(dataset, type === 'created' ? 'done' : 'retracted', object);
}

/**
 * Removes the copies of a version that is not active, if the table shows the one that is: else that one's
 * commit does.
 */
async function overtaken(entry: LedgerEntry | undefined, commit: CopyCommit): Promise<Outcome> {
  if (entry !== undefined && isShownBy('committed', entry)) await removeCopies(commit.path, commit);
  return withoutRecords(commit.path.dataset, 'stale');
}

async function copyFiles(files: readonly StoredObject[], { buckets, context }: CopyCommit): Promise<void> {
  const bucket = buckets.processed;
  const limit = pLimit(COPIES_AT_ONCE);
  await settleAll(
    files.map(({ key, versionId = '' }) =>
      limit(() => context.store.copy({ bucket, key, versionId }, { bucket, key: csvTableKey(key) })),
    ),
  );
}

/** Queries see only the files of partitions that the catalog knows. */
async function registerFolders(
  files: readonly StoredObject[],
  { path: { dataset }, buckets, context: { catalog } }: CopyCommit,
): Promise<void> {
  const paths = new Set(files.map(({ key }) => parseDataKey(key)?.partitionPath ?? ''));
  paths.delete('');
  if (paths.size === 0) return;
  if (catalog === undefined) throw new TypeError('The commit has no catalog.');
  const folder = `s3://${buckets.processed}/${csvTablePrefix(dataset)}`;
  await catalog.register(
    dataset,
    [...paths].map((each) => ({ values: catalogValues(each), location: `${folder}${each}` })),
  );
}

async function removeCopies(
  path: VersionPath | PublishedPath,
  { ledger, buckets, context }: CopyCommit,
): Promise<void> {
  const copies = (await filesOf(path, ledger)).map(({ key }) => csvTableKey(key));
  await context.store.remove(buckets.processed, copies);
}

/** The files of a version that was published; none of one that was not, or that has none. */
async function filesOf(path: VersionPath | PublishedPath, ledger: Ledger): Promise<StoredObject[]> {
  const last = 'part' in path ? path.part : undefined;
  return (await ledger.publishedParts(path, last)).flatMap(({ files }) => files);
}
