import { type Metrics, metricsOf } from '../core/metrics.ts';
import { type NewMessage, payloadBytes } from './message.ts';
import type { Counts } from './queue.ts';

/** "A queue is active for up to six hours from when it holds a message or an action uses it." */
const activeMs = 6 * 3_600_000;

/** What is seen of a queue from time to time. */
export interface QueueView extends Counts {
  /** When the oldest message came into the queue, in milliseconds. */
  readonly oldestSince: number | undefined;
}

const queueMetrics = (QueueName: string, metrics: Metrics) =>
  metricsOf(
    metrics,
    'AWS/SQS',
    { QueueName },
    {
      sent: 'NumberOfMessagesSent',
      sentBytes: ['SentMessageSize', 'Bytes'],
      received: 'NumberOfMessagesReceived',
      emptyReceives: 'NumberOfEmptyReceives',
      deleted: 'NumberOfMessagesDeleted',
      visible: 'ApproximateNumberOfMessagesVisible',
      notVisible: 'ApproximateNumberOfMessagesNotVisible',
      delayed: 'ApproximateNumberOfMessagesDelayed',
      oldestSeconds: ['ApproximateAgeOfOldestMessage', 'Seconds'],
    },
  );

/** A queue's metrics ("Available CloudWatch metrics for Amazon SQS"). */
export class QueueMetrics {
  readonly #metrics: Metrics;
  readonly #of: ReturnType<typeof queueMetrics>;
  #usedAt = Number.NEGATIVE_INFINITY;

  /** @param view reads the queue's present state */
  constructor(QueueName: string, metrics: Metrics, view: () => QueueView) {
    this.#metrics = metrics;
    this.#of = queueMetrics(QueueName, metrics);
    metrics.watch((at) => this.#look(at, view()));
  }

  sent(messages: readonly NewMessage[]): void {
    const at = this.used();
    this.#of.sent.record(messages.length, at);
    for (const message of messages) this.#of.sentBytes.record(payloadBytes(message), at);
  }

  received(count: number): void {
    const at = this.used();
    if (count > 0) this.#of.received.record(count, at);
    else this.#of.emptyReceives.record(1, at);
  }

  deleted(count: number): void {
    this.#of.deleted.record(count, this.used());
  }

  /** Some action was called. @returns now */
  used(): number {
    this.#usedAt = this.#metrics.now();
    return this.#usedAt;
  }

  #look(at: number, { visible, inFlight, delayed, oldestSince }: QueueView): void {
    if (visible + inFlight + delayed > 0) this.#usedAt = at;
    // SQS sends nothing of a queue at rest.
    if (at - this.#usedAt > activeMs) return;
    this.#of.visible.set(visible, at);
    this.#of.notVisible.set(inFlight, at);
    this.#of.delayed.set(delayed, at);
    this.#of.oldestSeconds.set(oldestSince === undefined ? 0 : Math.floor((at - oldestSince) / 1_000), at);
    const { sent, received, emptyReceives, deleted } = this.#of;
    for (const counter of [sent, received, emptyReceives, deleted]) counter.rest(at);
  }
}
