import { s3ObjectStore } from '../store/object-store.ts';
import { sqsSend } from '../store/queue-sender.ts';
import { s3Look } from '../store/raw-objects.ts';
import { batch } from './backfill/batch.ts';
import { type Sending, sendBatch } from './backfill/send-batch.ts';
import { readEnvironment } from './configuration.ts';

const env = readEnvironment('backfill-sending');

const context: Sending = {
  store: s3ObjectStore(),
  look: s3Look(env.RAW_BUCKET),
  send: sqsSend(env.EXTRACTION_QUEUE),
  now: Date.now,
  buckets: { raw: env.RAW_BUCKET, failed: env.FAILED_BUCKET, ledger: env.LEDGER_BUCKET },
};

/** The task of the `backfill` and `replay` state machines that sends the events of a batch of objects. */
export async function handler(input: unknown): Promise<object> {
  await sendBatch(batch.parse(input), context);
  return {};
}
