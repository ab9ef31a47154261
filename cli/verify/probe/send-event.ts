import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SyntheticEvent } from '../../../domain/operations/sweep.ts';
import { toQueueMessage } from '../../../domain/versions/event-message.ts';
import type { Target } from '../../target/target.ts';

/** Sends the event of a raw object's version to a queue, as if S3 had told of it once more. */
export async function sendEvent(
  { sqs, outputs }: Target,
  QueueUrl: string,
  version: Pick<SyntheticEvent, 'key' | 'versionId' | 'sequencer' | 'size'>,
): Promise<void> {
  const event: SyntheticEvent = { ...version, type: 'created', revision: 0, permanent: false };
  const MessageBody = toQueueMessage(outputs.buckets.raw, event, 'Sweep');
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
}
