import { PermanentError } from '../../domain/errors.ts';
import { loadingReceiptKey, parseProcessedKey, type VersionPath } from '../../domain/key-layout.ts';
import type { ObjectEvent } from '../../domain/object-event.ts';
import type { LoadingReceipt } from '../../domain/receipt.ts';
import { ObjectNotFound } from '../edges/object-store.ts';
import { Ledger } from './ledger.ts';
import { parseSourceMetadata } from './source-metadata.ts';
import { type OutputBuckets, removeSuperseded, standing } from './supersede.ts';
import { type Outcome, type Surroundings, withoutRecords } from './work.ts';

export interface LoadingBuckets extends OutputBuckets {
  readonly archive: string;
  readonly ledger: string;
}

/**
 * Takes a file of the lake into the archive, and out of it when it is gone from the lake. The receipt comes last: with
 * it, the work is done. A file whose version was overtaken goes from the lake as well.
 */
export async function loadFile(
  event: ObjectEvent,
  buckets: LoadingBuckets,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { store } = surroundings;
  const address = parseProcessedKey(event.key);
  if (address === undefined) throw notOurs(event);
  const { dataset, part, partitionPath } = address;
  const ledger = new Ledger(store, buckets.ledger);
  const receiptKey = loadingReceiptKey(address, part, partitionPath);
  const discarded = async (): Promise<Outcome> => {
    await store.remove(buckets.archive, [event.key]);
    if (event.type === 'created') await store.remove(buckets.processed, [event.key]);
    return withoutRecords(dataset, event.type === 'created' ? 'stale' : 'retracted');
  };

  const head = await ledger.head(address);
  const stands = standing(head, address);
  // A person may have deleted what still stands; the sinks keep it, and a reconciliation tells.
  if (event.type === 'deleted') return stands === 'live' ? withoutRecords(dataset, 'kept') : discarded();
  if (stands === 'gone') return discarded();
  if (await ledger.hasReceipt(receiptKey)) {
    await removeSuperseded(head, ledger, store, buckets);
    return withoutRecords(dataset, stands === 'live' ? 'duplicate' : 'stale');
  }
  if (stands === 'superseded') return discarded();

  let receipt: LoadingReceipt;
  try {
    receipt = await load(event, address, buckets, surroundings);
  } catch (error) {
    const isGone =
      error instanceof ObjectNotFound && standing(await ledger.head(address), address) !== 'live';
    if (isGone) return discarded();
    throw error;
  }
  await ledger.writeReceipt(receiptKey, receipt);

  const latest = await ledger.head(address);
  if (standing(latest, address) !== 'live') return discarded();
  await removeSuperseded(latest, ledger, store, buckets);
  const { records } = receipt.archive;
  return { dataset, result: 'done', read: records, written: records, filtered: {}, rejected: {} };
}

async function load(
  event: ObjectEvent,
  { dataset, part }: VersionPath & { readonly part: number },
  buckets: LoadingBuckets,
  { store, now, codeVersion }: Surroundings,
): Promise<LoadingReceipt> {
  const startedAt = now();
  const { bytes, metadata } = await store.describe(event);
  const from = parseSourceMetadata(metadata);
  if (from === undefined) throw notOurs(event);
  const { records, ...source } = from;
  await store.copy(event, { bucket: buckets.archive, key: event.key });
  return {
    stage: 'loading',
    dataset,
    ...source,
    part,
    processed: { key: event.key, versionId: event.versionId },
    archive: { key: event.key, records, bytes },
    rejects: [],
    finishedAt: new Date(now()).toISOString(),
    durationMs: now() - startedAt,
    codeVersion,
  };
}

function notOurs({ bucket, key }: ObjectEvent): PermanentError {
  const message = `s3://${bucket}/${key} is no file that the transformation wrote. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'loading' });
}
