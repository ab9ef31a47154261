import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { TransientError } from '../../domain/errors.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { gaveUpKey } from '../../domain/versions/key-layout.ts';
import { writeFault } from '../../store/failed-objects.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import type { RunningPage } from './running-page.ts';

/**
 * Leaves an object as it is after the last attempt of its extraction: its message is in the DLQ, and the note
 * says why it failed. (By themselves, five attempts take more than two hours.)
 */
export async function deadLetter(
  { run, target }: RunningPage,
  { key, body, reason }: { readonly key: string; readonly body: string; readonly reason: string },
): Promise<void> {
  const { s3, sqs, outputs, registry } = target;
  // So the only message of this object is the one in the DLQ.
  const { status, stderr } = await run('fault', 'add', 'delay', 'events', '--bucket', 'raw', '--by', '15m');
  if (status !== 0) throw new Error(stderr);
  const Bucket = outputs.buckets.raw;
  const { VersionId = '' } = await s3.send(new PutObjectCommand({ Bucket, Key: key, Body: body }));
  const event = {
    type: 'created',
    key,
    versionId: VersionId,
    revision: 0,
    sequencer: '10',
    size: Buffer.byteLength(body),
    permanent: false,
  } as const;
  const error = new TransientError('storage', reason, { stage: 'extraction' });
  const note = gaveUpKey(registry.workItemOf('extraction', event));
  await writeFault(s3ObjectStore(s3), outputs.buckets.failed, note, event, error);
  const MessageBody = toQueueMessage(Bucket, event, 'Sweep');
  await sqs.send(new SendMessageCommand({ QueueUrl: outputs.deadLetterQueues.extraction, MessageBody }));
}
