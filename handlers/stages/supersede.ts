import {
  extractionReceiptKey,
  failedPrefixes,
  itemRejectsPrefix,
  loadingReceiptKey,
  parseFailedKey,
  parsePartKey,
  parseProcessedKey,
  partsPrefix,
  receiptKey,
  rejectsPrefix,
  transformationReceiptKey,
  type VersionPath,
  versionPath,
  versionSegment,
  type WorkItem,
} from '../../domain/versions/key-layout.ts';
import {
  isLoaded,
  type LedgerEntry,
  markComplete,
  versionStatus,
  withoutSuperseded,
} from '../../domain/versions/ledger.ts';
import { extractionReceipt, transformationReceipt } from '../../domain/versions/receipt.ts';
import { isVersion, parseRevision } from '../../domain/versions/revision.ts';
import type { Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';

/**
 * The buckets with the output of a version that is removed with it. Its archive files and MySQL rows are
 * removed after its files of the lake.
 */
export interface OutputBuckets {
  readonly temp: string;
  readonly failed: string;
  readonly processed: string;
}

export type VersionStatus = ReturnType<typeof versionStatus>;

/** The status of the version that a part or a file of the lake belongs to. */
export function statusOf(entry: LedgerEntry | undefined, { version }: VersionPath): VersionStatus {
  return versionStatus(entry, (versionId) => versionSegment(versionId) === version);
}

/**
 * Removes the output of superseded versions once the active version is in every sink. The invocation that
 * completes the active version does this; if it dies, the next one that comes across superseded versions
 * does.
 */
export async function removeSuperseded(
  entry: LedgerEntry | undefined,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<void> {
  if (entry === undefined || entry.superseded.length === 0) return;
  const { dataset, key, current, superseded } = entry;
  const path = (versionId: string) => versionPath({ dataset, key, versionId });
  if (current !== undefined && !isLoaded(entry)) {
    if (!(await isInEverySink(entry, ledger))) return;
    const latest = await ledger.change(path(''), (known) => known && markComplete(known, current.versionId));
    // Another version took effect meanwhile: the invocation that completes that one will clean up.
    if (latest === undefined || !isLoaded(latest)) return;
  }
  for (const versionId of superseded) {
    await removePartsAndFiles(path(versionId), ledger, store, buckets);
    await removeFailed(path(versionId), store, buckets);
    // One by one, since one invocation may not have the time to remove them all.
    await ledger.change(path(''), (known) => known && withoutSuperseded(known, [versionId]));
  }
}

/**
 * Cleans up after the receipt of a work item was written. If it was the last missing receipt of the active
 * version, the output of superseded versions is removed. A version that was superseded meanwhile stays until
 * its successor is complete, since the tables may still show it.
 *
 * @returns `false` if the version of the work item is gone: then the output of the work must be removed as
 * well
 */
export async function cleanUpAfter(
  workItem: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<boolean> {
  const entry = await ledger.entry(workItem);
  const status = statusOf(entry, workItem);
  if (status === 'gone') return false;
  await removeSuperseded(entry, ledger, store, buckets);
  return status === 'live' || statusOf(await ledger.entry(workItem), workItem) !== 'gone';
}

/** Whether the active version of an object, if any, is in every sink. */
export async function isInEverySink(entry: LedgerEntry, ledger: Ledger): Promise<boolean> {
  const { dataset, key, current } = entry;
  if (current === undefined || isLoaded(entry)) return true;
  return hasAllReceipts(versionPath({ dataset, key, versionId: current.versionId }), ledger);
}

/** Whether every part of a version is transformed and every file of it is loaded, by its receipts. */
async function hasAllReceipts(path: VersionPath, ledger: Ledger): Promise<boolean> {
  const extraction = await ledger.receipt(extractionReceiptKey(path), extractionReceipt);
  if (extraction === undefined) return false;
  const there = new Set(await ledger.receiptKeys(path));
  const transformations = extraction.parts.map((_, part) => transformationReceiptKey(path, part));
  if (!transformations.every((key) => there.has(key))) return false;
  // From the end: while work goes on, the last part is the most likely to be unfinished, so that one read
  // tells.
  for (const key of transformations.reverse()) {
    const transformation = await ledger.receipt(key, transformationReceipt);
    const isPartLoaded = transformation?.outputs.every((file) => {
      const address = parseProcessedKey(file.key);
      return address && there.has(loadingReceiptKey(path, address.part, address.partitionPath));
    });
    if (isPartLoaded !== true) return false;
  }
  return true;
}

/** Removes the parts of a version, and its rejects, faults and notes of all stages. */
export async function removeExtracted(
  path: VersionPath,
  store: ObjectStore,
  buckets: Pick<OutputBuckets, 'temp' | 'failed'>,
): Promise<void> {
  await removeParts(path, store, buckets);
  await removeFailed(path, store, buckets);
}

/**
 * Removes the parts, rejects, faults and notes of attempts at a version that died after they were overtaken:
 * of each revision that the ledger entry does not know.
 */
export async function removeForgotten(
  known: LedgerEntry | undefined,
  path: VersionPath,
  store: ObjectStore,
  { temp, failed }: Pick<OutputBuckets, 'temp' | 'failed'>,
): Promise<void> {
  const { versionId: version } = parseRevision(path.version);
  const isForgotten = (of: VersionPath | undefined) =>
    of !== undefined && parseRevision(of.version).versionId === version && statusOf(known, of) === 'gone';
  const remove = async (bucket: string, prefix: string, parse: (key: string) => VersionPath | undefined) => {
    // All revisions of a version have this prefix, and other versions may have it too.
    const keys = await store.list(bucket, prefix.slice(0, -1));
    await store.remove(
      bucket,
      keys.filter((key) => isForgotten(parse(key))),
    );
  };
  const first = { ...path, version };
  await remove(temp, partsPrefix(first), parsePartKey);
  for (const prefix of failedPrefixes(first)) await remove(failed, prefix, parseFailedKey);
}

async function removeParts(
  path: VersionPath,
  store: ObjectStore,
  { temp }: Pick<OutputBuckets, 'temp'>,
): Promise<void> {
  await store.remove(temp, await store.list(temp, partsPrefix(path)));
}

async function removeFailed(
  path: VersionPath,
  store: ObjectStore,
  { failed }: Pick<OutputBuckets, 'failed'>,
): Promise<void> {
  for (const prefix of failedPrefixes(path)) await store.remove(failed, await store.list(failed, prefix));
}

/** Removes the rejects of all stages, except these files. */
export async function removeRejects(
  path: VersionPath,
  but: readonly { readonly key: string }[],
  store: ObjectStore,
  { failed }: Pick<OutputBuckets, 'failed'>,
): Promise<void> {
  const kept = new Set(but.map(({ key }) => key));
  const all = await store.list(failed, rejectsPrefix(path));
  await store.remove(
    failed,
    all.filter((key) => !kept.has(key)),
  );
}

/** Removes the rejects of a work item that its receipt does not name. */
export async function removeUnnamedRejects(
  item: WorkItem,
  ledger: Ledger,
  store: ObjectStore,
  { failed }: Pick<OutputBuckets, 'failed'>,
): Promise<void> {
  const all = await store.list(failed, itemRejectsPrefix(item));
  if (all.length === 0) return;
  const receipts = await ledger.receiptsOf([receiptKey(item) ?? '']);
  const named = new Set(receipts.flatMap(({ rejects }) => rejects.map(({ key }) => key)));
  await store.remove(
    failed,
    all.filter((key) => !named.has(key)),
  );
}

/**
 * Removes the parts of a version, and all files of the lake that its receipts name; the loading stage then
 * clears the other sinks. The receipts stay as a permanent record. An unreadable receipt keeps no file alive:
 * a file is named by the receipt of its part and by that of its loading.
 */
export async function removePartsAndFiles(
  path: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  buckets: Pick<OutputBuckets, 'temp' | 'processed'>,
): Promise<void> {
  await removeParts(path, store, buckets);
  const extraction = extractionReceiptKey(path);
  const keys = (await ledger.receiptKeys(path)).filter((key) => key !== extraction);
  const { receipts } = await ledger.readableReceipts(keys);
  const files = receipts.flatMap((receipt) => {
    if (receipt.stage === 'loading') return [receipt.processed.key];
    return receipt.stage === 'transformation' ? receipt.outputs.map(({ key }) => key) : [];
  });
  await store.remove(buckets.processed, [...new Set(files)]);
}

/**
 * Removes the parts, and all rejects but those of the receipt, of a version that was rejected for a fault. An
 * attempt that died may have written some before the version was deleted, and parts may have been stored
 * before too much was rejected.
 */
export async function removeUnread(
  entry: LedgerEntry | undefined,
  versionId: string,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<void> {
  const attempt = entry?.attempts.find(
    (each) => each.status === 'rejected' && each.parts === 0 && isVersion(each.versionId, versionId),
  );
  if (entry === undefined || attempt === undefined) return;
  const path = versionPath({ ...entry, versionId: attempt.versionId });
  const receipt = await ledger.receipt(extractionReceiptKey(path), extractionReceipt);
  if (receipt?.fault === undefined) return;
  await removePartsAndFiles(path, ledger, store, buckets);
  await removeRejects(path, receipt.rejects, store, buckets);
}
