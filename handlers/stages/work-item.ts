import { receiptKey, type WorkItem } from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import type { Receipt } from '../../domain/versions/receipt.ts';
import { statusOf } from '../../domain/versions/version-status.ts';
import type { KnownEntry, Ledger } from '../../store/ledger.ts';
import { ObjectNotFound } from '../../store/object-store.ts';
import type { StageContext } from './context.ts';
import { type OutputBuckets, removeUnnamedRejects } from './removal.ts';

/** A work item of which a version has several: a part to transform or to load. */
export interface Work<Done extends Receipt> {
  readonly item: WorkItem;
  readonly known: KnownEntry | undefined;
  /**
   * Whether the entry leaves open that there is a receipt. Otherwise a first attempt does not look for one:
   * only a copy of its message can have written it meanwhile, and then the first receipt counts.
   */
  readonly mayBeDone: (known: LedgerEntry | undefined) => boolean;
  /** @throws {ObjectNotFound} if the input does not exist */
  readonly work: () => Promise<Done>;
  /** Removes the input and everything that was made from it, and that no sink shows. */
  readonly discard: () => Promise<void>;
  /**
   * What follows when the receipt is there, also when the message comes again.
   *
   * @param before the entry as it was before the work @param latest reads it as it is now
   * @param done the receipt, if it is this attempt's
   * @returns whether the work still counts; otherwise it is discarded, if this attempt did it
   */
  readonly finish: (
    before: KnownEntry | undefined,
    latest: () => Promise<KnownEntry | undefined>,
    done: Done | undefined,
  ) => Promise<boolean>;
}

/**
 * Processes a work item once. The receipt is written last: with it, the work is done. A work item whose
 * version was overtaken is discarded, even if that happens during the work.
 *
 * @returns `duplicate` if it was done before; `stale` if a newer event took effect
 */
export async function processOnce<Done extends Receipt>(
  { item, known, mayBeDone, work, discard, finish }: Work<Done>,
  ledger: Ledger,
  { store, receives }: Pick<StageContext, 'store' | 'receives'>,
  buckets: OutputBuckets,
): Promise<Done | 'duplicate' | 'stale'> {
  const { path } = item;
  const key = receiptKey(item) ?? '';
  const discarded = async () => {
    await discard();
    return 'stale' as const;
  };
  const latest = () => ledger.known(path);
  const status = statusOf(known?.entry, path);
  if (status === 'gone') return discarded();
  if ((receives > 1 || mayBeDone(known?.entry)) && (await ledger.hasReceipt(key))) {
    if (receives > 1) await removeUnnamedRejects(item, ledger, store, buckets);
    // Its extraction may have ended since the entry was read, and who wrote the receipt may have died since.
    await finish(undefined, latest, undefined);
    return status === 'live' ? 'duplicate' : 'stale';
  }
  if (status === 'superseded') return discarded();

  let receipt: Done;
  try {
    receipt = await work();
  } catch (error) {
    // The input may have been removed because its version was overtaken just now.
    const isGone = error instanceof ObjectNotFound && statusOf(await ledger.entry(path), path) !== 'live';
    if (isGone) return discarded();
    throw error;
  }
  const isFirst = await ledger.writeReceipt(key, receipt);
  // Another attempt may have died, or come first, and have rejected others, or kept lines that this one did
  // not.
  const mayHaveMore = receives > 1 || 'withoutLines' in receipt;
  if (!isFirst || mayHaveMore) await removeUnnamedRejects(item, ledger, store, buckets);
  const stillCounts = await finish(known, latest, isFirst ? receipt : undefined);
  if (!stillCounts) return discarded();
  return isFirst ? receipt : 'duplicate';
}
