import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import pLimit from 'p-limit';
import { settleAll } from '../../store/settle-all.ts';
import { UserError } from '../terminal/user-error.ts';
import type { Target } from './target.ts';

/** For how long a message stays hidden if this process is killed, in seconds. */
export const HIDDEN_SECONDS = 30;
const RENEW_MS = (HIDDEN_SECONDS * 1000) / 3;
/** The most that SQS takes in one request ("Amazon SQS API Reference"). */
const BATCH = 10;
const AT_ONCE = 8;
/**
 * A long poll asks all servers of a queue; a short one only some ("Amazon SQS short and long polling"). The
 * local cloud has only one.
 */
const waitSeconds = ({ control }: Pick<Target, 'control'>) => (control === undefined ? 1 : 0);

/**
 * The messages of a queue, received and kept hidden from every other reader until they are released or
 * deleted. A process that is killed releases them after HIDDEN_SECONDS.
 */
export class HeldMessages {
  readonly #sqs: SQSClient;
  readonly #url: string;
  readonly #waitSeconds: number;
  /** Receipt handles by message id. */
  readonly #held = new Map<string, string>();
  readonly #renewal: NodeJS.Timeout;

  constructor(target: Pick<Target, 'sqs' | 'control'>, url: string) {
    this.#sqs = target.sqs;
    this.#url = url;
    this.#waitSeconds = waitSeconds(target);
    this.#renewal = setInterval(() => {
      // What could not be renewed shows itself again, and is received twice at worst.
      this.#setVisibility(HIDDEN_SECONDS).catch(() => {});
    }, RENEW_MS);
  }

  /**
   * Receives all that is visible, or as much as SQS lets one reader hold. Ends early when `signal` says so.
   */
  async receiveAll(signal: AbortSignal): Promise<Message[]> {
    const found = new Map<string, Message>();
    const receive = async () => {
      const messages = signal.aborted ? [] : await this.#receive();
      const fresh = messages.filter(({ MessageId = '' }) => !found.has(MessageId));
      for (const message of messages) {
        const { MessageId = '', ReceiptHandle = '' } = message;
        found.set(MessageId, message);
        this.#held.set(MessageId, ReceiptHandle);
      }
      return fresh.length > 0;
    };
    const receiveRest = async () => {
      while (await receive());
    };
    if (await receive()) await settleAll(Array.from({ length: AT_ONCE }, receiveRest));
    return [...found.values()];
  }

  /** @throws {UserError} when SQS does not delete all of them */
  async delete(ids: readonly string[]): Promise<void> {
    let failure: string | undefined;
    await this.#inBatches(ids, async (entries) => {
      const { Failed = [] } = await this.#sqs.send(
        new DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries: entries }),
      );
      failure ??= Failed[0] && `${Failed[0].Code}: ${Failed[0].Message ?? 'it does not say why'}`;
    });
    if (failure !== undefined)
      throw new UserError(`${this.#url} did not delete a message, ${failure}. Run the command again.`);
    for (const id of ids) this.#held.delete(id);
  }

  /** Makes all messages visible again that are still held. */
  async release(): Promise<void> {
    clearInterval(this.#renewal);
    await this.#setVisibility(0);
    this.#held.clear();
  }

  async #receive(): Promise<Message[]> {
    try {
      const { Messages = [] } = await this.#sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: this.#url,
          MaxNumberOfMessages: BATCH,
          VisibilityTimeout: HIDDEN_SECONDS,
          WaitTimeSeconds: this.#waitSeconds,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
      );
      return Messages;
    } catch (error) {
      // More than 120,000 messages are in flight: these have to do ("Amazon SQS message quotas").
      if ((error as Error).name === 'OverLimit') return [];
      throw error;
    }
  }

  #setVisibility(seconds: number): Promise<void> {
    return this.#inBatches([...this.#held.keys()], async (entries) => {
      const Entries = entries.map((entry) => ({ ...entry, VisibilityTimeout: seconds }));
      await this.#sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#url, Entries }));
    });
  }

  async #inBatches(
    ids: readonly string[],
    work: (entries: { readonly Id: string; readonly ReceiptHandle: string }[]) => Promise<void>,
  ): Promise<void> {
    const limit = pLimit(AT_ONCE);
    const entries = ids.map((id, i) => ({ Id: `${i}`, ReceiptHandle: this.#held.get(id) ?? '' }));
    const batches = Array.from({ length: Math.ceil(entries.length / BATCH) }, (_, i) =>
      entries.slice(i * BATCH, (i + 1) * BATCH),
    );
    await settleAll(batches.map((batch) => limit(() => work(batch))));
  }
}
