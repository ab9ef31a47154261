import { datasetOf, datasets } from '../../domain/datasets/index.ts';
import { decode } from '../../domain/decoding/decode.ts';
import { PermanentError } from '../../domain/errors.ts';
import { extractionReceiptKey, rejectsKey, UNKNOWN_DATASET, versionPath } from '../../domain/key-layout.ts';
import type { ObjectEvent } from '../../domain/object-event.ts';
import { count, type ExtractionReceipt, type Tally } from '../../domain/receipt.ts';
import { validate } from '../../domain/validation.ts';
import { ObjectNotFound, type ObjectStore } from '../edges/object-store.ts';
import { PartsWriter } from './parts-writer.ts';
import {
  duplicate,
  type Outcome,
  RejectsWriter,
  type Surroundings,
  together,
  writeFault,
  writeReceipt,
} from './work.ts';

export interface ExtractionBuckets {
  readonly temp: string;
  readonly failed: string;
  readonly ledger: string;
}

/**
 * Reads the object of an event at the event's version, record by record: valid records go to the temp bucket in
 * parts, the others to the failed bucket with their reason. Last comes the receipt: with it, the work is done.
 *
 * Memory is bounded by the size of a part, not of the object. What can't be read at all, or not to its end, is a
 * fault of the object: recorded, and no error. What remains are transient errors, which are thrown.
 */
export async function extractObject(
  event: ObjectEvent,
  buckets: ExtractionBuckets,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { store, now, codeVersion } = surroundings;
  const startedAt = now();
  const dataset = datasetOf(event.key);
  const object = { dataset: dataset?.name ?? UNKNOWN_DATASET, key: event.key, versionId: event.versionId };
  const path = versionPath(object);
  const receiptKey = extractionReceiptKey(path);
  if (await store.exists(buckets.ledger, receiptKey)) return duplicate(object.dataset);

  const parts = new PartsWriter(surroundings, buckets.temp, path, { ...object, sequencer: event.sequencer });
  const rejects = new RejectsWriter(store, buckets.failed, (file) => rejectsKey(path, 'extraction', file));
  const rejected: Tally = {};
  let read = 0;
  let fault: PermanentError | undefined;
  try {
    if (dataset === undefined) throw unknownPrefix(event.key);
    for await (const records of decode(dataset, await open(store, event))) {
      for (const raw of records) {
        read += 1;
        const validated = validate(dataset, raw, read);
        if ('line' in validated) {
          if (parts.add(validated.line)) await parts.flush();
        } else {
          count(rejected, validated.reject.code);
          await rejects.add(validated.reject);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    fault = error;
    await writeFault(store, buckets.failed, path, object, error);
  } finally {
    await parts.settled();
  }
  await together([parts.finish(), rejects.flush()]);

  const receipt: ExtractionReceipt = {
    stage: 'extraction',
    ...object,
    sequencer: event.sequencer,
    bytes: event.size ?? 0,
    read,
    valid: parts.records,
    rejected,
    parts: parts.written,
    rejects: rejects.files,
    ...(fault && { fault: { code: fault.code, message: fault.message } }),
    finishedAt: new Date(now()).toISOString(),
    durationMs: now() - startedAt,
    codeVersion,
  };
  await writeReceipt(store, buckets.ledger, receiptKey, receipt);
  return {
    dataset: object.dataset,
    result: fault === undefined ? 'done' : 'failed',
    read,
    written: parts.records,
    filtered: {},
    rejected,
    ...(receipt.fault && { fault: receipt.fault }),
  };
}

async function open(
  store: ObjectStore,
  { bucket, key, versionId }: ObjectEvent,
): Promise<AsyncIterable<Uint8Array>> {
  try {
    return await store.read({ bucket, key, versionId });
  } catch (error) {
    if (!(error instanceof ObjectNotFound)) throw error;
    const message =
      'The version is not there any more: it expired or was deleted for good before it was read.';
    throw new PermanentError('version_not_found', message, { stage: 'extraction', cause: error });
  }
}

function unknownPrefix(key: string): PermanentError {
  const known = datasets.map(({ source }) => source.prefix).join(', ');
  const message = `No dataset reads ${JSON.stringify(key)}: keys begin with ${known}. Upload it under one of these.`;
  return new PermanentError('unknown_prefix', message, { stage: 'extraction' });
}
