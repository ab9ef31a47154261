import { recordColumn } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { PermanentError, TransientError } from '../../domain/errors.ts';
import type { NumberedRow } from '../../domain/tables/encoded-row.ts';
import { revisionSequencer } from '../../domain/tables/row-identity.ts';
import { rowSchema } from '../../domain/tables/stored-row.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import {
  archiveKey,
  loadingReceiptKey,
  loadingRejectsKey,
  loadingRejectsPrefix,
  parseProcessedKey,
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
import { processOnce } from './piece.ts';
import { parseSourceMetadata, sourceMetadata } from './source-metadata.ts';
import { isWhole, type OutputBuckets, statusOf, type VersionStatus } from './supersede.ts';

export interface LoadingBuckets extends OutputBuckets {
  readonly archive: string;
  readonly ledger: string;
}

/** Which version of which raw object a file's rows are of, and how much there is of them. */
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

/**
 * A file's event may be ahead of the receipt of its part, which is written when the part's last file is. Milliseconds
 * between two looks at it, some five seconds in all: a part of a thousand files takes four.
 */
const RECEIPT_DELAYS = [20, 50, 100, 200, 400, 800, 1600, 2000];

/**
 * Takes a file of the lake into MySQL and the archive, and out of both when it is gone from the lake. A file whose version
 * was overtaken goes from the lake as well.
 */
export async function loadFile(
  event: ObjectEvent,
  buckets: LoadingBuckets,
  surroundings: StageContext,
): Promise<Outcome> {
  const { store } = surroundings;
  const address = parseProcessedKey(event.key);
  const dataset = address && surroundings.registry.named(address.dataset);
  if (address === undefined || dataset === undefined) throw notOurs(event);
  const { name } = dataset;
  const ledger = new Ledger(store, buckets.ledger);
  const removeLoaded = async () => {
    await store.remove(buckets.archive, [archiveKey(event.key)]);
    const rejects = loadingRejectsPrefix(address, address.part, address.partitionPath);
    await store.remove(buckets.failed, await store.list(buckets.failed, rejects));
  };

  if (event.type === 'deleted') {
    // A person may have deleted what still stands; the sinks keep it, and a reconciliation tells. What goes for good was
    // deleted before.
    if (event.permanent || statusOf(await ledger.entry(address), address) === 'live')
      return withoutRecords(name, 'kept');
    await removeLoaded();
    await retractRows(event, address, ledger, dataset, surroundings);
    return withoutRecords(name, 'retracted');
  }
  let source: Source | undefined;
  const done = await processOnce(
    {
      address,
      receiptKey: loadingReceiptKey(address, address.part, address.partitionPath),
      // What two attempts by different code make of a part differs: only what its receipt names is loaded, and stays.
      dropLeftOver: async (stands) => {
        const transformation = await transformationOf(event, address, stands, ledger, surroundings);
        source = transformation && sourceOf(event, transformation);
        if (transformation === undefined || source !== undefined) return false;
        await store.remove(buckets.processed, [event.key]);
        return true;
      },
      work: () => load(event, address, source, dataset, buckets, surroundings),
      discard: async () => {
        await removeLoaded();
        await retractOwnRows(event, await ledger.entry(address), dataset, surroundings);
        // Whose deletion comes back here, and takes out of MySQL what is older.
        await store.remove(buckets.processed, [event.key]);
      },
    },
    ledger,
    store,
    buckets,
  );
  if (typeof done === 'string') return withoutRecords(name, done);
  const { records } = done.archive;
  const rejected = done.tables?.rejected ?? {};
  return { dataset: name, result: 'done', read: records, written: records, filtered: {}, rejected };
}

/** What the receipt of a file's part says of the file; `undefined` when it does not name it. */
function sourceOf(
  { key }: ObjectEvent,
  { key: of, versionId, sequencer, outputs }: TransformationReceipt,
): Source | undefined {
  const file = outputs.find((each) => each.key === key);
  return file && { key: of, versionId, sequencer, records: file.records, bytes: file.bytes };
}

/**
 * The receipt of the part that a file came of; of a version that does not stand any more, it may lack.
 *
 * @throws {TransientError} `in_progress` while the transformation has not ended: by this attempt, or by the next one
 */
async function transformationOf(
  event: ObjectEvent,
  { part, ...path }: FileAddress,
  stands: VersionStatus,
  ledger: Ledger,
  { store, wait }: StageContext,
): Promise<TransformationReceipt | undefined> {
  const find = () => ledger.receipt(transformationReceiptKey(path, part), transformationReceipt);
  let found = await find();
  for (const delay of RECEIPT_DELAYS) {
    if (found !== undefined || stands !== 'live') return found;
    await wait(delay);
    found = await find();
  }
  if (found !== undefined) return found;
  if (parseSourceMetadata((await store.describe(event)).metadata) === undefined) throw notOurs(event);
  const message = `The transformation that wrote s3://${event.bucket}/${event.key} has not ended: another attempt at its part may write other files.`;
  throw new TransientError('in_progress', message, { stage: 'loading' });
}

/** Takes the rows of a file's own version out of MySQL, of which no other sink has anything. */
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
    // It went already, and its deletion is an event.
    if (!(error instanceof ObjectNotFound)) throw error;
  }
}

/** The retraction of a version that came to nothing; where it was newer than what stands, that is let in again. */
function itsOwn(version: Version, entry: LedgerEntry | undefined): Retraction {
  const { current } = entry ?? {};
  if (current !== undefined && !isOlder(current, version)) return { which: 'its own' };
  return { which: 'its own', leaving: current === undefined ? '' : revisionSequencer(current) };
}

/**
 * Takes out of MySQL what is older than what the object's tables are to show, once that is whole: until then older rows
 * are the last that are.
 *
 * @throws {TransientError} `in_progress` until then
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
  // What came to nothing has gone from the lake, and nothing that stands comes after it.
  if (loaded !== undefined && (entry.current === undefined || isOlder(entry.current, loaded)))
    await tables.retract(dataset, entry.key, revisionSequencer(loaded), itsOwn(loaded, entry));
  if (entry.current === undefined) return;
  if (!(await isWhole(entry, ledger))) {
    const message = `The version that takes the place of s3://${event.bucket}/${event.key} is not complete yet: its rows stay till then.`;
    throw new TransientError('in_progress', message, { stage: 'loading' });
  }
  const { type, sequencer } = entry.current;
  // A deletion is of all revisions of a version.
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
  surroundings: StageContext,
): Promise<LoadingReceipt> {
  const { store, now, elapsed, codeVersion, tables } = surroundings;
  const startedAt = elapsed();
  if (source === undefined) throw notOurs(event);
  const { records, bytes, ...from } = source;
  const toArchive = { bucket: buckets.archive, key: archiveKey(event.key) };
  const isParquet = toArchive.key === event.key;

  const rejects = new RejectsWriter(surroundings, buckets.failed, (file) =>
    loadingRejectsKey(address, address.part, address.partitionPath, file),
  );
  let loaded: LoadingReceipt['tables'];
  let archive: StoredObject | undefined;
  if (tables !== undefined || !isParquet) {
    const rows = await readRows(event, address, dataset, surroundings);
    const header = { ...from, part: address.part };
    loaded = tables && (await fillTables(rows, from, dataset, tables, rejects));
    if (!isParquet) archive = await writeArchive(rows, header, dataset, toArchive, surroundings);
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

/** Rows that a table can't hold are rejected, each with its reason; the others go in. */
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
  const message = `s3://${bucket}/${key} is no file that the transformation wrote. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'loading' });
}
