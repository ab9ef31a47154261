import { recordColumn } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { PermanentError, TransientError } from '../../domain/errors.ts';
import type { NumberedRow } from '../../domain/tables/encoded-row.ts';
import { revisionSequencer } from '../../domain/tables/row-identity.ts';
import { rowSchema } from '../../domain/tables/stored-row.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import {
  archiveKey,
  itemRejectsPrefix,
  loadingReceiptKey,
  parseProcessedKey,
  rejectsKey,
  transformationReceiptKey,
  type VersionPath,
} from '../../domain/versions/key-layout.ts';
import { isOlder, type LedgerEntry, type Version } from '../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import {
  count,
  type LoadingReceipt,
  loadingReceipt,
  type StoredObject,
  type Tally,
  type TransformationReceipt,
  transformationReceipt,
} from '../../domain/versions/receipt.ts';
import { MAX_REVISION, revisionName } from '../../domain/versions/revision.ts';
import { contentTypes, newLakeFile, readLakeFile } from '../../formats/lake-file.ts';
import type { Retraction } from '../../mysql/table-store.ts';
import { RejectsWriter } from '../../store/failed-objects.ts';
import { Ledger, unreadableDocument } from '../../store/ledger.ts';
import { ObjectNotFound } from '../../store/object-store.ts';
import type { StageContext } from './context.ts';
import { type Outcome, withoutRecords } from './outcome.ts';
import { parseSourceMetadata, sourceMetadata } from './source-metadata.ts';
import { isInEverySink, type OutputBuckets, statusOf, type VersionStatus } from './supersede.ts';
import { processOnce } from './work-item.ts';

export interface LoadingBuckets extends OutputBuckets {
  readonly archive: string;
  readonly ledger: string;
}

/** The version of a raw object that a file's rows come from, and how many rows and bytes the file has. */
interface Source {
  readonly key: string;
  readonly versionId: string;
  readonly sequencer: string;
  readonly records: number;
  readonly bytes: number;
}

type FileAddress = VersionPath & {
  readonly part: number;
  readonly partitionPath: string;
  readonly extension: string;
};

const itemOf = ({ part, partitionPath, ...path }: FileAddress) =>
  ({ path, stage: 'loading', part, partitionPath }) as const;

/**
 * Milliseconds between two checks for the receipt of a file's part, about five seconds in all. The event of a
 * file may arrive before that receipt, which is written after the part's last file: a part of a thousand
 * files takes four seconds.
 */
const RECEIPT_DELAYS = [20, 50, 100, 200, 400, 800, 1600, 2000];

/**
 * Loads a file of the lake into MySQL and the archive, and removes it from both when it was removed from the
 * lake. A file whose version was overtaken is removed from the lake as well.
 */
export async function loadFile(
  event: ObjectEvent,
  buckets: LoadingBuckets,
  context: StageContext,
): Promise<Outcome> {
  const { store } = context;
  const address = parseProcessedKey(event.key);
  const dataset = address && context.registry.named(address.dataset);
  if (address === undefined || dataset === undefined) throw notOurs(event);
  const { name } = dataset;
  const ledger = new Ledger(store, buckets.ledger);
  const removeLoaded = async () => {
    await store.remove(buckets.archive, [archiveKey(event.key)]);
    const rejects = itemRejectsPrefix(itemOf(address));
    await store.remove(buckets.failed, await store.list(buckets.failed, rejects));
  };

  if (event.type === 'deleted') {
    // A person may have deleted a file of an active version: the other sinks keep its rows, and reconcile
    // reports it. A file that is deleted for good was deleted under a marker before, and that event did the
    // work.
    if (event.permanent || statusOf(await ledger.entry(address), address) === 'live')
      return withoutRecords(name, 'kept');
    await removeLoaded();
    await retractRows(event, address, ledger, dataset, context);
    return withoutRecords(name, 'retracted');
  }
  let source: Source | undefined;
  const done = await processOnce(
    {
      item: itemOf(address),
      // Two attempts by different code may make different files from a part: only those that its receipt
      // names are loaded and kept.
      dropLeftOver: async (status) => {
        const transformation = await transformationOf(event, address, status, ledger, context);
        source = transformation && sourceOf(event, transformation);
        if (transformation === undefined || source !== undefined) return false;
        await store.remove(buckets.processed, [event.key]);
        return true;
      },
      work: () => load(event, address, source, dataset, buckets, context),
      discard: async () => {
        await removeLoaded();
        await retractOwnRows(event, await ledger.entry(address), dataset, context);
        // This deletion comes back here as an event, which removes the rows of older versions from MySQL.
        await store.remove(buckets.processed, [event.key]);
      },
    },
    ledger,
    context,
    buckets,
  );
  if (typeof done === 'string') return withoutRecords(name, done);
  const { records } = done.archive;
  const rejected = done.tables?.rejected ?? {};
  const counts = { read: records, written: records, filtered: {}, rejected };
  const object = { key: done.key, versionId: done.versionId };
  return { dataset: name, result: 'done', ...counts, object };
}

