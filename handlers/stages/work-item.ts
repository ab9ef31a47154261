import { receiptKey, type WorkItem } from '../../domain/versions/key-layout.ts';
import type { Receipt } from '../../domain/versions/receipt.ts';
import type { Ledger } from '../../store/ledger.ts';
import { ObjectNotFound } from '../../store/object-store.ts';
import type { StageContext } from './context.ts';
import {
  cleanUpAfter,
  type OutputBuckets,
  removeSuperseded,
  removeUnnamedRejects,
  statusOf,
  type VersionStatus,
} from './supersede.ts';

/** A work item of which a version has several: a part to transform, or a file to load. */
export interface Work<Done extends Receipt> {
  readonly item: WorkItem;
  /**
   * Removes the input if it is left over from an attempt whose receipt was not the first: the receipt of the
   * stage before does not name it.
   *
   * @returns whether the input was left over
   */
  readonly dropLeftOver?: (status: VersionStatus) => Promise<boolean>;
  /** @throws {ObjectNotFound} if the input does not exist */
  readonly work: () => Promise<Done>;
  /** Removes the input and everything that was made from it. */
  readonly discard: () => Promise<void>;
}

/**
 * Processes a work item once. The receipt is written last: with it, the work is done. If it was the last
 * missing receipt of its version, the output of superseded versions is removed. A work item whose version was
 * overtaken is discarded, even if that happens during the work.
 *
 * @returns `duplicate` if it was done before; `stale` if a newer event took effect, or the input is left over
 */
export async function processOnce<Done extends Receipt>(
  { item, dropLeftOver, work, discard }: Work<Done>,
  ledger: Ledger,
  { store, receives }: Pick<StageContext, 'store' | 'receives'>,
  buckets: OutputBuckets,
): Promise<Done | 'duplicate' | 'stale'> {
  const address = item.path;
  const key = receiptKey(item) ?? '';
  const discarded = async () => {
    await discard();
    return 'stale' as const;
  };
  const entry = await ledger.entry(address);
  const status = statusOf(entry, address);
  if (status === 'gone') return discarded();
  if (await dropLeftOver?.(status)) return 'stale';
  if (await ledger.hasReceipt(key)) {
    if (receives > 1) await removeUnnamedRejects(item, ledger, store, buckets);
    await removeSuperseded(entry, ledger, store, buckets);
    return status === 'live' ? 'duplicate' : 'stale';
  }
  if (status === 'superseded') return discarded();

  let receipt: Done;
  try {
    receipt = await work();
  } catch (error) {
    // The input may have been removed because its version was overtaken just now.
    const isGone =
      error instanceof ObjectNotFound && statusOf(await ledger.entry(address), address) !== 'live';
    if (isGone) return discarded();
    throw error;
  }
  const isFirst = await ledger.writeReceipt(key, receipt);
  // Other code may have worked on the same item, and died, or come first; perhaps for a copy of the message.
  const mayHaveMore = receives > 1 || receipt.rejects.length > 0;
  if (!isFirst || mayHaveMore) await removeUnnamedRejects(item, ledger, store, buckets);
  if (!(await cleanUpAfter(address, ledger, store, buckets))) return discarded();
  return isFirst ? receipt : 'duplicate';
}
