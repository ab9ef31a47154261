import type { Dataset } from '../../domain/dataset.ts';
import { datasetNamed } from '../../domain/datasets/index.ts';
import { PermanentError } from '../../domain/errors.ts';
import { parsePartKey, rejectsKey, transformationReceiptKey } from '../../domain/key-layout.ts';
import type { ObjectEvent } from '../../domain/object-event.ts';
import { partHeader } from '../../domain/part.ts';
import { count, type Tally, type TransformationReceipt } from '../../domain/receipt.ts';
import type { Reject } from '../../domain/reject.ts';
import { transformRecord } from '../../domain/transformation.ts';
import { MAX_PARTITIONS, PartitionedFiles } from './partitioned-files.ts';
import { duplicate, type Outcome, RejectsWriter, type Surroundings, writeReceipt } from './work.ts';

const LINE_FEED = 0x0a;

export interface TransformationBuckets {
  readonly processed: string;
  readonly failed: string;
  readonly ledger: string;
}

/**
 * Turns one part into files of the lake: a Parquet file for each partition that the part's rows fall into. Rows that
 * the transform refuses go to the failed bucket. Last comes the receipt: with it, the work is done.
 */
export async function transformPart(
  event: ObjectEvent,
  buckets: TransformationBuckets,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { store, now, codeVersion } = surroundings;
  const startedAt = now();
  const address = parsePartKey(event.key);
  const dataset = address && datasetNamed(address.dataset);
  if (address === undefined || dataset === undefined) throw notOurs(event);
  const receiptKey = transformationReceiptKey(address, address.part);
  if (await store.exists(buckets.ledger, receiptKey)) return duplicate(dataset.name);

  const { header, lines } = await readPart(surroundings, event);
  const files = new PartitionedFiles(dataset, address, header);
  const rejects = new RejectsWriter(store, buckets.failed, (file) =>
    rejectsKey(address, 'transformation', header.part, file),
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
    const [recordNumber, record] = JSON.parse(line) as [number, unknown];
    const transformed = transformRecord(dataset, record, { key: header.key, recordNumber });
    if ('filtered' in transformed) count(filtered, transformed.filtered);
    else if ('reject' in transformed) await reject(transformed.reject);
    else if (!files.add(transformed.row)) await reject(oneTooMany(dataset, recordNumber, record));
  }
  const outputs = await files.store(store, buckets.processed);
  await rejects.flush();

  const written = outputs.reduce((sum, { records }) => sum + records, 0);
  const receipt: TransformationReceipt = {
    stage: 'transformation',
    ...header,
    read,
    written,
    filtered,
    rejected,
    outputs,
    rejects: rejects.files,
    finishedAt: new Date(now()).toISOString(),
    durationMs: now() - startedAt,
    codeVersion,
  };
  await writeReceipt(store, buckets.ledger, receiptKey, receipt);
  return { dataset: dataset.name, result: 'done', read, written, filtered, rejected };
}

function oneTooMany({ partitionBy }: Dataset, recordNumber: number, record: unknown): Reject {
  const path = partitionBy.join();
  const message = `The rows of one part may fall into ${MAX_PARTITIONS} partitions. Partition by a column of fewer values than ${path}.`;
  return { recordNumber, path, code: 'invalid_row', message, json: JSON.stringify(record) };
}

/** The header and, one after the other, the lines of a part. What is no part is refused before any line is read. */
async function readPart({ store, zstd }: Surroundings, event: ObjectEvent) {
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
  const message = `s3://${bucket}/${key} is no part that the extraction wrote. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'transformation', cause });
}

function* linesOf(bytes: Buffer, from: number): Generator<string> {
  let start = from;
  for (let end = bytes.indexOf(LINE_FEED, start); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
    yield bytes.toString('utf8', start, end);
    start = end + 1;
  }
}