/** The source of a file by the receipt of its part; `undefined` if the receipt does not name the file. */
function sourceOf(
  { key }: ObjectEvent,
  { key: of, versionId, sequencer, outputs }: TransformationReceipt,
): Source | undefined {
  const file = outputs.find((each) => each.key === key);
  return file && { key: of, versionId, sequencer, records: file.records, bytes: file.bytes };
}

/**
 * The receipt of the part that a file was made from. It may be missing if the version is no longer live.
 *
 * @throws {TransientError} `in_progress` if the version is live and the transformation of the part has not
 * finished
 */
async function transformationOf(
  event: ObjectEvent,
  { part, ...path }: FileAddress,
  status: VersionStatus,
  ledger: Ledger,
  { store, wait }: StageContext,
): Promise<TransformationReceipt | undefined> {
  const find = () => ledger.receipt(transformationReceiptKey(path, part), transformationReceipt);
  let found = await find();
  for (const delay of RECEIPT_DELAYS) {
    if (found !== undefined || status !== 'live') return found;
    await wait(delay);
    found = await find();
  }
  if (found !== undefined) return found;
  if (parseSourceMetadata((await store.describe(event)).metadata) === undefined) throw notOurs(event);
  const message = `The transformation that wrote s3://${event.bucket}/${event.key} has not finished: another attempt at its part may write other files.`;
  throw new TransientError('in_progress', message, { stage: 'loading' });
}

/** Removes the rows of a file's own version from MySQL. No other sink has rows of this version. */
async function retractOwnRows(
  event: ObjectEvent,
  entry: LedgerEntry | undefined,
  dataset: Dataset,
  { store, tables }: StageContext,
): Promise<void> {
  if (tables === undefined) return;
  try {
    const source = parseSourceMetadata((await store.describe(event)).metadata);
    if (source !== undefined)
      await tables.retract(dataset, source.key, revisionSequencer(source), itsOwn(source, entry));
  } catch (error) {
    // The file was removed already, and its deletion is an event of its own.
    if (!(error instanceof ObjectNotFound)) throw error;
  }
}

/**
 * The retraction of a version that never became active. If it was newer than the active version, MySQL must
 * accept that one again.
 */
function itsOwn(version: Version, entry: LedgerEntry | undefined): Retraction {
  const { current } = entry ?? {};
  if (current !== undefined && !isOlder(current, version)) return { which: 'its own' };
  return { which: 'its own', leaving: current === undefined ? '' : revisionSequencer(current) };
}

/**
 * Removes the rows of older versions from MySQL once the active version is complete: until then, they are the
 * only complete rows of the object.
 *
 * @throws {TransientError} `in_progress` until the active version is complete
 */
async function retractRows(
  event: ObjectEvent,
  address: FileAddress,
  ledger: Ledger,
  dataset: Dataset,
  { tables }: StageContext,
): Promise<void> {
  const entry = await ledger.entry(address);
  if (tables === undefined || entry === undefined) return;
  const { part, partitionPath } = address;
  const receiptKey = loadingReceiptKey(address, part, partitionPath);
  const receipt = await ledger.receipt(receiptKey, loadingReceipt).catch(unreadableDocument);
  const loaded = receipt instanceof UnreadableDocument ? undefined : receipt;
  // This version never became active, and no newer one is active whose retraction would include its rows.
  if (loaded !== undefined && (entry.current === undefined || isOlder(entry.current, loaded)))
    await tables.retract(dataset, entry.key, revisionSequencer(loaded), itsOwn(loaded, entry));
  if (entry.current === undefined) return;
  if (!(await isInEverySink(entry, ledger))) {
    const message = `The version that replaces s3://${event.bucket}/${event.key} is not complete yet, so the rows of this file stay for now.`;
    throw new TransientError('in_progress', message, { stage: 'loading' });
  }
  const { type, sequencer } = entry.current;
  // A deletion covers all revisions of a version.
  if (type === 'deleted')
    await tables.retract(dataset, entry.key, revisionName(sequencer, MAX_REVISION), {
      which: 'older and its own',
    });
  else await tables.retract(dataset, entry.key, revisionSequencer(entry.current));
}

