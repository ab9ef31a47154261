import type { Dataset } from '../../domain/dataset.ts';
import { PermanentError } from '../../domain/errors.ts';
import { KeyHashes } from '../../domain/records/contracts/key-hashes.ts';
import type { UnknownFields } from '../../domain/records/contracts/unknown-fields.ts';
import { UnknownCounts, unknownIn } from '../../domain/records/contracts/unknown-tally.ts';
import { readerOf } from '../../domain/records/decoding/decode.ts';
import type { Source } from '../../domain/records/decoding/source.ts';
import { type Part, readPart } from '../../domain/records/part.ts';
import { processRecord } from '../../domain/records/processing.ts';
import { recordsInRange } from '../../domain/records/record-range.ts';
import { hasTooMany, linesOfPart } from '../../domain/records/reject-limit.ts';
import { onePartitionTooMany } from '../../domain/records/transformation.ts';
import {
  faultKey,
  itemRejectsPrefix,
  parsePartKey,
  rejectsKey,
  type VersionPath,
} from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { attemptAt, withTransformed } from '../../domain/versions/publishing/conclusion.ts';
import { VERSION_GONE } from '../../domain/versions/publishing/verdict.ts';
import {
  count,
  rejectedBy,
  type Tally,
  type TransformationReceipt,
  total,
} from '../../domain/versions/receipt.ts';
import { parseRevision } from '../../domain/versions/revision.ts';
import { isActive, statusOf } from '../../domain/versions/version-status.ts';
import { RejectsWriter } from '../../store/failed-objects.ts';
import { type KnownEntry, Ledger } from '../../store/ledger.ts';
import { ObjectNotFound, type ObjectStore } from '../../store/object-store.ts';
import type { StageContext } from './context.ts';
import { type Outcome, withoutRecords } from './outcome.ts';
import { PartitionedFiles } from './partitioned-files.ts';
import { type Publishing, publishIfWhole } from './publish.ts';
import { type OutputBuckets, removeDataOfPart } from './removal.ts';
import { processOnce } from './work-item.ts';

export interface TransformationBuckets extends OutputBuckets {
  readonly raw: string;
  readonly ledger: string;
}

type PartAddress = VersionPath & { readonly part: number };

const itemOf = (address: PartAddress) =>
  ({ path: address, stage: 'transformation', part: address.part }) as const;

/**
 * Turns one part into files of the lake: a file for each partition that the part's rows fall into. Records
 * that the transform refuses go to the failed bucket.
 */
export async function transformPart(
  event: ObjectEvent,
  buckets: TransformationBuckets,
  context: StageContext,
): Promise<Outcome> {
  const { store } = context;
  const address = parsePartKey(event.key);
  const dataset = address && context.registry.named(address.dataset);
  if (address === undefined || dataset === undefined) throw notOurs(event);
  const ledger = new Ledger(store, buckets.ledger);
  let entry: LedgerEntry | undefined;
  const done = await processOnce(
    {
      item: itemOf(address),
      known: await ledger.known(address),
      mayBeDone: (known) => !isUndone(known, address),
      work: () => transform(event, address, dataset, ledger, buckets, context),
      discard: () => removePart(address, event.key, ledger, store, buckets),
      async finish(before, latest, own) {
        entry = await finish(address, before, latest, own, { ledger, buckets, context });
        return statusOf(entry, address) === 'live';
      },
    },
    ledger,
    context,
    buckets,
  );
  if (typeof done === 'string') return withoutRecords(dataset.name, done);
  const { key, versionId, read, written, filtered, rejected } = done;
  const counts = { read, written, filtered, rejected };
  const object = { key, versionId };
  const attempt = attemptAt(entry, address);
  const fault = attempt?.fault ?? (isActive(entry, address) ? entry.current.fault : undefined);
  return {
    dataset: dataset.name,
    result: attempt?.fault === undefined ? 'done' : 'failed',
    ...counts,
    object,
    outputs: done.outputs.length,
    ...(done.unknown && { unknown: unknownIn(done.unknown) }),
    ...(fault && { fault }),
  };
}

/** Whether the only part of a version is still to be transformed, as far as the entry tells. */
function isUndone(known: LedgerEntry | undefined, address: PartAddress): boolean {
  const attempt = attemptAt(known, address);
  return attempt?.status === 'extracted' && attempt.parts === 1;
}

/**
 * Publishes the version if it is whole by now.
 *
 * @param before the entry as it was before the work
 * @returns the entry afterwards
 */
async function finish(
  address: PartAddress,
  before: KnownEntry | undefined,
  latest: () => Promise<KnownEntry | undefined>,
  own: TransformationReceipt | undefined,
  publishing: Publishing,
): Promise<LedgerEntry | undefined> {
  const { ledger } = publishing;
  const wasExtracted = attemptAt(before?.entry, address)?.status === 'extracted';
  // The decision is stored only if the entry is the same, so it need not be read again.
  const concluded = wasExtracted ? await publishIfWhole(address, before, publishing, own) : undefined;
  if (concluded !== undefined) return concluded;
  const now = await latest();
  if (wasExtracted) return now?.entry;
  const noted = await ledger.swap(address, (entry) => entry && withTransformed(entry, address), now);
  return (await publishIfWhole(address, noted, publishing, own)) ?? (await latest())?.entry;
}

