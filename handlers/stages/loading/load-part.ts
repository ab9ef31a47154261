import pLimit from 'p-limit';
import { recordColumn } from '../../../domain/columns.ts';
import type { Dataset } from '../../../domain/dataset.ts';
import { PermanentError } from '../../../domain/errors.ts';
import type { NumberedRow } from '../../../domain/tables/encoded-row.ts';
import { revisionSequencer } from '../../../domain/tables/row-identity.ts';
import { rowSchema } from '../../../domain/tables/stored-row.ts';
import {
  archiveKey,
  itemRejectsPrefix,
  loadingReceiptKey,
  parseCopyKey,
  parseDataKey,
  parsePublicationKey,
  rejectsKey,
  type VersionPath,
} from '../../../domain/versions/key-layout.ts';
import { isShownBy, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import { type PublishedPart, publishedInEntry } from '../../../domain/versions/publication.ts';
import type { LoadingReceipt, StoredObject } from '../../../domain/versions/receipt.ts';
import {
  type ActiveEntry,
  activeObject,
  isActive,
  isActiveVersion,
  statusOf,
} from '../../../domain/versions/version-status.ts';
import { contentTypes, newLakeFile, readLakeFile } from '../../../formats/lake-file.ts';
import { RejectsWriter } from '../../../store/failed-objects.ts';
import { type KnownEntry, Ledger } from '../../../store/ledger.ts';
import { settleAll } from '../../../store/settle-all.ts';
import type { StageContext } from '../context.ts';
import { type Outcome, withoutRecords } from '../outcome.ts';
import type { SinkBuckets } from '../removal.ts';
import { sourceMetadata } from '../source-metadata.ts';
import { processOnce } from '../work-item.ts';
import { showOnlyActive } from './loaded-whole.ts';

type PartAddress = VersionPath & { readonly part: number };

const FILES_AT_ONCE = 8;

const itemOf = ({ part, ...path }: PartAddress) => ({ path, stage: 'loading', part }) as const;

/**
 * Loads one part of a published version into MySQL and the archive, or removes a deleted object from both.
 * With the last part, what these sinks have of older versions goes.
 */
export async function loadPart(
  event: ObjectEvent,
  buckets: SinkBuckets,
  context: StageContext,
): Promise<Outcome> {
  const { store } = context;
  // Older code had a message for each plain file. The sinks get its rows when its version is taken over.
  const plain = event.bucket === buckets.processed ? parseCopyKey(event.key) : undefined;
  if (plain !== undefined) return withoutRecords(plain.dataset, 'stale');
  const published = parsePublicationKey(event.key);
  const dataset = published && context.registry.named(published.dataset);
  if (published === undefined || dataset === undefined) throw notOurs(event);
  const { name } = dataset;
  const ledger = new Ledger(store, buckets.ledger);
  const { part: number, ...path } = published;
  const known = await ledger.known(path);
  if (number === undefined) {
    if (!isActiveEntry(known, path) || known.entry.current.type !== 'deleted')
      return withoutRecords(name, 'stale');
    await showOnlyActive(known, dataset, ledger, buckets, context);
    return withoutRecords(name, 'retracted', activeObject(known.entry));
  }
  const address = { ...path, part: number };
  const part = publishedInEntry(known?.entry, path) ?? (await ledger.publishedPart(event.key));
  if (part === undefined) throw notOurs(event);
  const done = await processOnce(
    {
      item: itemOf(address),
      known,
      mayBeDone: (known) => !isUndone(known, part, path),
      work: () => load(part, address, dataset, buckets, context),
      async discard() {
        await store.remove(
          buckets.archive,
          part.files.map(({ key }) => archiveKey(key)),
        );
        const rejects = itemRejectsPrefix(itemOf(address));
        await store.remove(buckets.failed, await store.list(buckets.failed, rejects));
      },
      async finish(before, latest) {
        // Its end is stored only if the entry is the same, so it need not be read again.
        const now = isFirst(before?.entry, part, path) ? before : await latest();
        const entry =
          isActiveEntry(now, path) && (await areAllLoaded(part, path, ledger))
            ? await showOnlyActive(now, dataset, ledger, buckets, context)
            : now?.entry;
        // Of a version that was deleted for good, the deletion has its name.
        if (isActive(entry, path)) return entry.current.type === 'created';
        const status = statusOf(entry, path);
        // The sinks show a superseded version until they show its successor.
        return (
          status === 'live' || (status === 'superseded' && entry !== undefined && !isShownBy('loaded', entry))
        );
      },
    },
    ledger,
    context,
    buckets,
  );
  if (typeof done === 'string') return withoutRecords(name, done);
  const records = done.files.reduce((sum, { archive }) => sum + archive.records, 0);
  const rejected = done.tables?.rejected ?? {};
  const counts = { read: records, written: records, filtered: {}, rejected };
  const object = { key: done.key, versionId: done.versionId };
  return { dataset: name, result: 'done', ...counts, object };
}

const isActiveEntry = (
  known: KnownEntry | undefined,
  path: VersionPath,
): known is KnownEntry & { readonly entry: ActiveEntry } => isActive(known?.entry, path);

/** Whether the only part of a version is still to be loaded, as far as the entry tells. */
const isUndone = (known: LedgerEntry | undefined, { parts }: PublishedPart, path: VersionPath): boolean =>
  parts <= 1 && known !== undefined && isActiveVersion(known, path) && !isShownBy('loaded', known);

/** Whether this is the only part of a version that takes the place of none: no rows are to be removed. */
const isFirst = (before: LedgerEntry | undefined, part: PublishedPart, path: VersionPath): boolean =>
  isUndone(before, part, path) && before?.superseded.length === 0 && before.loaded?.type !== 'created';

/** Whether all parts of a version are loaded; this invocation has loaded one of them. */
async function areAllLoaded({ parts }: PublishedPart, path: VersionPath, ledger: Ledger): Promise<boolean> {
  if (parts <= 1) return true;
  const there = new Set(await ledger.receiptKeys(path));
  return Array.from({ length: parts }, (_, part) => loadingReceiptKey(path, part)).every((key) =>
    there.has(key),
  );
}

async function load(
  { key, versionId, sequencer, loadedAt, files }: PublishedPart,
  address: PartAddress,
  dataset: Dataset,
  buckets: SinkBuckets,
  context: StageContext,
): Promise<LoadingReceipt> {
  const { now, elapsed, sentAt, codeVersion, tables } = context;
  const startedAt = elapsed();
  const from = { key, versionId, sequencer };
  const rejects = new RejectsWriter(context, buckets.failed, {
    keyOf: (file) => rejectsKey(itemOf(address), file, codeVersion),
  });
  const rows: NumberedRow[] = [];
  const limit = pLimit(FILES_AT_ONCE);
  const archived = await settleAll(
    files.map((file) =>
      limit(async () => {
        const { rows: own, archive } = await archiveFile(
          file,
          { ...from, part: address.part },
          dataset,
          buckets,
          context,
        );
        if (tables !== undefined) rows.push(...own);
        return { key: file.key, archive };
      }),
    ),
  );
  const loaded = tables && (await fillTables(rows, { ...from, loadedAt }, dataset, tables, rejects));
  return {
    stage: 'loading',
    dataset: dataset.name,
    ...from,
    part: address.part,
    files: archived,
    ...(loaded && { tables: loaded }),
    rejects: rejects.files,
    sentAt: new Date(sentAt).toISOString(),
    finishedAt: new Date(now()).toISOString(),
    durationMs: Math.round(elapsed() - startedAt),
    codeVersion,
  };
}

type Origin = Pick<PublishedPart, 'key' | 'versionId' | 'sequencer' | 'part'>;

/**
 * Makes the archive's copy of a file; reads its rows if MySQL wants them, or the archive's format is another.
 */
async function archiveFile(
  file: StoredObject,
  from: Origin,
  dataset: Dataset,
  buckets: SinkBuckets,
  context: StageContext,
): Promise<{ readonly rows: NumberedRow[]; readonly archive: StoredObject }> {
  const { store, tables } = context;
  const to = { bucket: buckets.archive, key: archiveKey(file.key) };
  const isParquet = file.key.endsWith('.parquet');
  const rows = tables === undefined && isParquet ? [] : await readRows(file, dataset, buckets, context);
  if (!isParquet) return { rows, archive: await writeArchive(rows, from, dataset, to, context) };
  const { records, bytes, versionId = '' } = file;
  const copied = await store.copy({ bucket: buckets.processed, key: file.key, versionId }, to);
  return { rows, archive: { key: to.key, records, bytes, ...copied } };
}

async function readRows(
  { key, versionId = '' }: StoredObject,
  dataset: Dataset,
  { processed }: SinkBuckets,
  { store }: StageContext,
): Promise<NumberedRow[]> {
  const address = parseDataKey(key);
  if (address === undefined) throw new Error(`${key} is no file of a version.`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await store.read({ bucket: processed, key, versionId })) chunks.push(chunk);
  const rows: NumberedRow[] = [];
  for await (const batch of readLakeFile(dataset, address, Buffer.concat(chunks)))
    for (const row of batch) rows.push({ record: Number(row[recordColumn.name]), row });
  return rows;
}

/** Loads the rows into MySQL. Rows that a table can't hold are rejected, each with its reason. */
async function fillTables(
  rows: readonly NumberedRow[],
  from: Pick<PublishedPart, 'key' | 'versionId' | 'sequencer' | 'loadedAt'>,
  dataset: Dataset,
  tables: NonNullable<StageContext['tables']>,
  rejects: RejectsWriter,
): Promise<LoadingReceipt['tables']> {
  const schema = rowSchema(dataset);
  if (rows.length === 0) return { written: 0, unchanged: 0, rejected: {}, schema };
  const loaded = await tables.load({ dataset, ...from, sequencer: revisionSequencer(from), rows });
  if (loaded === 'stale') return { written: 0, unchanged: 0, rejected: {}, stale: true };
  for (const reject of loaded.rejected) await rejects.add(reject);
  await rejects.flush();
  return { written: loaded.written, unchanged: loaded.unchanged, rejected: rejects.counts, schema };
}

async function writeArchive(
  rows: readonly NumberedRow[],
  from: Origin,
  dataset: Dataset,
  to: { readonly bucket: string; readonly key: string },
  { store }: StageContext,
): Promise<StoredObject> {
  const metadata = sourceMetadata(from);
  const file = newLakeFile(dataset, 'parquet', metadata);
  for (const { row } of rows) file.add(row);
  const body = file.finish();
  const records = String(rows.length);
  const contentType = contentTypes.parquet;
  const written = await store.write({ ...to, body, contentType, metadata: { ...metadata, records } });
  return { key: to.key, records: rows.length, bytes: body.length, ...written };
}

function notOurs({ bucket, key }: ObjectEvent): PermanentError {
  const message = `s3://${bucket}/${key} publishes nothing. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'loading' });
}
