import { parseCheckpointKey } from '../../domain/records/checkpoint.ts';
import { parseOutlineKey } from '../../domain/records/segments/outline.ts';
import {
  dataPrefix,
  extractionReceiptKey,
  failedPrefixes,
  itemRejectsPrefix,
  parseDataKey,
  parseFailedKey,
  parsePartKey,
  partsPrefix,
  receiptKey,
  rejectsPrefix,
  type VersionPath,
  versionPath,
  type WorkItem,
} from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import { type ExtractionReceipt, extractionReceipt } from '../../domain/versions/receipt.ts';
import { isVersion, parseRevision } from '../../domain/versions/revision.ts';
import { statusOf } from '../../domain/versions/version-status.ts';
import type { Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';

/** The buckets with the output of a version that is removed with it. */
export interface OutputBuckets {
  readonly temp: string;
  readonly failed: string;
  readonly processed: string;
}

/** The same, and the buckets that a published version is told in and copied to. */
export interface SinkBuckets extends OutputBuckets {
  readonly archive: string;
  readonly ledger: string;
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
 * Removes the parts, files, rejects, faults and notes of attempts at a version that died after they were
 * overtaken: of each revision that the ledger entry does not know.
 */
export async function removeForgotten(
  path: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  { temp, failed, processed }: OutputBuckets,
): Promise<void> {
  const { versionId: version } = parseRevision(path.version);
  const list = async (bucket: string, prefix: string, parse: (key: string) => VersionPath | undefined) => {
    // All revisions of a version have this prefix, and other versions may have it too.
    const keys = await store.list(bucket, prefix.slice(0, -1));
    const found = keys.map((key) => ({ bucket, key, of: parse(key) }));
    return found.filter(({ of }) => of !== undefined && parseRevision(of.version).versionId === version);
  };
  const first = { ...path, version };
  const parseTempKey = (key: string) => parsePartKey(key) ?? parseCheckpointKey(key) ?? parseOutlineKey(key);
  const found = await list(temp, partsPrefix(first), parseTempKey);
  for (const prefix of failedPrefixes(first)) found.push(...(await list(failed, prefix, parseFailedKey)));
  found.push(...(await list(processed, dataPrefix(first), parseDataKey)));
  if (found.length === 0) return;
  // Read after the listing: a revision is in the entry before its first file is written, so the entry of
  // before may lack one whose files were listed.
  const known = await ledger.entry(path);
  const gone = found.filter(({ of = path }) => statusOf(known, of) === 'gone');
  // Older snapshots of the table may show files that were published.
  const published = new Set<string>();
  for (const [revision, [each]] of Map.groupBy(gone, ({ of = path }) => of.version))
    if (await ledger.isPublished(each?.of ?? path)) published.add(revision);
  const forgotten = gone.filter(
    ({ bucket, of = path }) => bucket !== processed || !published.has(of.version),
  );
  for (const bucket of [temp, failed, processed]) {
    const keys = forgotten.filter((each) => each.bucket === bucket).map(({ key }) => key);
    await store.remove(bucket, keys);
  }
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
  await removeAllBut(but, failed, await store.list(failed, rejectsPrefix(path)), store);
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
  const named = receipts.flatMap(({ rejects }) => rejects);
  await removeAllBut(named, failed, all, store);
}

/**
 * Removes the rejects and files of a part that the receipt of its transformation does not name, if it is
 * there. Nobody can name them any more.
 */
export async function removeUnnamed(
  item: WorkItem & { readonly path: VersionPath; readonly part: number },
  ledger: Ledger,
  store: ObjectStore,
  { failed, processed }: OutputBuckets,
): Promise<void> {
  const receipts = await ledger.receiptsOf([receiptKey(item) ?? '']);
  const done = receipts.find((each) => each.stage === 'transformation');
  if (done === undefined) return;
  await removeAllBut(done.rejects, failed, await store.list(failed, itemRejectsPrefix(item)), store);
  await removeAllBut(
    done.outputs,
    processed,
    await dataOfPart(item.path, item.part, store, processed),
    store,
  );
}

async function removeAllBut(
  named: readonly { readonly key: string }[],
  bucket: string,
  keys: readonly string[],
  store: ObjectStore,
): Promise<void> {
  const kept = new Set(named.map(({ key }) => key));
  await store.remove(
    bucket,
    keys.filter((key) => !kept.has(key)),
  );
}

/** Removes the files of a version that was not published: no table shows them. */
export async function removeUnpublished(
  path: VersionPath,
  ledger: Ledger,
  store: ObjectStore,
  buckets: Pick<OutputBuckets, 'processed'>,
): Promise<void> {
  if (!(await ledger.isPublished(path))) await removeData(path, store, buckets);
}

/** Removes the files of a version, whether or not a receipt names them. */
export async function removeData(
  path: VersionPath,
  store: ObjectStore,
  { processed }: Pick<OutputBuckets, 'processed'>,
): Promise<void> {
  await store.remove(processed, await store.list(processed, dataPrefix(path)));
}

/** The same of one part of a version. */
export async function removeDataOfPart(
  path: VersionPath & { readonly part: number },
  store: ObjectStore,
  { processed }: Pick<OutputBuckets, 'processed'>,
): Promise<void> {
  await store.remove(processed, await dataOfPart(path, path.part, store, processed));
}

async function dataOfPart(
  path: VersionPath,
  part: number,
  store: ObjectStore,
  processed: string,
): Promise<string[]> {
  const keys = await store.list(processed, dataPrefix(path));
  return keys.filter((key) => parseDataKey(key)?.part === part);
}

/**
 * Removes the parts that the receipt does not name of a version whose extraction ended in a fault: an attempt
 * that died may have stored more of them than its last checkpoint tells, before the version was deleted. If
 * the receipt names none, all files go as well, and all rejects but those of the receipt.
 *
 * @param known the receipt, if the caller has it
 */
export async function removeUnread(
  entry: LedgerEntry | undefined,
  versionId: string,
  ledger: Ledger,
  store: ObjectStore,
  buckets: OutputBuckets,
  known?: ExtractionReceipt,
): Promise<void> {
  const attempt = entry?.attempts.find(
    (each) => each.status !== 'extracting' && isVersion(each.versionId, versionId),
  );
  if (entry === undefined || attempt === undefined) return;
  const path = versionPath({ ...entry, versionId: attempt.versionId });
  const receipt =
    known?.versionId === attempt.versionId
      ? known
      : await ledger.receipt(extractionReceiptKey(path), extractionReceipt);
  if (receipt?.fault === undefined) return;
  await removeAllBut(receipt.parts, buckets.temp, await store.list(buckets.temp, partsPrefix(path)), store);
  if (attempt.status !== 'rejected' || attempt.parts > 0) return;
  await removeData(path, store, buckets);
  await removeRejects(path, receipt.rejects, store, buckets);
}
