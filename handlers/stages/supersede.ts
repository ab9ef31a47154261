import {
  extractionReceiptKey,
  failedPrefixes,
  loadingReceiptKey,
  parseFailedKey,
  parsePartKey,
  parseProcessedKey,
  partsPrefix,
  rejectsPrefix,
  transformationReceiptKey,
  type VersionPath,
  versionPath,
  versionSegment,
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

/** Where a version leaves what goes with it. Its archive files and MySQL rows follow its files of the lake. */
export interface OutputBuckets {
  readonly temp: string;
  readonly failed: string;
  readonly processed: string;
}

export type VersionStatus = ReturnType<typeof versionStatus>;

/** Where the version of a part or of a file of the lake stands. */
export function statusOf(entry: LedgerEntry | undefined, { version }: VersionPath): VersionStatus {
  return versionStatus(entry, (versionId) => versionSegment(versionId) === version);
}

/**
 * Removes what superseded versions left behind, once what superseded them is complete in every sink. Whoever completes
 * it does this; whoever finds it undone does it as well.
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
    if (!(await isWhole(entry, ledger))) return;
    const latest = await ledger.change(path(''), (known) => known && markComplete(known, current.versionId));
    // Another version took effect meanwhile: it is for whoever completes that one.
    if (latest === undefined || !isLoaded(latest)) return;
  }
  for (const versionId of superseded) {
    await removePieces(path(versionId), ledger, store, buckets);
    await removeFailed(path(versionId), store, buckets);
    // One by one: many of them may be more than one invocation can remove.
    await ledger.change(path(''), (known) => known && withoutSuperseded(known, [versionId]));
  }
}

/**
 * After the receipt of a piece of work, which may be the last one that lacked: removes what is superseded if it was.
 * A version that was superseded meanwhile stands until its successor is complete, for it may be what the tables show.
 *
 * @returns `false` when the version of the piece is gone: what was made of it must go as well
 */
export async function cleanUpAfter(
  piece: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
): Promise<boolean> {
  const entry = await ledger.entry(piece);
  const stands = statusOf(entry, piece);
  if (stands === 'gone') return false;
  await removeSuperseded(entry, ledger, store, buckets);
  return stands === 'live' || statusOf(await ledger.entry(piece), piece) !== 'gone';
}

/** Whether what an object's tables are to show is in every sink. */
export async function isWhole(entry: LedgerEntry, ledger: Ledger): Promise<boolean> {
  const { dataset, key, current } = entry;
  if (current === undefined || isLoaded(entry)) return true;
  return isComplete(versionPath({ dataset, key, versionId: current.versionId }), ledger);
}

/** Whether every part of a version is transformed, and every file that came of it loaded. */
async function isComplete(path: VersionPath, ledger: Ledger): Promise<boolean> {
  const extraction = await ledger.receipt(extractionReceiptKey(path), extractionReceipt);
  if (extraction === undefined) return false;
  const there = new Set(await ledger.receiptKeys(path));
  const transformations = extraction.parts.map((_, part) => transformationReceiptKey(path, part));
  if (!transformations.every((key) => there.has(key))) return false;
  // From the end: while work goes on, the last part is most likely to lack, and one look tells.
  for (const key of transformations.reverse()) {
    const transformation = await ledger.receipt(key, transformationReceipt);
    const isLoaded = transformation?.outputs.every((file) => {
      const address = parseProcessedKey(file.key);
      return address && there.has(loadingReceiptKey(path, address.part, address.partitionPath));
    });
    if (isLoaded !== true) return false;
  }
  return true;
}

/** Removes what the extraction of a version left behind, and its rejects and faults of all stages. */
export async function removeExtracted(
  path: VersionPath,
  store: ObjectStore,
  buckets: Pick<OutputBuckets, 'temp' | 'failed'>,
): Promise<void> {
  await removeParts(path, store, buckets);
  await removeFailed(path, store, buckets);
}

/**
 * Removes what attempts at a version left behind that died after they were overtaken: in whatever revision, if the ledger
 * entry knows nothing of it.
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
    // All revisions of a version begin alike, and so may other versions.
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

/** Removes the rejects of all stages, but for these files. */
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

/**
 * Removes the parts of a version, and all files of the lake that a receipt knows of; the loading stage takes it from
 * there. The receipts stay: they say for good what was done. One that can't be read keeps nothing: the receipt of a file's
 * part names the file, and so does that of its loading.
 */
export async function removePieces(
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
 * An attempt that died may have written parts and rejects of a version that was gone when it was read again; and parts may
 * have been stored before too much was rejected.
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
  await removePieces(path, ledger, store, buckets);
  await removeRejects(path, receipt.rejects, store, buckets);
}
