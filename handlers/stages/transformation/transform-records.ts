import type { Dataset } from '../../../domain/dataset.ts';
import { KeyHashes } from '../../../domain/records/contracts/key-hashes.ts';
import type { UnknownFields } from '../../../domain/records/contracts/unknown-fields.ts';
import { UnknownCounts, unknownIn } from '../../../domain/records/contracts/unknown-tally.ts';
import { readerOf } from '../../../domain/records/decoding/decode.ts';
import type { Source } from '../../../domain/records/decoding/source.ts';
import type { Part } from '../../../domain/records/part.ts';
import { processRecord } from '../../../domain/records/processing.ts';
import { recordsInRange } from '../../../domain/records/record-range.ts';
import { hasTooMany, linesOfPart } from '../../../domain/records/reject-limit.ts';
import { onePartitionTooMany } from '../../../domain/records/transformation.ts';
import { rejectsKey, type VersionPath, versionPath } from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import { attemptAt } from '../../../domain/versions/publishing/conclusion.ts';
import { VERSION_GONE } from '../../../domain/versions/publishing/verdict.ts';
import {
  count,
  rejectedBy,
  type Tally,
  type TransformationReceipt,
  total,
} from '../../../domain/versions/receipt.ts';
import { parseRevision } from '../../../domain/versions/revision.ts';
import { isActive, statusOf } from '../../../domain/versions/version-status.ts';
import { RejectsWriter } from '../../../store/failed-objects.ts';
import type { Ledger } from '../../../store/ledger.ts';
import { ObjectNotFound } from '../../../store/object-store.ts';
import type { StageContext } from '../context.ts';
import type { Outcome } from '../outcome.ts';
import type { OutputBuckets } from '../removal.ts';
import { PartitionedFiles } from './partitioned-files.ts';

export type PartAddress = VersionPath & { readonly part: number };

export const itemOf = (address: PartAddress) =>
  ({ path: address, stage: 'transformation', part: address.part }) as const;

/** What it takes to transform the records of a part. */
export interface Transforming {
  readonly ledger: Ledger;
  readonly buckets: OutputBuckets & { readonly raw: string };
  readonly context: StageContext;
}

/**
 * Reads, validates and transforms the records of a part, in one pass: they become files of the lake, one for
 * each partition that the rows fall into. Records that are refused go to the failed bucket.
 *
 * @returns the receipt, which is not written
 */
export async function transformRecords(
  address: PartAddress,
  dataset: Dataset,
  readPart: () => Promise<Part>,
  transforming: Transforming,
): Promise<TransformationReceipt> {
  const { ledger, context } = transforming;
  const { now, elapsed, sentAt, codeVersion } = context;
  const startedAt = elapsed();
  const part = await readPart();
  const { key, versionId, sequencer, part: number, loadedAt } = part.header;
  const done = await transformed(part, address, dataset, transforming).catch(async (error) => {
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

/** The outcome of a part's transformation. @param entry the ledger entry afterwards */
export function outcomeOf(done: TransformationReceipt, entry: LedgerEntry | undefined): Outcome {
  const { dataset, key, versionId, read, written, filtered, rejected, unknown } = done;
  const path = versionPath(done);
  const attempt = attemptAt(entry, path);
  const fault = attempt?.fault ?? (isActive(entry, path) ? entry.current.fault : undefined);
  return {
    dataset,
    result: attempt?.fault === undefined ? 'done' : 'failed',
    ...{ read, written, filtered, rejected },
    object: { key, versionId },
    outputs: done.outputs.length,
    ...(unknown && { unknown: unknownIn(unknown) }),
    ...(fault && { fault }),
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
  { ledger, buckets, context }: Transforming,
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

/** How many parts a part looks at whose rejects are so many that its own may need no lines. */
const PARTS_LOOKED_AT = 100;

/** How many records of a version are rejected in the first of those of its parts that are transformed. */
async function rejectedOfOthers(path: VersionPath, ledger: Ledger): Promise<number> {
  const keys = await ledger.receiptKeys(path);
  const first = keys.filter((key) => key.includes('/transformation/')).sort();
  const receipts = await ledger.receiptsOf(first.slice(0, PARTS_LOOKED_AT));
  return receipts.reduce((sum, each) => sum + total(rejectedBy(each)), 0);
}
