import { setTimeout as pause } from 'node:timers/promises';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { MessageRefused } from './message-refused.ts';

/** How many messages SQS accepts in one batch ("Amazon SQS API Reference: SendMessageBatch"). */
const BATCH = 10;
const ATTEMPTS = 5;
const PAUSE_MS = 200;

/**
 * Who sends many messages at once. While one of them has more than its share of a queue's messages in work,
 * SQS hands out all others first, such as those of new files, which have no sender's name (SQS guide,
 * "Amazon SQS fair queues").
 */
export type BulkSender = 'Backfill' | 'Replay' | 'Sweep' | 'Redrive';

/** Sends messages to one queue, ten at a time, up to a maximum rate. */
export class QueueSender {
  sent = 0;
  readonly #sqs: SQSClient;
  readonly #queue: string;
  readonly #by: BulkSender;
  readonly #perSecond: number;
  #waiting: string[] = [];
  #freeAt = 0;

  constructor(sqs: SQSClient, queueUrl: string, by: BulkSender, perSecond = Number.POSITIVE_INFINITY) {
    this.#sqs = sqs;
    this.#queue = queueUrl;
    this.#by = by;
    this.#perSecond = perSecond;
  }

  async send(message: string): Promise<void> {
    this.#waiting.push(message);
    if (this.#waiting.length >= BATCH) await this.flush();
  }

  /**
   * Resolves when the queue has all messages. If it fails, some may have been sent. @throws {MessageRefused}
   */
  async flush(): Promise<void> {
    let left = this.#waiting.splice(0).map((MessageBody, i) => ({
      Id: `${i}`,
      MessageBody,
      MessageGroupId: this.#by,
    }));
    for (let attempt = 1; left.length > 0; attempt += 1) {
      const now = Date.now();
      if (this.#freeAt > now) await pause(this.#freeAt - now);
      this.#freeAt = Math.max(now, this.#freeAt) + (left.length * 1000) / this.#perSecond;
      const { Successful = [], Failed = [] } = await this.#sqs.send(
        new SendMessageBatchCommand({ QueueUrl: this.#queue, Entries: left }),
      );
      this.sent += Successful.length;
      const refused = Failed.find(({ SenderFault }) => SenderFault === true);
      if (refused !== undefined || (Failed.length > 0 && attempt === ATTEMPTS))
        throw new MessageRefused(
          `${this.#queue} refused a message: ${(refused ?? Failed[0])?.Message ?? 'it did not say why'}`,
        );
      const failed = new Set(Failed.map(({ Id }) => Id));
      left = left.filter(({ Id }) => failed.has(Id));
      if (left.length > 0) await pause(PAUSE_MS * attempt);
    }
  }
}

/** Sends messages to one queue; resolves when it has them all. */
export type Send = (messages: readonly string[], by: BulkSender) => Promise<void>;

/** Amazon SQS, or the local cloud if the environment is set for it. @throws {MessageRefused} */
export function sqsSend(queueUrl: string, sqs = new SQSClient({})): Send {
  return async (messages, by) => {
    const sender = new QueueSender(sqs, queueUrl, by);
    for (const message of messages) await sender.send(message);
    await sender.flush();
  };
}
