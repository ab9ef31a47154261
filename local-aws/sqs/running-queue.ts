import type { Clock } from '../core/clock.ts';
import type { Metrics } from '../core/metrics.ts';
import { forbidden, ServiceError } from '../core/service-error.ts';
import type { DeliveryFault } from '../events/delivery-fault.ts';
import { checkMessage, type Message, type NewMessage } from './message.ts';
import { type Counts, inFlightLimit, Queue, type QueueSettings, type Receipt } from './queue.ts';
import { QueueMetrics } from './queue-metrics.ts';

/** A queue's change as a journal entry. */
export type QueueEntry =
  | { readonly type: 'put'; readonly queue: string; readonly messages: readonly Message[] }
  | {
      readonly type: 'receive';
      readonly queue: string;
      readonly ids: readonly string[];
      readonly at: number;
      readonly visibleAt: number;
      readonly polled?: boolean;
    }
  | { readonly type: 'visibility'; readonly queue: string; readonly changes: readonly [string, number][] }
  | { readonly type: 'delete'; readonly queue: string; readonly ids: readonly string[] }
  | { readonly type: 'purge'; readonly queue: string }
  /** From a queue into another, under the same id (into a DLQ) or a new one (redrive). */
  | {
      readonly type: 'move';
      readonly queue: string;
      readonly to: string;
      readonly ids: readonly string[];
      readonly messages: readonly Message[];
    };

/** A queue's dependencies. */
export interface QueueContext {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** A fresh message id. */
  readonly ids: () => string;
  /** Resolves when the entry is durable. */
  readonly record: (entry: QueueEntry) => Promise<void>;
  readonly arn: (name: string) => string;
  readonly find: (name: string) => RunningQueue | undefined;
  readonly sendFault?: ((queueArn: string) => DeliveryFault | undefined) | undefined;
}

/** The result of one entry of a batch: its error, or undefined. */
export type Outcome = ServiceError | undefined;

interface Waiter {
  readonly max: number;
  readonly visibilitySeconds: number;
  readonly polled: boolean;
  readonly take: (received: Promise<Receipt[]>) => void;
}

/**
 * A running queue: with a clock, a journal, and waiting receivers. Each promise resolves when its effect is
 * durable.
 */
export class RunningQueue {
  readonly arn: string;
  readonly state: Queue;
  readonly metrics: QueueMetrics;
  readonly #context: QueueContext;
  readonly #waiters = new Set<Waiter>();
  #cancelAlarm = () => {};
  #purgedAt = Number.NEGATIVE_INFINITY;

  constructor(settings: QueueSettings, context: QueueContext) {
    this.state = new Queue(settings);
    this.arn = context.arn(settings.name);
    this.#context = context;
    this.metrics = new QueueMetrics(settings.name, context.metrics, () => ({
      ...this.counts(),
      oldestSince: this.state.oldestSince(context.clock.now()),
    }));
  }

  get settings(): QueueSettings {
    return this.state.settings;
  }

