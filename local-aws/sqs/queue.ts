import { badRequest } from '../core/service-error.ts';
import { FairOrder } from './fair-order.ts';
import { Heap } from './heap.ts';
import { invalid, type Message } from './message.ts';

/** A queue's configuration. Its ranges are SQS's, checked when the program is read. */
export interface QueueSettings {
  readonly name: string;
  readonly visibilityTimeoutSeconds: number;
  readonly messageRetentionSeconds: number;
  readonly delaySeconds: number;
  readonly receiveWaitSeconds: number;
  readonly maximumMessageBytes: number;
  readonly redrive?: { readonly deadLetterQueue: string; readonly maxReceiveCount: number } | undefined;
  /** The queues that may use this one as their DLQ; by default all. */
  readonly redriveAllow?:
    | {
        readonly permission: 'allowAll' | 'denyAll' | 'byQueue';
        readonly sourceQueueArns?: readonly string[] | undefined;
      }
    | undefined;
  /** The queue policy's JSON text, for GetQueueAttributes. */
  readonly policy?: string | undefined;
  /** The KMS key that encrypts its messages. */
  readonly keyArn?: string | undefined;
  readonly tags?: Readonly<Record<string, string>>;
}

/** The result of receiving: a message and the handle of this receive. */
export interface Receipt {
  readonly message: Message;
  readonly receiptHandle: string;
}

/** The number of messages in each state. */
export interface Counts {
  readonly visible: number;
  readonly delayed: number;
  readonly inFlight: number;
}

/** Maximum of messages in flight ("Amazon SQS standard queue quotas"). */
export const inFlightLimit = 120_000;
/** Maximum of a message's invisibility after a receive ("ChangeMessageVisibility"). */
const longestVisibilitySeconds = 43_200;

/**
 * One standard queue as a state machine: no I/O and no clock; `now` is passed in, so the same calls always
 * give the same state.
 */
export class Queue {
  readonly settings: QueueSettings;
  readonly #messages = new Map<string, Message>();
  readonly #visible = new FairOrder();
  readonly #hidden = new Heap<Message>();
  readonly #ages = new Heap<Message>();
  constructor(settings: QueueSettings) {
    this.settings = settings;
  }

  /** Adds a message, new or from another queue. It becomes visible at its `visibleAt`. */
  put(message: Message): void {
    this.remove(message.id);
    this.#messages.set(message.id, message);
    this.#ages.push(message, message.sentAt);
    this.#hide(message);
  }

