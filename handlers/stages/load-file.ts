import { recordColumn } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { datasetNamed } from '../../domain/datasets/index.ts';
import { PermanentError, TransientError } from '../../domain/errors.ts';
import {
  archiveKey,
  loadingReceiptKey,
  loadingRejectsKey,
  loadingRejectsPrefix,
  parseProcessedKey,
  type VersionPath,
} from '../../domain/key-layout.ts';
import type { ObjectEvent } from '../../domain/object-event.ts';
import { count, type LoadingReceipt, type StoredObject, type Tally } from '../../domain/receipt.ts';
import { editionSequencer } from '../../domain/tables/row-identity.ts';
import { contentTypes, newLakeFile, readLakeFile } from '../edges/lake-file.ts';
import type { NumberedRow } from '../edges/mysql/encoded-row.ts';
import { ObjectNotFound } from '../edges/object-store.ts';
import { Ledger } from './ledger.ts';
import { doPiece } from './piece.ts';
import { parseSourceMetadata, type Source, sourceMetadata } from './source-metadata.ts';
import { isWhole, type OutputBuckets, standing } from './supersede.ts';
import { type Outcome, RejectsWriter, type Surroundings, withoutRecords } from './work.ts';

export interface LoadingBuckets extends OutputBuckets {
  readonly archive: string;
  readonly ledger: string;
}

type FileAddress = VersionPath & {
  readonly part: number;
  readonly partitionPath: string;
  readonly extension: string;
};

/**
 * Takes a file of the lake into MySQL and the archive, and out of both when it is gone from the lake. A file whose version
 * was overtaken goes from the lake as well.
 */
export async function loadFile(
  event: ObjectEvent,
  buckets: LoadingBuckets,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { store } = surroundings;
  const address = parseProcessedKey(event.key);
  const dataset = address && datasetNamed(address.dataset);
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
    if (event.permanent || standing(await ledger.head(address), address) === 'live')
      return withoutRecords(name, 'kept');
    await removeLoaded();
    await retractRows(event, address, ledger, dataset, surroundings);
    return withoutRecords(name, 'retracted');
  }
  const done = await doPiece(
    {
      address,
      receiptKey: loadingReceiptKey(address, address.part, address.partitionPath),
      work: () => load(event, address, dataset, buckets, surroundings),
      discard: async () => {
        await removeLoaded();
        await retractOwnRows(event, dataset, surroundings);
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

/** Takes the rows of a file's own version out of MySQL, of which no other sink has anything. */
async function retractOwnRows(
  event: ObjectEvent,
  dataset: Dataset,
  { store, tables }: Surroundings,
): Promise<void> {
  if (tables === undefined) return;
  try {
    const source = parseSourceMetadata((await store.describe(event)).metadata);
    if (source !== undefined)
      await tables.retract(dataset, source.key, editionSequencer(source), { which: 'its own' });
  } catch (error) {
    // It went already, and its deletion is an event.
    if (!(error instanceof ObjectNotFound)) throw error;
  }
}

/**
 * Takes out of MySQL what is older than what the object's tables are to show, once that is whole: until then older rows
 * are the last that are.
 *
 * @throws {TransientError} `in_progress` until then
 */
async function retractRows(
  event: ObjectEvent,
  address: VersionPath,
  ledger: Ledger,
  dataset: Dataset,
  { tables }: Surroundings,
): Promise<void> {
  const head = await ledger.head(address);
  if (tables === undefined || head?.current === undefined) return;
  if (!(await isWhole(head, ledger))) {
    const message = `The version that takes the place of s3://${event.bucket}/${event.key} is not complete yet: its rows stay till then.`;
    throw new TransientError('in_progress', message, { stage: 'loading' });
  }
  const which = head.current.type === 'deleted' ? 'older and its own' : 'older';
  await tables.retract(dataset, head.key, editionSequencer(head.current), { which });
}

async function load(
  event: ObjectEvent,
  address: FileAddress,
  dataset: Dataset,
  buckets: LoadingBuckets,
  surroundings: Surroundings,
): Promise<LoadingReceipt> {
  const { store, now, elapsed, codeVersion, tables } = surroundings;
  const startedAt = elapsed();
  const { bytes, metadata } = await store.describe(event);
  const source = parseSourceMetadata(metadata);
  if (source === undefined) throw notOurs(event);
  const { records, ...from } = source;
  const toArchive = { bucket: buckets.archive, key: archiveKey(event.key) };
  const isParquet = toArchive.key === event.key;

  const rejects = new RejectsWriter(store, buckets.failed, (file) =>
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
    await store.copy(event, toArchive);
    archive = { key: toArchive.key, records, bytes };
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
  { store }: Surroundings,
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
  from: Omit<Source, 'records'>,
  dataset: Dataset,
  tables: NonNullable<Surroundings['tables']>,
  rejects: RejectsWriter,
): Promise<LoadingReceipt['tables']> {
  const loaded = await tables.load({ dataset, key: from.key, sequencer: editionSequencer(from), rows });
  if (loaded === 'stale') return { written: 0, unchanged: 0, rejected: {}, stale: true };
  const rejected: Tally = {};
  for (const reject of loaded.rejected) {
    count(rejected, reject.code);
    await rejects.add(reject);
  }
  await rejects.flush();
  return { written: loaded.written, unchanged: loaded.unchanged, rejected };
}

async function writeArchive(
  rows: readonly NumberedRow[],
  header: Omit<Source, 'records'> & { readonly part: number },
  dataset: Dataset,
  to: { readonly bucket: string; readonly key: string },
  { store }: Surroundings,
): Promise<StoredObject> {
  const metadata = sourceMetadata({ dataset: dataset.name, ...header });
  const file = newLakeFile(dataset, 'parquet', metadata);
  for (const { row } of rows) file.add(row);
  const body = file.finish();
  const records = String(rows.length);
  await store.write({ ...to, body, contentType: contentTypes.parquet, metadata: { ...metadata, records } });
  return { key: to.key, records: rows.length, bytes: body.length };
}

function notOurs({ bucket, key }: ObjectEvent): PermanentError {
  const message = `s3://${bucket}/${key} is no file that the transformation wrote. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'loading' });
}
