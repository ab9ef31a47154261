import type { SQSRecord } from 'aws-lambda';
import { TransientError } from '../../domain/errors.ts';
import type { Registry } from '../../domain/registry.ts';
import type { Stage } from '../../domain/stage.ts';
import type { Attempt } from '../../domain/versions/failures/fault.ts';
import {
  attemptKey,
  begunAttemptKey,
  gaveUpKey,
  unreadableMessageKey,
} from '../../domain/versions/key-layout.ts';
import { findObjectEvent } from '../../domain/versions/object-event.ts';
import { writeFault } from '../../store/failed-objects.ts';
import type { ObjectStore } from '../../store/object-store.ts';

/** How often a message has been received, this time included. */
export const receivesOf = ({ attributes }: SQSRecord) => Number(attributes.ApproximateReceiveCount);

interface AttemptNotesOptions {
  readonly store: ObjectStore;
  readonly failedBucket: string;
  readonly stage: Stage;
  readonly registry: Registry;
  readonly maximumReceives: number;
  /** When the invocation began, ISO 8601. */
  readonly startedAt: string;
}

/**
 * The notes that an invocation leaves in the failed bucket on its attempts at messages. A first attempt that
 * succeeds leaves none, and costs no request.
 */
export class AttemptNotes {
  readonly #options: AttemptNotesOptions;

  constructor(options: AttemptNotesOptions) {
    this.#options = options;
  }

  /**
   * Notes that a repeated attempt has begun. The note of the last attempt counts unless another replaces it.
   */
  async begun(message: SQSRecord): Promise<void> {
    if (receivesOf(message) === 1 && !this.#isLast(message)) return;
    const { begun, gaveUp } = this.#keysOf(message);
    await this.#write(this.#isLast(message) ? gaveUp : begun, message, this.#interrupted(message), {
      failed: false,
    });
  }

  /** @param again when the message is received again, if not after the visibility timeout */
  async failed(message: SQSRecord, error: TransientError, again: Date | undefined): Promise<void> {
    const { failed, gaveUp } = this.#keysOf(message);
    await this.#write(this.#isLast(message) ? gaveUp : failed, message, error, {
      failed: true,
      again: again?.toISOString(),
    });
  }

  async succeeded(message: SQSRecord): Promise<void> {
    if (receivesOf(message) === 1 && !this.#isLast(message)) return;
    await this.#options.store.remove(this.#options.failedBucket, Object.values(this.#keysOf(message)));
  }

  #isLast(message: SQSRecord): boolean {
    return receivesOf(message) >= this.#options.maximumReceives;
  }

  #interrupted(message: SQSRecord): TransientError {
    const { stage } = this.#options;
    const which = this.#isLast(message) ? 'The last attempt' : `Attempt ${receivesOf(message)}`;
    const text = `${which} never finished: the function was killed, timed out or ran out of memory. To see its log: npx sluice logs ${stage}`;
    return new TransientError('interrupted', text, { stage });
  }

  async #write(
    key: string,
    message: SQSRecord,
    error: TransientError,
    end: Pick<Attempt, 'failed' | 'again'>,
  ): Promise<void> {
    const { store, failedBucket, maximumReceives, startedAt } = this.#options;
    const attempt = { number: receivesOf(message), of: maximumReceives, startedAt, ...end };
    await writeFault(store, failedBucket, key, findObjectEvent(message.body) ?? message, error, attempt);
  }

  /** Made of the work item that the message is about; for an unreadable message, of the message's id. */
  #keysOf({ body, messageId }: SQSRecord): { begun: string; failed: string; gaveUp: string } {
    const { stage, registry } = this.#options;
    const event = findObjectEvent(body);
    if (event === undefined) {
      const key = unreadableMessageKey(stage, messageId);
      return { begun: key, failed: key, gaveUp: key };
    }
    const item = registry.workItemOf(stage, event);
    return { begun: begunAttemptKey(item), failed: attemptKey(item), gaveUp: gaveUpKey(item) };
  }
}