  /**
   * Delivers up to `max` messages and hides them for `visibilitySeconds` from now. A message that would be
   * received more than `maxReceiveCount` times leaves the queue as `exhausted` instead.
   */
  receive(
    max: number,
    visibilitySeconds: number,
    now: number,
    polled = false,
  ): { received: Receipt[]; exhausted: Message[] } {
    this.#advance(now);
    const received: Receipt[] = [];
    const exhausted: Message[] = [];
    const limit = this.settings.redrive?.maxReceiveCount ?? Number.POSITIVE_INFINITY;
    const room = Math.min(max, inFlightLimit - this.#visible.inFlight);
    while (received.length < room) {
      const message = this.#visible.next();
      if (!message) break;
      if (message.receiveCount >= limit) {
        this.remove(message.id);
        exhausted.push(message);
        continue;
      }
      this.receiveById(message.id, now + visibilitySeconds * 1000, now, polled);
      received.push({ message: { ...message }, receiptHandle: this.#handle(message) });
    }
    return { received, exhausted };
  }

  /** The effect of receiving one message, which a journal replays. */
  receiveById(id: string, visibleAt: number, now: number, polled = false): void {
    const message = this.#messages.get(id);
    if (!message) return;
    this.#show(message);
    message.receiveCount += 1;
    message.firstReceivedAt ??= now;
    message.receivedAt = now;
    message.polled = polled;
    message.visibleAt = visibleAt;
    this.#hide(message);
  }

  /**
   * The message that a handle may delete; undefined if it is gone or was received again ("DeleteMessage":
   * with an older handle the request succeeds and deletes nothing). The visibility timeout may have passed.
   * @throws ServiceError ReceiptHandleIsInvalid if the handle is not of this queue
   */
  deletable(receiptHandle: string): string | undefined {
    const { message, receiveCount } = this.#resolve(receiptHandle);
    return message?.receiveCount === receiveCount ? message.id : undefined;
  }

  /**
   * Sets when an in-flight message becomes visible again, in seconds from now; 0 is immediately.
   * @returns the message
   * @throws ServiceError ReceiptHandleIsInvalid, MessageNotInflight, or InvalidParameterValue if the message
   * is gone or was received again, or for more than twelve hours after the receive
   * ("ChangeMessageVisibility")
   */
  changeVisibility(receiptHandle: string, seconds: number, now: number): Message {
    this.#advance(now);
    const { message, receiveCount } = this.#resolve(receiptHandle);
    if (message?.receiveCount !== receiveCount)
      throw invalid(
        `Value ${receiptHandle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
      );
    if (!this.#isInFlight(message))
      throw badRequest('MessageNotInflight', 'The specified message is not in flight.');
    if (now + seconds * 1000 > (message.receivedAt ?? now) + longestVisibilitySeconds * 1000)
      throw invalid(
        `Value ${seconds} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [${longestVisibilitySeconds} seconds].`,
      );
    this.setVisibleAt(message.id, now + seconds * 1000);
    return message;
  }

  setVisibleAt(id: string, visibleAt: number): void {
    const message = this.#messages.get(id);
    if (!message) return;
    this.#show(message);
    message.visibleAt = visibleAt;
    this.#hide(message);
  }

  remove(id: string): void {
    const message = this.#messages.get(id);
    if (!message) return;
    this.#show(message);
    this.#messages.delete(id);
    this.#ages.delete(message);
  }

  /** Takes up to `max` visible messages out, oldest first, without a receipt, for a move task. */
  takeVisible(max: number, now: number): Message[] {
    this.#advance(now);
    const taken: Message[] = [];
    while (taken.length < max) {
      const message = this.#visible.oldest();
      if (!message) break;
      this.remove(message.id);
      taken.push(message);
    }
    return taken;
  }

  clear(): void {
    this.#messages.clear();
    this.#visible.clear();
    this.#hidden.clear();
    this.#ages.clear();
  }

  counts(now: number): Counts {
    this.#advance(now);
    return {
      visible: this.#visible.size,
      delayed: this.#hidden.size - this.#visible.inFlight,
      inFlight: this.#visible.inFlight,
    };
  }

  /**
   * When the oldest message was sent, or moved here. Undefined if there is none but those that were received
   * three times, which SQS leaves out ("ApproximateAgeOfOldestMessage").
   */
  oldestSince(now: number): number | undefined {
    this.#advance(now);
    // They are in the order in which they came.
    const counts = ({ receivedAt, receiveCount }: Message) => receivedAt === null || receiveCount < 3;
    const oldest = this.#messages.values().find(counts);
    return oldest?.movedAt ?? oldest?.sentAt;
  }

  /** When the next hidden message becomes visible. */
  nextVisibleAt(): number | undefined {
    return this.#hidden.peek()?.key;
  }

  messages(now: number): Iterable<Message> {
    this.#advance(now);
    return this.#messages.values();
  }

  /** The in-flight messages that this process passed to functions. */
  polled(now: number): Message[] {
    this.#advance(now);
    return [...this.#messages.values()].filter((each) => each.polled === true && this.#isInFlight(each));
  }

  /** Advances the state to `now`: drops messages past their retention, and makes due messages visible. */
  #advance(now: number): void {
    this.#visible.advance(now);
    const oldestKept = now - this.settings.messageRetentionSeconds * 1000;
    for (let old = this.#ages.peek(); old && old.key <= oldestKept; old = this.#ages.peek())
      this.remove(old.item.id);
    for (let next = this.#hidden.peek(); next && next.key <= now; next = this.#hidden.peek()) {
      this.#show(next.item);
      this.#visible.push(next.item, next.key);
    }
  }

  #isInFlight(message: Message): boolean {
    return message.receivedAt !== null && this.#hidden.has(message);
  }

  #hide(message: Message): void {
    this.#hidden.push(message, message.visibleAt);
    if (message.receivedAt !== null) this.#visible.count(message, 1);
  }

  /** Removes the message from the order that it is in. */
  #show(message: Message): void {
    this.#visible.delete(message);
    if (this.#hidden.delete(message) && message.receivedAt !== null) this.#visible.count(message, -1);
  }

  /** Opaque to clients. Identifies queue, message and receive, so that it is still valid after a restart. */
  #handle(message: Message): string {
    return Buffer.from(`${this.settings.name} ${message.id} ${message.receiveCount}`).toString('base64');
  }

  #resolve(receiptHandle: string): { message: Message | undefined; receiveCount: number } {
    const decoded = Buffer.from(receiptHandle, 'base64');
    const [name, id, count, ...rest] = decoded.toString().split(' ');
    const receiveCount = Number(count);
    const message = this.#messages.get(id ?? '');
    if (
      decoded.toString('base64') !== receiptHandle ||
      name !== this.settings.name ||
      rest.length > 0 ||
      !(receiveCount > 0) ||
      receiveCount > (message?.receiveCount ?? Number.POSITIVE_INFINITY)
    )
      throw badRequest(
        'ReceiptHandleIsInvalid',
        `The input receipt handle "${receiptHandle}" is not a valid receipt handle.`,
      );
    return { message, receiveCount };
  }
}
