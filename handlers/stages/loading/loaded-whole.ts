import type { Dataset } from '../../../domain/dataset.ts';
import { revisionSequencer } from '../../../domain/tables/row-identity.ts';
import { archiveKey, versionPath } from '../../../domain/versions/key-layout.ts';
import { isSettled, type LedgerEntry, withLoaded } from '../../../domain/versions/ledger.ts';
import { plainArchiveKey } from '../../../domain/versions/plain-files.ts';
import { MAX_REVISION, revisionName } from '../../../domain/versions/revision.ts';
import type { ActiveEntry } from '../../../domain/versions/version-status.ts';
import type { KnownEntry, Ledger } from '../../../store/ledger.ts';
import type { StageContext } from '../context.ts';
import type { SinkBuckets } from '../removal.ts';
import { removeSuperseded } from '../supersede.ts';

/**
 * Removes what MySQL and the archive have of older versions, when all of the active one is loaded, or its
 * object is deleted. The invocation that loads the last part does this; if it dies, its message comes again.
 *
 * @returns the entry afterwards, in which another version may be active by now
 */
export async function showOnlyActive(
  read: KnownEntry & { readonly entry: ActiveEntry },
  dataset: Dataset,
  ledger: Ledger,
  buckets: SinkBuckets,
  { store, tables }: StageContext,
): Promise<LedgerEntry | undefined> {
  const { entry } = read;
  const { key, current, loaded, superseded } = entry;
  if (superseded.length > 0 || loaded?.type === 'created') {
    // A deletion covers all revisions of a version.
    if (current.type === 'created') await tables?.retract(dataset, key, revisionSequencer(current));
    else
      await tables?.retract(dataset, key, revisionName(current.sequencer, MAX_REVISION), {
        which: 'older and its own',
      });
  }
  const path = versionPath({ ...entry, versionId: current.versionId });
  // From now on, a part of an older version that is still being loaded is removed by its own invocation.
  const settled = await ledger.change(path, (known) => known && withLoaded(known, current), read);
  // Once the lake's table shows the active version too, all output of older ones goes.
  if (settled !== undefined && !isSettled(settled))
    for (const versionId of superseded) {
      const older = versionPath({ ...entry, versionId });
      const published = await ledger.publishedParts(older);
      const files = published.flatMap((each) => each.files.map((file) => archiveKey(file.key)));
      const plain = published.length > 0 ? [] : await ledger.plainFiles(older);
      await store.remove(buckets.archive, [...files, ...plain.map(plainArchiveKey)]);
    }
  await removeSuperseded(settled, ledger, store, buckets);
  return settled;
}
