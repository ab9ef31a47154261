import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import type { TransientCode } from '../../domain/errors.ts';

/** Seconds after the first failed attempt. */
const FIRST = 60;
/** By which each further wait is longer. */
const FACTOR = 5;

/** Puts off the next attempt at a message by so many seconds from now. */
export type PutOff = (message: SQSRecord, seconds: number) => Promise<unknown>;

/**
 * Seconds until a failed message is tried again: the longer, the more often it has failed, but never longer
 * than the queue's visibility timeout. Whoever throttles needs time above all, and each attempt is one of
 * few, so they are as far apart as they can be. Jitter of up to a half keeps messages that failed together
 * from coming back together (AWS Architecture Blog, "Exponential Backoff And Jitter").
 *
 * @param receives how often the message was received
 * @param visibilityTimeout the queue's, in seconds
 * @param random from 0 to 1
 */
export function backOff(
  code: TransientCode,
  receives: number,
  visibilityTimeout: number,
  random: number,
): number {
  const wait = code === 'throttled' ? visibilityTimeout : FIRST * FACTOR ** (receives - 1);
  return Math.round(Math.min(wait, visibilityTimeout) * (1 - random / 2));
}

/**
 * The visibility timeout of one message, by Amazon SQS. The client is loaded when a message fails for the
 * first time.
 */
export function sqsPutOff(QueueUrl: string): PutOff {
  let client: SQSClient | undefined;
  return async ({ receiptHandle: ReceiptHandle }, VisibilityTimeout) => {
    const { SQSClient, ChangeMessageVisibilityCommand } = await import('@aws-sdk/client-sqs');
    client ??= new SQSClient({});
    await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
  };
}
