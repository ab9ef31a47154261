import type { SQSClient } from '@aws-sdk/client-sqs';
import { toQueueMessage } from '../../../domain/versions/event-message.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';

/** Hands the rest of an object to another invocation: sends its event to the stage's own queue once more. */
export type HandOver = (event: ObjectEvent) => Promise<unknown>;

/** By Amazon SQS. The client is loaded when an object is too large for one invocation. */
export function sqsHandOver(QueueUrl: string): HandOver {
  let client: SQSClient | undefined;
  return async (event) => {
    const { SQSClient, SendMessageCommand } = await import('@aws-sdk/client-sqs');
    client ??= new SQSClient({});
    const MessageBody = toQueueMessage(event.bucket, event, 'Continuation');
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  };
}
