import type { Metric, Metrics } from '../core/metrics.ts';
import { type NewMessage, payloadBytes } from './message.ts';
import type { Counts } from './queue.ts';

/** "A queue is active for up to six hours from when it holds a message or an action uses it." */
const activeMs = 6 * 3_600_000;

/** What is seen of a queue from time to time. */
export interface QueueView extends Counts {
  /** When the oldest message came into the queue, in milliseconds. */
  readonly oldestSince: number | undefined;
}

/** A queue's metrics ("Available CloudWatch metrics for Amazon SQS"). */
export class QueueMetrics {
  readonly #metrics: Metrics;
  readonly #sent: Metric;
  readonly #sentBytes: Metric;
  readonly #received: Metric;
  readonly #emptyReceives: Metric;
  readonly #deleted: Metric;
  readonly #visible: Metric;
  readonly #notVisible: Metric;
  readonly #delayed: Metric;
  readonly #oldestSeconds: Metric;
  #usedAt = Number.NEGATIVE_INFINITY;

  /** @param view reads the queue's present state */
  constructor(QueueName: string, metrics: Metrics, view: () => QueueView) {
    const count = (name: string) => metrics.metric('AWS/SQS', name, { QueueName }, 'Count');
    this.#metrics = metrics;
    this.#sent = count('NumberOfMessagesSent');
    this.#sentBytes = metrics.metric('AWS/SQS', 'SentMessageSize', { QueueName }, 'Bytes');
    this.#received = count('NumberOfMessagesReceived');
    this.#emptyReceives = count('NumberOfEmptyReceives');
    this.#deleted = count('NumberOfMessagesDeleted');
    this.#visible = count('ApproximateNumberOfMessagesVisible');
    this.#notVisible = count('ApproximateNumberOfMessagesNotVisible');
    this.#delayed = count('ApproximateNumberOfMessagesDelayed');
    this.#oldestSeconds = metrics.metric(
      'AWS/SQS',
      'ApproximateAgeOfOldestMessage',
      { QueueName },
      'Seconds',
    );
    metrics.watch((at) => this.#look(at, view()));
  }

  sent(messages: readonly NewMessage[]): void {
    const at = this.used();
    this.#sent.record(messages.length, at);
    for (const message of messages) this.#sentBytes.record(payloadBytes(message), at);
  }

  received(count: number): void {
    const at = this.used();
    if (count > 0) this.#received.record(count, at);
    else this.#emptyReceives.record(1, at);
  }

  deleted(count: number): void {
    this.#deleted.record(count, this.used());
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
    this.#visible.set(visible, at);
    this.#notVisible.set(inFlight, at);
    this.#delayed.set(delayed, at);
    this.#oldestSeconds.set(oldestSince === undefined ? 0 : Math.floor((at - oldestSince) / 1_000), at);
    for (const counter of [this.#sent, this.#received, this.#emptyReceives, this.#deleted]) counter.rest(at);
  }
}