/** Reads, validates and transforms the records of a part, in one pass. */
async function transform(
  event: ObjectEvent,
  address: PartAddress,
  dataset: Dataset,
  ledger: Ledger,
  buckets: TransformationBuckets,
  context: StageContext,
): Promise<TransformationReceipt> {
  const { now, elapsed, sentAt, codeVersion } = context;
  const startedAt = elapsed();
  const part = await partAt(event, context);
  const { key, versionId, sequencer, part: number, loadedAt } = part.header;
  const done = await transformed(part, address, dataset, ledger, buckets, context).catch(async (error) => {
    // Whoever has removed the version tells so in an event, unless it expired, or was never of use.
    const isLost =
      error instanceof ObjectNotFound && statusOf(await ledger.entry(address), address) === 'live';
    if (isLost) return lost(part);
    throw error;
  });
  return {
    stage: 'transformation',
    dataset: dataset.name,
    key,
    versionId,
    sequencer,
    part: number,
    ...(loadedAt && { loadedAt }),
    read: part.records,
    ...done,
    sentAt: new Date(sentAt).toISOString(),
    finishedAt: new Date(now()).toISOString(),
    durationMs: Math.round(elapsed() - startedAt),
    codeVersion,
  };
}

/** What came of the records of a part. */
type Transformed = Pick<
  TransformationReceipt,
  'written' | 'filtered' | 'rejected' | 'withoutLines' | 'outputs' | 'unknown' | 'keyHashes' | 'rejects'
>;

/** @throws {ObjectNotFound} if the part's records are in the object, and its version is gone */
async function transformed(
  { header, batches }: Part,
  address: PartAddress,
  dataset: Dataset,
  ledger: Ledger,
  buckets: TransformationBuckets,
  context: StageContext,
): Promise<Transformed> {
  const { store, codeVersion, limits } = context;
  const { key } = header;
  const files = new PartitionedFiles(dataset, address, header, context);
  const { maxRejected } = dataset;
  const rejects = new RejectsWriter(context, buckets.failed, {
    keyOf: (file) => rejectsKey(itemOf(address), file, codeVersion),
    most: linesOfPart(maxRejected),
    areTooMany: async (own) => hasTooMany(own + (await rejectedOfOthers(address, ledger)), maxRejected),
  });
  const filtered: Tally = {};
  const unknown = new UnknownCounts();
  const countUnknown = (found: UnknownFields) => unknown.add(found);
  const keys = dataset.unique && new KeyHashes(dataset.unique, key, header.first);
  const read = readerOf(dataset, header.columns);
  const { versionId } = parseRevision(header.versionId);
  const object: Source = (range) => store.read({ bucket: buckets.raw, key, versionId }, range);
  let recordNumber = header.first - 1;
  const all = header.range === undefined ? batches : recordsInRange(dataset, object, header.range);
  for await (const pieces of all)
    for (const record of read(pieces)) {
      recordNumber += 1;
      const made = processRecord(dataset, record, { key, recordNumber }, countUnknown);
      if ('filtered' in made) count(filtered, made.filtered);
      else if ('reject' in made) await rejects.add(made.reject);
      else if (files.add(made.row, recordNumber)) keys?.add(recordNumber, made.row);
      else await rejects.add(onePartitionTooMany(dataset, recordNumber, made.record, limits.partitions));
    }
  const outputs = await files.store(store, buckets.processed);
  await rejects.flush();
  return {
    written: outputs.reduce((sum, each) => sum + each.records, 0),
    filtered,
    rejected: rejects.counts,
    ...(total(rejects.withoutLines) > 0 && { withoutLines: rejects.withoutLines }),
    outputs,
    ...(unknown.tally && { unknown: unknown.tally }),
    ...(keys && { keyHashes: keys.text }),
    rejects: rejects.files,
  };
}

/** The records of a part that nobody can read any more: the version takes no effect. */
function lost({ records }: Part): Transformed {
  const rejected = { [VERSION_GONE]: records };
  return { written: 0, filtered: {}, rejected, withoutLines: rejected, outputs: [], rejects: [] };
}

/**
 * Removes a part and its rejects, and its files, unless the version was published: then a table may show
 * them. The fault goes as well: who decided about the version may have written it after all else was removed.
 */
async function removePart(
  address: PartAddress,
  key: string,
  ledger: Ledger,
  store: ObjectStore,
  buckets: TransformationBuckets,
): Promise<void> {
  if (!(await ledger.isPublished(address))) await removeDataOfPart(address, store, buckets);
  const rejects = await store.list(buckets.failed, itemRejectsPrefix(itemOf(address)));
  await store.remove(buckets.failed, [...rejects, faultKey({ path: address, stage: 'extraction' })]);
  await store.remove(buckets.temp, [key]);
}

/** How many parts a part looks at whose rejects are so many that its own may need no lines. */
const PARTS_LOOKED_AT = 100;

/** How many records of a version are rejected in the first of those of its parts that are transformed. */
async function rejectedOfOthers(path: VersionPath, ledger: Ledger): Promise<number> {
  const keys = await ledger.receiptKeys(path);
  const first = keys.filter((key) => key.includes('/transformation/')).sort();
  const receipts = await ledger.receiptsOf(first.slice(0, PARTS_LOOKED_AT));
  return receipts.reduce((sum, each) => sum + total(rejectedBy(each)), 0);
}

/** Anything that is not a part is refused before a record is read. */
async function partAt(event: ObjectEvent, { store, zstd }: StageContext): Promise<Part> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.read(event)) chunks.push(chunk);
  let bytes: Buffer;
  try {
    bytes = await zstd.decompress(Buffer.concat(chunks));
  } catch (error) {
    throw notOurs(event, error);
  }
  const part = readPart(bytes, event);
  if (part === undefined) throw notOurs(event);
  return part;
}

function notOurs({ bucket, key }: ObjectEvent, cause?: unknown): PermanentError {
  const message = `s3://${bucket}/${key} was not written by the extraction. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'transformation', cause });
}
