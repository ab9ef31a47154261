import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';

/** What SQS takes in one batch (API reference, SendMessageBatch). */
const BATCH = 10;
const ATTEMPTS = 5;

/** Sends messages to one queue; resolves when it holds them all. A call that fails may have sent some. */
export type Send = (messages: readonly string[]) => Promise<void>;

/** Amazon SQS, or the local cloud, as the environment says. */
export function sqsSend(queueUrl: string, client = new SQSClient({})): Send {
  return async (messages) => {
    for (let start = 0; start < messages.length; start += BATCH) {
      const bodies = messages.slice(start, start + BATCH);
      let left = bodies.map((MessageBody, i) => ({ Id: `${i}`, MessageBody }));
      for (let attempt = 1; left.length > 0; attempt += 1) {
        const { Failed = [] } = await client.send(
          new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: left }),
        );
        const failed = new Map(Failed.map(({ Id, Message }) => [Id, Message]));
        left = left.filter(({ Id }) => failed.has(Id));
        if (left.length > 0 && attempt === ATTEMPTS)
          throw new Error(`${queueUrl} refuses ${left.length} messages: ${failed.get(left[0]?.Id)}`);
      }
    }
  };
}
