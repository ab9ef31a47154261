import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import type { Target } from '../target/target.ts';
import { UserError } from '../terminal/user-error.ts';

/** What SQS takes in one batch ("Amazon SQS API Reference: SendMessageBatch"). */
const BATCH = 10;
const ATTEMPTS = 5;
const PAUSE_MS = 200;

/** Sends messages to one queue, ten at a time, and no more a second than it may. */
export class Sender {
  sent = 0;
  readonly #target: Target;
  readonly #queue: string;
  readonly #perSecond: number;
  #waiting: string[] = [];
  #freeAt = 0;

  constructor(target: Target, queueUrl: string, perSecond: number) {
    this.#target = target;
    this.#queue = queueUrl;
    this.#perSecond = perSecond;
  }

  async send(message: string): Promise<void> {
    this.#waiting.push(message);
    if (this.#waiting.length >= BATCH) await this.flush();
  }

  /** @throws {UserError} when the queue refuses a message for good */
  async flush(): Promise<void> {
    let left = this.#waiting.splice(0).map((MessageBody, i) => ({ Id: `${i}`, MessageBody }));
    for (let attempt = 1; left.length > 0; attempt += 1) {
      const now = Date.now();
      if (this.#freeAt > now) await pause(this.#freeAt - now);
      this.#freeAt = Math.max(now, this.#freeAt) + (left.length * 1000) / this.#perSecond;
      const { Successful = [], Failed = [] } = await this.#target.sqs.send(
        new SendMessageBatchCommand({ QueueUrl: this.#queue, Entries: left }),
      );
      this.sent += Successful.length;
      const refused = Failed.find(({ SenderFault }) => SenderFault === true);
      if (refused !== undefined || (Failed.length > 0 && attempt === ATTEMPTS))
        throw new UserError(
          `${this.#queue} refuses a message: ${(refused ?? Failed[0])?.Message ?? 'it does not say why'}`,
        );
      const failed = new Set(Failed.map(({ Id }) => Id));
      left = left.filter(({ Id }) => failed.has(Id));
      if (left.length > 0) await pause(PAUSE_MS * attempt);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
