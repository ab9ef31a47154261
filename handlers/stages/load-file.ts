import { PermanentError } from '../../domain/errors.ts';
import { loadingReceiptKey, parseProcessedKey } from '../../domain/key-layout.ts';
import type { ObjectEvent } from '../../domain/object-event.ts';
import type { LoadingReceipt } from '../../domain/receipt.ts';
import { parseSourceMetadata } from './source-metadata.ts';
import { duplicate, type Outcome, type Surroundings, writeReceipt } from './work.ts';

export interface LoadingBuckets {
  readonly archive: string;
  readonly ledger: string;
}

/** Copies one file of the lake into the archive, under its own key. Last comes the receipt: with it, the work is done. */
export async function loadFile(
  event: ObjectEvent,
  buckets: LoadingBuckets,
  { store, now, codeVersion }: Surroundings,
): Promise<Outcome> {
  const startedAt = now();
  const address = parseProcessedKey(event.key);
  if (address === undefined) throw notOurs(event);
  const { dataset, part, partitionPath } = address;
  const receiptKey = loadingReceiptKey(address, part, partitionPath);
  if (await store.exists(buckets.ledger, receiptKey)) return duplicate(dataset);

  const { bytes, metadata } = await store.describe(event);
  const from = parseSourceMetadata(metadata);
  if (from === undefined) throw notOurs(event);
  const { records, ...source } = from;
  await store.copy(event, { bucket: buckets.archive, key: event.key });

  const receipt: LoadingReceipt = {
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
  await writeReceipt(store, buckets.ledger, receiptKey, receipt);
  return { dataset, result: 'done', read: records, written: records, filtered: {}, rejected: {} };
}

function notOurs({ bucket, key }: ObjectEvent): PermanentError {
  const message = `s3://${bucket}/${key} is no file that the transformation wrote. Upload to the raw bucket instead.`;
  return new PermanentError('unreadable_part', message, { stage: 'loading' });
}
