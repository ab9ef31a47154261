import { archiveKey, csvTableKey, versionPath } from '../../domain/versions/key-layout.ts';
import { isSettled, type LedgerEntry, withoutSuperseded } from '../../domain/versions/ledger.ts';
import { plainArchiveKey } from '../../domain/versions/plain-files.ts';
import type { PublishedPart } from '../../domain/versions/publication.ts';
import type { Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { type OutputBuckets, removeData, removeExtracted } from './removal.ts';

/** The buckets of a stage. One that has the archive removes what was published. */
type Buckets = OutputBuckets & { readonly archive?: string };

/**
 * Removes the output of superseded versions that no sink shows. Those that were never published are shown by
 * none, unless they have plain files: any stage removes them. The others go when every sink shows the active
 * version; the stages of the sinks do this, each after it was done with its own. If one dies, its message
 * comes again.
 *
 * Published files of Parquet stay: a reader of an older snapshot may be reading them.
 */
export async function removeSuperseded(
  entry: LedgerEntry | undefined,
  ledger: Ledger,
  store: ObjectStore,
  buckets: Buckets,
): Promise<void> {
  if (entry === undefined || entry.superseded.length === 0) return;
  const { dataset, key, committed } = entry;
  const mayBeShown = buckets.archive === undefined || !isSettled(entry);
  for (const versionId of entry.superseded) {
    if (mayBeShown && committed?.versionId === versionId) continue;
    const path = versionPath({ dataset, key, versionId });
    if (mayBeShown && (await ledger.isPublished(path))) continue;
    const published = mayBeShown ? [] : await ledger.publishedParts(path);
    // MySQL and the archive show what older code loaded, which was never published.
    const plain = published.length > 0 ? [] : await ledger.plainFiles(path);
    if (mayBeShown && plain.length > 0) continue;
    await removeExtracted(path, store, buckets);
    const files = published.flatMap((part) => part.files.map((file) => file.key));
    const csv = files.filter((file) => file.endsWith('.csv'));
    // Snapshots of a table show files of Parquet if their version was published to its end.
    if (csv.length > 0 || !isWhole(published)) await removeData(path, store, buckets);
    await store.remove(buckets.processed, [...csv.map(csvTableKey), ...plain]);
    if (buckets.archive !== undefined)
      await store.remove(buckets.archive, [...files.map(archiveKey), ...plain.map(plainArchiveKey)]);
    // One by one, since one invocation may not have the time to remove them all.
    await ledger.change(path, (known) => known && withoutSuperseded(known, [versionId]));
  }
}

const isWhole = (published: readonly PublishedPart[]) =>
  published.some(({ part, parts }) => part === Math.max(parts, 1) - 1);