async function load(
  event: ObjectEvent,
  address: FileAddress,
  source: Source | undefined,
  dataset: Dataset,
  buckets: LoadingBuckets,
  context: StageContext,
): Promise<LoadingReceipt> {
  const { store, now, elapsed, sentAt, codeVersion, tables } = context;
  const startedAt = elapsed();
  if (source === undefined) throw notOurs(event);
  const { records, bytes, ...from } = source;
  const toArchive = { bucket: buckets.archive, key: archiveKey(event.key) };
  const isParquet = toArchive.key === event.key;

  const rejects = new RejectsWriter(context, buckets.failed, (file) =>
    rejectsKey(itemOf(address), file, codeVersion),
  );
  let loaded: LoadingReceipt['tables'];
  let archive: StoredObject | undefined;
  if (tables !== undefined || !isParquet) {
    const rows = await readRows(event, address, dataset, context);
    const header = { ...from, part: address.part };
    loaded = tables && (await fillTables(rows, from, dataset, tables, rejects));
    if (!isParquet) archive = await writeArchive(rows, header, dataset, toArchive, context);
  }
  if (archive === undefined) {
    archive = { key: toArchive.key, records, bytes, ...(await store.copy(event, toArchive)) };
  }
  return {
    stage: 'loading',
    dataset: dataset.name,
    ...from,
    part: address.part,
    processed: { key: event.key, versionId: event.versionId },
    archive,
    ...(loaded && { tables: loaded }),
    rejects: rejects.files,
    sentAt: new Date(sentAt).toISOString(),
    finishedAt: new Date(now()).toISOString(),
    durationMs: Math.round(elapsed() - startedAt),
    codeVersion,
  };
}

async function readRows(
  event: ObjectEvent,
  address: FileAddress,
  dataset: Dataset,
  { store }: StageContext,
): Promise<NumberedRow[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.read(event)) chunks.push(chunk);
  const rows: NumberedRow[] = [];
  for await (const batch of readLakeFile(dataset, address, Buffer.concat(chunks)))
    for (const row of batch) rows.push({ record: Number(row[recordColumn.name]), row });
  return rows;
}

/** Loads the rows into MySQL. Rows that a table can't hold are rejected, each with its reason. */
async function fillTables(
  rows: readonly NumberedRow[],
  from: Omit<Source, 'records' | 'bytes'>,
  dataset: Dataset,
  tables: NonNullable<StageContext['tables']>,
  rejects: RejectsWriter,
): Promise<LoadingReceipt['tables']> {
  const loaded = await tables.load({ dataset, key: from.key, sequencer: revisionSequencer(from), rows });
  if (loaded === 'stale') return { written: 0, unchanged: 0, rejected: {}, stale: true };
  const rejected: Tally = {};
  for (const reject of loaded.rejected) {
    count(rejected, reject.code);
    await rejects.add(reject);
  }
  await rejects.flush();
  return { written: loaded.written, unchanged: loaded.unchanged, rejected, schema: rowSchema(dataset) };
}

async function writeArchive(
  rows: readonly NumberedRow[],
  header: Omit<Source, 'records' | 'bytes'> & { readonly part: number },
  dataset: Dataset,
  to: { readonly bucket: string; readonly key: string },
  { store }: StageContext,
): Promise<StoredObject> {
  const metadata = sourceMetadata({ dataset: dataset.name, ...header });
  const file = newLakeFile(dataset, 'parquet', metadata);
  for (const { row } of rows) file.add(row);
  const body = file.finish();
  const records = String(rows.length);
  const contentType = contentTypes.parquet;
  const written = await store.write({ ...to, body, contentType, metadata: { ...metadata, records } });
  return { key: to.key, records: rows.length, bytes: body.length, ...written };
}

function notOurs({ bucket, key }: ObjectEvent): PermanentError {
  const message = `s3://${bucket}/${key} was not written by the transformation. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'loading' });
}