  /**
   * Sends messages that have passed `checkMessage`.
   * @returns their ids, in order
   */
  async send(messages: readonly NewMessage[], senderId: string): Promise<string[]> {
    const now = this.#context.clock.now();
    const copies: Message[] = [];
    const originals = messages.map(({ body, attributes, traceHeader, delaySeconds, groupId }) => {
      const { duplicate = 0, delayMs = 0 } = this.#context.sendFault?.(this.arn) ?? {};
      const original: Message = {
        id: this.#context.ids(),
        body,
        attributes: attributes ?? {},
        traceHeader: traceHeader ?? null,
        ...(groupId !== undefined && { groupId }),
        senderId,
        sentAt: now,
        deadLetterSource: null,
        visibleAt: now + (delaySeconds ?? this.settings.delaySeconds) * 1000 + delayMs,
        receiveCount: 0,
        firstReceivedAt: null,
        receivedAt: null,
      };
      // With an id of its own, because a queue holds a message once. SQS's duplicates have the original's id.
      for (let copy = 0; copy < duplicate; copy += 1) copies.push({ ...original, id: this.#context.ids() });
      return original;
    });
    const stored = copies.length > 0 ? [...originals, ...copies] : originals;
    const recorded = this.#context.record({ type: 'put', queue: this.settings.name, messages: stored });
    this.metrics.sent(messages);
    this.accept(stored);
    await recorded;
    return originals.map(({ id }) => id);
  }

  /** Checks a message against this queue's limits and the general rules. @throws ServiceError */
  check(message: NewMessage): void {
    checkMessage(message, this.settings.maximumMessageBytes);
  }

  /** Adds messages that the caller has journaled, and wakes waiting receivers. */
  accept(messages: readonly Message[]): void {
    for (const message of messages) this.state.put(message);
    this.#serve();
  }

  /**
   * Receives up to `max` messages; if there are none, waits up to `waitSeconds` for the first. Returns none,
   * and takes none, if `signal` is aborted while it waits.
   * @param polled whether the receiver ends with this process: see `releaseInFlight`
   * @throws ServiceError OverLimit, without waiting, if too many messages are in flight
   */
  async receive(
    max: number,
    waitSeconds: number,
    signal?: AbortSignal,
    visibilitySeconds = this.settings.visibilityTimeoutSeconds,
    polled = false,
  ): Promise<Receipt[]> {
    if (signal?.aborted) return [];
    this.metrics.used();
    const received = this.#take(max, visibilitySeconds, polled);
    if (received) return received;
    if (waitSeconds > 0) return this.#wait(max, waitSeconds, signal, visibilitySeconds, polled);
    // "Amazon SQS standard queue quotas": short polls get the error; long polls end empty.
    if (this.counts().inFlight >= inFlightLimit)
      throw forbidden('OverLimit', `${inFlightLimit} messages are in flight; delete some first.`);
    this.metrics.received(0);
    return [];
  }

  /** Deletes by receipt handle. @returns the error of each, in order */
  async delete(receiptHandles: readonly string[]): Promise<Outcome[]> {
    const ids: string[] = [];
    const outcomes = receiptHandles.map((handle) =>
      outcome(() => {
        const id = this.state.deletable(handle);
        if (id === undefined) return;
        this.state.remove(id);
        ids.push(id);
      }),
    );
    this.metrics.deleted(outcomes.filter((error) => error === undefined).length);
    if (ids.length > 0) await this.#context.record({ type: 'delete', queue: this.settings.name, ids });
    return outcomes;
  }

  /** Sets when in-flight messages become visible again. @returns the error of each, in order */
  async changeVisibility(
    changes: readonly { readonly receiptHandle: string; readonly seconds: number }[],
  ): Promise<Outcome[]> {
    const now = this.#context.clock.now();
    const changed: [string, number][] = [];
    const outcomes = changes.map(({ receiptHandle, seconds }) =>
      outcome(() => {
        const message = this.state.changeVisibility(receiptHandle, seconds, now);
        changed.push([message.id, message.visibleAt]);
      }),
    );
    const recorded =
      changed.length > 0
        ? this.#context.record({ type: 'visibility', queue: this.settings.name, changes: changed })
        : undefined;
    this.#serve();
    await recorded;
    return outcomes;
  }

  /**
   * For the start, before any receive: makes the messages that an earlier process passed to functions, but
   * did not delete, visible in `seconds` at the latest.
   */
  async releaseInFlight(seconds: number): Promise<void> {
    const now = this.#context.clock.now();
    const visibleAt = now + seconds * 1000;
    const late = this.state.polled(now).filter((message) => message.visibleAt > visibleAt);
    if (late.length === 0) return;
    const changes = late.map(({ id }): [string, number] => [id, visibleAt]);
    for (const [id] of changes) this.state.setVisibleAt(id, visibleAt);
    await this.#context.record({ type: 'visibility', queue: this.settings.name, changes });
  }

  /**
   * Deletes all messages. @throws ServiceError PurgeQueueInProgress within 60 seconds of the last purge
   * ("PurgeQueue")
   */
  async purge(): Promise<void> {
    const now = this.#context.clock.now();
    if (now - this.#purgedAt < 60_000)
      throw forbidden(
        'PurgeQueueInProgress',
        `Only one PurgeQueue operation on ${this.settings.name} is allowed every 60 seconds.`,
      );
    this.#purgedAt = now;
    this.state.clear();
    await this.#context.record({ type: 'purge', queue: this.settings.name });
  }

  counts(): Counts {
    return this.state.counts(this.#context.clock.now());
  }

  /** Replays a journal entry of this queue. */
  replay(entry: QueueEntry): void {
    switch (entry.type) {
      case 'put':
        for (const message of entry.messages) this.state.put(message);
        return;
      case 'receive':
        for (const id of entry.ids) this.state.receiveById(id, entry.visibleAt, entry.at, entry.polled);
        return;
      case 'visibility':
        for (const [id, visibleAt] of entry.changes) this.state.setVisibleAt(id, visibleAt);
        return;
      case 'move':
      case 'delete':
        for (const id of entry.ids) this.state.remove(id);
        return;
      case 'purge':
        this.state.clear();
    }
  }

  /** Returns no messages to the waiting receivers. */
  close(): void {
    for (const waiter of this.#waiters) waiter.take(Promise.resolve([]));
  }

  #wait(
    max: number,
    waitSeconds: number,
    signal: AbortSignal | undefined,
    visibilitySeconds: number,
    polled: boolean,
  ): Promise<Receipt[]> {
    return new Promise((resolve) => {
      const leave = () => waiter.take(Promise.resolve([]));
      const cancelTimer = this.#context.clock.schedule(waitSeconds * 1000, () => {
        this.metrics.received(0);
        leave();
      });
      const waiter: Waiter = {
        max,
        visibilitySeconds,
        polled,
        take: (received) => {
          this.#waiters.delete(waiter);
          if (this.#waiters.size === 0) this.#cancelAlarm();
          cancelTimer();
          signal?.removeEventListener('abort', leave);
          resolve(received);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiters.add(waiter);
      this.#setAlarm();
    });
  }

  /** Delivers visible messages to waiting receivers, first come, first served. */
  #serve(): void {
    for (const waiter of this.#waiters) {
      const received = this.#take(waiter.max, waiter.visibilitySeconds, waiter.polled);
      if (!received) break;
      waiter.take(received);
    }
    this.#setAlarm();
  }

  #setAlarm(): void {
    this.#cancelAlarm();
    const next = this.state.nextVisibleAt();
    if (this.#waiters.size === 0 || next === undefined) return;
    const delay = Math.max(1, next - this.#context.clock.now());
    this.#cancelAlarm = this.#context.clock.schedule(delay, () => this.#serve());
  }

  /** Receives immediately; undefined if there is nothing. */
  #take(max: number, visibilitySeconds: number, polled: boolean): Promise<Receipt[]> | undefined {
    const now = this.#context.clock.now();
    const { received, exhausted } = this.state.receive(max, visibilitySeconds, now, polled);
    if (exhausted.length > 0) this.#giveUp(exhausted, now);
    if (received.length === 0) return undefined;
    this.metrics.received(received.length);
    return this.#context
      .record({
        type: 'receive',
        queue: this.settings.name,
        ids: received.map(({ message }) => message.id),
        at: now,
        visibleAt: now + visibilitySeconds * 1000,
        ...(polled && { polled }),
      })
      .then(() => received);
  }

  #giveUp(exhausted: readonly Message[], now: number): void {
    const target = this.#context.find(this.settings.redrive?.deadLetterQueue ?? '');
    if (!target) return;
    const messages = exhausted.map((message) => ({
      ...message,
      deadLetterSource: this.arn,
      movedAt: now,
      visibleAt: now,
      receivedAt: null,
    }));
    void moveMessages(this.#context, this, target, exhausted, messages);
  }
}

/** Journals that `taken`, already out of `from`, continue as `messages` in `to`, and adds them there. */
export async function moveMessages(
  context: QueueContext,
  from: RunningQueue,
  to: RunningQueue,
  taken: readonly Message[],
  messages: readonly Message[],
): Promise<void> {
  const recorded = context.record({
    type: 'move',
    queue: from.settings.name,
    to: to.settings.name,
    ids: taken.map(({ id }) => id),
    messages,
  });
  to.accept(messages);
  await recorded;
}

/** Runs one entry of a batch; a refusal becomes its outcome. */
export function outcome(change: () => void): Outcome {
  try {
    change();
    return undefined;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
}

export function throwFirst([error]: readonly Outcome[]): void {
  if (error) throw error;
}
