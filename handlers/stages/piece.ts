import type { VersionPath } from '../../domain/versions/key-layout.ts';
import type { Receipt } from '../../domain/versions/receipt.ts';
import type { Ledger } from '../../store/ledger.ts';
import { ObjectNotFound, type ObjectStore } from '../../store/object-store.ts';
import {
  cleanUpAfter,
  type OutputBuckets,
  removeSuperseded,
  statusOf,
  type VersionStatus,
} from './supersede.ts';

/** Work of which a version has several pieces: a part to be transformed, or a file to be loaded. */
export interface WorkItem<Done extends Receipt> {
  readonly address: VersionPath;
  readonly receiptKey: string;
  /**
   * Takes away what is worked on, where the stage before made it in an attempt that came to nothing: another attempt did
   * the work, and does not name it. Returns whether it was that.
   */
  readonly dropLeftOver?: (stands: VersionStatus) => Promise<boolean>;
  /** @throws {ObjectNotFound} when there is nothing to work on */
  readonly work: () => Promise<Done>;
  /** Takes away what is worked on, and all that came of it. */
  readonly discard: () => Promise<void>;
}

/**
 * Does a piece of work once. Last comes the receipt: with it, the work is done; and if it was the last that lacked, what
 * its version superseded goes. A piece whose version was overtaken is discarded: also when that happens while it is
 * worked on.
 *
 * @returns `duplicate`: it was done before. `stale`: something newer took effect, or it is left over.
 */
export async function processOnce<Done extends Receipt>(
  { address, receiptKey, dropLeftOver, work, discard }: WorkItem<Done>,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<Done | 'duplicate' | 'stale'> {
  const discarded = async () => {
    await discard();
    return 'stale' as const;
  };
  const entry = await ledger.entry(address);
  const stands = statusOf(entry, address);
  if (stands === 'gone') return discarded();
  if (await dropLeftOver?.(stands)) return 'stale';
  if (await ledger.hasReceipt(receiptKey)) {
    await removeSuperseded(entry, ledger, store, buckets);
    return stands === 'live' ? 'duplicate' : 'stale';
  }
  if (stands === 'superseded') return discarded();

  let receipt: Done;
  try {
    receipt = await work();
  } catch (error) {
    // It may have been removed because its version was overtaken just now.
    const isGone =
      error instanceof ObjectNotFound && statusOf(await ledger.entry(address), address) !== 'live';
    if (isGone) return discarded();
    throw error;
  }
  await ledger.writeReceipt(receiptKey, receipt);
  return (await cleanUpAfter(address, ledger, store, buckets)) ? receipt : discarded();
}
