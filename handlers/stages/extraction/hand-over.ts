import type { SQSClient } from '@aws-sdk/client-sqs';
import { toQueueMessage } from '../../../domain/versions/event-message.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';

/**
 * Hands the rest of an object to another invocation, or the outlining of a segment of it: sends its event to
 * the stage's own queue once more.
 */
export type HandOver = (event: ObjectEvent) => Promise<unknown>;

/** By Amazon SQS. The client is loaded when an object is too large for one invocation. */
export function sqsHandOver(QueueUrl: string): HandOver {
  let client: SQSClient | undefined;
  return async (event) => {
    const { SQSClient, SendMessageCommand } = await import('@aws-sdk/client-sqs');
    client ??= new SQSClient({});
    const MessageBody = toQueueMessage(event.bucket, event, 'Continuation');
    // While several such messages wait, SQS hands out others first (SQS guide, "Amazon SQS fair queues").
    const group = event.segment !== undefined && { MessageGroupId: 'Outline' };
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody, ...group }));
  };
}
