import { PermanentError } from '../../../domain/errors.ts';
import { type Part, readPart } from '../../../domain/records/part.ts';
import { faultKey, itemRejectsPrefix, parsePartKey } from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import { attemptAt, withTransformed } from '../../../domain/versions/publishing/conclusion.ts';
import type { TransformationReceipt } from '../../../domain/versions/receipt.ts';
import { statusOf } from '../../../domain/versions/version-status.ts';
import { type KnownEntry, Ledger } from '../../../store/ledger.ts';
import type { ObjectStore } from '../../../store/object-store.ts';
import type { StageContext } from '../context.ts';
import { type Outcome, withoutRecords } from '../outcome.ts';
import { type Publishing, publishIfWhole } from '../publish.ts';
import { type OutputBuckets, removeDataOfPart, removeUnnamed } from '../removal.ts';
import { processOnce } from '../work-item.ts';
import { itemOf, outcomeOf, type PartAddress, transformRecords } from './transform-records.ts';

export interface TransformationBuckets extends OutputBuckets {
  readonly raw: string;
  readonly ledger: string;
}

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
  let isSmall = false;
  const done = await processOnce(
    {
      item: itemOf(address),
      known: await ledger.known(address),
      mayBeDone: (known) => !isUndone(known, address),
      work: () =>
        transformRecords(
          address,
          dataset,
          async () => {
            const part = await partAt(event, context);
            isSmall = part.header.part === 0 && part.bytes <= context.limits.inPlaceBytes;
            return part;
          },
          { ledger, buckets, context },
        ),
      discard: () => removePart(address, event.key, ledger, store, buckets),
      async finish(before, latest, own) {
        // An attempt to transform it in place may have failed when it had written some, by other code.
        if (isSmall && !hasSeveral(before?.entry, address))
          await removeUnnamed(itemOf(address), ledger, store, buckets);
        entry = await finish(address, before, latest, own, { ledger, buckets, context });
        return statusOf(entry, address) === 'live';
      },
    },
    ledger,
    context,
    buckets,
  );
  if (typeof done === 'string') return withoutRecords(dataset.name, done);
  return outcomeOf(done, entry);
}

/** Whether the only part of a version is still to be transformed, as far as the entry tells. */
function isUndone(known: LedgerEntry | undefined, address: PartAddress): boolean {
  const attempt = attemptAt(known, address);
  return attempt?.status === 'extracted' && attempt.parts === 1;
}

/** Whether a version has several parts, as far as the entry tells. */
function hasSeveral(known: LedgerEntry | undefined, address: PartAddress): boolean {
  return (attemptAt(known, address)?.parts ?? 0) > 1;
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

/**
 * Removes a part and its rejects, and its files, unless the version was published: then a table may show
 * them. The fault goes as well: whoever decided about the version may have written it after all else was
 * removed, and died.
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
