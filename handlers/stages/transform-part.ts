import type { Dataset } from '../../domain/dataset.ts';
import { PermanentError } from '../../domain/errors.ts';
import { parsePartLine, partHeader } from '../../domain/records/part.ts';
import type { Reject } from '../../domain/records/reject.ts';
import { onePartitionTooMany, transformRecord } from '../../domain/records/transformation.ts';
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
import { count, type Tally, type TransformationReceipt } from '../../domain/versions/receipt.ts';
import { isActive, statusOf } from '../../domain/versions/version-status.ts';
import { RejectsWriter } from '../../store/failed-objects.ts';
import { type KnownEntry, Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { StageContext } from './context.ts';
import { type Outcome, withoutRecords } from './outcome.ts';
import { PartitionedFiles } from './partitioned-files.ts';
import { type Publishing, publishIfWhole } from './publish.ts';
import { type OutputBuckets, removeDataOfPart } from './removal.ts';
import { processOnce } from './work-item.ts';

const LINE_FEED = 0x0a;

export interface TransformationBuckets extends OutputBuckets {
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
      work: () => transform(event, address, dataset, buckets, context),
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
    ...(fault && { fault }),
  };
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

async function transform(
  event: ObjectEvent,
  address: PartAddress,
  dataset: Dataset,
  buckets: TransformationBuckets,
  context: StageContext,
): Promise<TransformationReceipt> {
  const { store, now, elapsed, sentAt, codeVersion, limits } = context;
  const startedAt = elapsed();
  const { header, lines } = await readPart(context, event);
  const files = new PartitionedFiles(dataset, address, header, context);
  const rejects = new RejectsWriter(context, buckets.failed, (file) =>
    rejectsKey(itemOf(address), file, codeVersion),
  );
  const filtered: Tally = {};
  const rejected: Tally = {};
  const reject = async (each: Reject): Promise<void> => {
    count(rejected, each.code);
    await rejects.add(each);
  };
  let read = 0;
  for (const line of lines) {
    read += 1;
    const [recordNumber, record] = parsePartLine(line);
    const transformed = transformRecord(dataset, record, { key: header.key, recordNumber });
    if ('filtered' in transformed) count(filtered, transformed.filtered);
    else if ('reject' in transformed) await reject(transformed.reject);
    else if (!files.add(transformed.row, recordNumber))
      await reject(onePartitionTooMany(dataset, recordNumber, record, limits.partitions));
  }
  const outputs = await files.store(store, buckets.processed);
  await rejects.flush();
  return {
    stage: 'transformation',
    ...header,
    read,
    written: outputs.reduce((sum, { records }) => sum + records, 0),
    filtered,
    rejected,
    outputs,
    rejects: rejects.files,
    sentAt: new Date(sentAt).toISOString(),
    finishedAt: new Date(now()).toISOString(),
    durationMs: Math.round(elapsed() - startedAt),
    codeVersion,
  };
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

/**
 * The header and the lines of a part, one after the other. Anything that is not a part is refused before a
 * line is read.
 */
async function readPart({ store, zstd }: StageContext, event: ObjectEvent) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.read(event)) chunks.push(chunk);
  try {
    const bytes = await zstd.decompress(Buffer.concat(chunks));
    const end = bytes.indexOf(LINE_FEED);
    const header = partHeader.parse(JSON.parse(bytes.toString('utf8', 0, end)));
    return { header, lines: linesOf(bytes, end + 1) };
  } catch (error) {
    throw notOurs(event, error);
  }
}

function notOurs({ bucket, key }: ObjectEvent, cause?: unknown): PermanentError {
  const message = `s3://${bucket}/${key} was not written by the extraction. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'transformation', cause });
}

function* linesOf(bytes: Buffer, from: number): Generator<string> {
  let start = from;
  for (let end = bytes.indexOf(LINE_FEED, start); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
    yield bytes.toString('utf8', start, end);
    start = end + 1;
  }
}
