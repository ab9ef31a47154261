import type { Registry } from '../../domain/registry.ts';
import { versionPath } from '../../domain/versions/key-layout.ts';
import { isSettled, type LedgerEntry, withoutSuperseded } from '../../domain/versions/ledger.ts';
import type { Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { type OutputBuckets, removeData, removeExtracted } from './removal.ts';

/**
 * Removes the output of superseded versions, once no sink shows them: when every sink shows the active version,
 * or if they were never published. Whoever comes across them does this.
 *
 * Parquet files that were published stay: a reader of an older snapshot may be reading them.
 */
export async function removeSuperseded(
  entry: LedgerEntry | undefined,
  ledger: Ledger,
  store: ObjectStore,
  registry: Registry,
  buckets: OutputBuckets,
): Promise<void> {
  if (entry === undefined || entry.superseded.length === 0) return;
  const { dataset, key, committed } = entry;
  const isTableOfCopies = registry.named(dataset)?.processedAs === 'csv';
  const settled = isSettled(entry);
  for (const versionId of entry.superseded) {
    if (!settled && committed?.versionId === versionId) continue;
    const path = versionPath({ dataset, key, versionId });
    const wasPublished = (!settled || !isTableOfCopies) && (await ledger.isPublished(path));
    if (wasPublished && !settled) continue;
    await removeExtracted(path, store, buckets);
    if (!wasPublished) await removeData(path, store, buckets);
    // One by one, since one invocation may not have the time to remove them all.
    await ledger.change(path, (known) => known && withoutSuperseded(known, [versionId]));
  }
}
