import pLimit from 'p-limit';
import {
  extractionReceiptKey,
  failedPrefixes,
  loadingReceiptKey,
  parseProcessedKey,
  partsPrefix,
  transformationReceiptKey,
  type VersionPath,
  versionPath,
  versionSegment,
} from '../../domain/key-layout.ts';
import { type Head, standingOf, withoutSuperseded } from '../../domain/ledger.ts';
import { extractionReceipt, transformationReceipt } from '../../domain/receipt.ts';
import type { ObjectStore } from '../edges/object-store.ts';
import type { Ledger } from './ledger.ts';
import { together } from './work.ts';

/** Where a version leaves what goes with it. Its archive files and MySQL rows follow its files of the lake. */
export interface OutputBuckets {
  readonly temp: string;
  readonly failed: string;
  readonly processed: string;
}

const READS_AT_ONCE = 16;

/** Where the version of a part or of a file of the lake stands. */
export function standing(head: Head | undefined, { version }: VersionPath) {
  return standingOf(head, (versionId) => versionSegment(versionId) === version);
}

/**
 * Removes what superseded versions left behind, once what superseded them is complete in every sink. Whoever completes
 * it does this; whoever finds it undone does it as well.
 */
export async function removeSuperseded(
  head: Head | undefined,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<void> {
  if (head === undefined || head.superseded.length === 0) return;
  const { dataset, key, current, superseded } = head;
  const path = (versionId: string) => versionPath({ dataset, key, versionId });
  if (current?.type === 'created' && !(await isComplete(path(current.versionId), ledger))) return;
  for (const versionId of superseded) await removeVersion(path(versionId), ledger, store, buckets);
  await ledger.change(path(''), (known) => known && withoutSuperseded(known, superseded));
}

/**
 * After the receipt of a piece of work, which may be the last one that lacked: removes what is superseded if it was.
 * A version that was superseded meanwhile stands until its successor is complete, for it may be what the tables show.
 *
 * @returns `false` when the version of the piece is gone: what was made of it must go as well
 */
export async function completes(
  piece: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<boolean> {
  const head = await ledger.head(piece);
  const stands = standing(head, piece);
  if (stands === 'gone') return false;
  await removeSuperseded(head, ledger, store, buckets);
  return stands === 'live' || standing(await ledger.head(piece), piece) !== 'gone';
}

/** Whether every part of a version is transformed, and every file that came of it loaded. */
async function isComplete(path: VersionPath, ledger: Ledger): Promise<boolean> {
  const extraction = await ledger.receipt(extractionReceiptKey(path), extractionReceipt);
  if (extraction === undefined) return false;
  const there = new Set(await ledger.receiptKeys(path));
  const transformations = extraction.parts.map((_, part) => transformationReceiptKey(path, part));
  if (!transformations.every((key) => there.has(key))) return false;
  const limit = pLimit(READS_AT_ONCE);
  const areLoaded = await together(
    transformations.map((key) =>
      limit(async () => {
        const { outputs } = (await ledger.receipt(key, transformationReceipt)) ?? { outputs: undefined };
        return outputs?.every((file) => {
          const address = parseProcessedKey(file.key);
          return address && there.has(loadingReceiptKey(path, address.part, address.partitionPath));
        });
      }),
    ),
  );
  return areLoaded.every((isLoaded) => isLoaded === true);
}

/** Removes everything that a version left behind but its receipts, which say for good what was done. */
export async function removeVersion(
  path: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<void> {
  await removePieces(path, ledger, store, buckets);
  for (const prefix of failedPrefixes(path))
    await store.remove(buckets.failed, await store.list(buckets.failed, prefix));
}

/** Removes the parts of a version, and all files of the lake that a receipt knows of; the loading stage takes it from there. */
export async function removePieces(
  path: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  buckets: Pick<OutputBuckets, 'temp' | 'processed'>,
): Promise<void> {
  await store.remove(buckets.temp, await store.list(buckets.temp, partsPrefix(path)));
  const limit = pLimit(READS_AT_ONCE);
  const extraction = extractionReceiptKey(path);
  const keys = (await ledger.receiptKeys(path)).filter((key) => key !== extraction);
  const receipts = await together(keys.map((key) => limit(() => ledger.anyReceipt(key))));
  const files = receipts.flatMap((receipt) => {
    if (receipt?.stage === 'loading') return [receipt.processed.key];
    return receipt?.stage === 'transformation' ? receipt.outputs.map(({ key }) => key) : [];
  });
  await store.remove(buckets.processed, [...new Set(files)]);
}
