import { type Clock, sleep } from '../core/clock.ts';
import { errorText } from '../core/service-error.ts';
import type { QueuePort, ReceivedMessage } from '../sqs/sqs.ts';
import type { MappingMetrics } from './mapping-metrics.ts';

/** The queue, used with the function's role, for at most 10 messages at once. */
export interface MappedQueue extends Pick<QueuePort, 'delete'> {
  receive(max: number, waitSeconds: number, signal: AbortSignal): Promise<readonly ReceivedMessage[]>;
}

/** An invocation's result. */
export interface InvocationResult {
  /** JSON: the handler's return value, or the error. */
  readonly payload: string;
  /** Set when the handler threw, timed out or died. */
  readonly functionError?: 'Handled' | 'Unhandled';
  /** The last part of the invocation's log, at most 4,096 characters. */
  readonly logTail?: string;
}

export interface MappingSettings {
  readonly uuid: string;
  readonly functionArn: string;
  /** The alias or version that it invokes; without it, the newest code. */
  readonly qualifier?: string | undefined;
  readonly queueArn: string;
  /** 1–10, or up to 10,000 with a batching window. */
  readonly batchSize: number;
  /** 0–300. */
  readonly maximumBatchingWindowSeconds: number;
  /** 2–1000. Without it, concurrency is up to the poller, which starts with five. */
  readonly maximumConcurrency?: number | undefined;
  readonly reportBatchItemFailures: boolean;
  readonly enabled: boolean;
  /** Whether it counts its messages in metrics. */
  readonly countsEvents?: boolean;
}

export interface MappingPorts {
  readonly queue: MappedQueue;
  /** Rejects if no invocation took place, e.g. because the function is throttled. */
  readonly invoke: (payload: string) => Promise<InvocationResult>;
  readonly clock: Clock;
  readonly metrics?: MappingMetrics | undefined;
  /** Called for each batch that failed as a whole and for each failed call to the queue. */
  readonly onError?: (reason: string) => void;
}

/** "Lambda quotas": the invocation payload of a synchronous call, in bytes. */
const payloadLimit = 6 * 1024 * 1024;
const receiveLimit = 10;
const longPollSeconds = 20;
/**
 * "Configuring scaling behavior for SQS event source mappings": Lambda starts with five concurrent batches.
 */
const initialConcurrency = 5;
const firstBackoffMs = 250;
const longestBackoffMs = 30_000;

/**
 * An event source mapping: receives batches from a queue, invokes the function with them and deletes the
 * processed messages. Failed messages are not touched; they reappear after their visibility timeout, as on
 * AWS.
 *
 * Uses the queue, the function and the time only through its ports, so that it also runs on a virtual clock.
 */
export class EventSourceMapping {
  readonly settings: MappingSettings;
  readonly #ports: MappingPorts;
  readonly #running = new Set<Promise<void>>();
  #polling: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  /** Received messages that did not fit into the previous batch. */
  #carried: ReceivedMessage[] = [];
  #failures = 0;
  #lastResult = 'No records processed';

  constructor(settings: MappingSettings, ports: MappingPorts) {
    this.settings = settings;
    this.#ports = ports;
  }

  /** The API's `State`. */
  get state(): 'Enabled' | 'Disabling' | 'Disabled' {
    if (this.#polling) return 'Enabled';
    return this.#running.size > 0 ? 'Disabling' : 'Disabled';
  }

  /** The API's `LastProcessingResult`. */
  get lastResult(): string {
    return this.#lastResult;
  }

  /** Starts polling. Has no effect if it is already polling. */
  enable(): void {
    if (this.#polling) return;
    const stop = new AbortController();
    this.#polling = { stop, ended: this.#poll(stop.signal) };
  }

  /**
   * Stops polling, invokes the function with the messages it holds, and waits up to `graceMs` for running
   * invocations.
   * Resolves to the number of invocations that are still running.
   */
  async disable(graceMs: number): Promise<number> {
    const polling = this.#polling;
    if (!polling) return 0;
    this.#polling = undefined;
    polling.stop.abort();
    const finished = polling.ended.then(() => Promise.all(this.#running));
    const over = new AbortController();
    await Promise.race([finished, sleep(this.#ports.clock, graceMs, over.signal).catch(() => {})]);
    over.abort();
    return this.#running.size;
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const limit = this.settings.maximumConcurrency ?? initialConcurrency;
    while (!signal.aborted || this.#carried.length > 0) {
      while (this.#running.size >= limit) await Promise.race(this.#running);
      await this.#backOff(signal);
      const batch = await this.#gather(signal);
      if (batch.length === 0) continue;
      const run = this.#process(batch).finally(() => this.#running.delete(run));
      this.#running.add(run);
    }
  }

  /**
   * Fills a batch until it is full, its window is over, or the next message would exceed the payload limit.
   */
  async #gather(signal: AbortSignal): Promise<ReceivedMessage[]> {
    const { batchSize, maximumBatchingWindowSeconds: window } = this.settings;
    const { clock, queue } = this.#ports;
    const batch: ReceivedMessage[] = [];
    let bytes = envelopeBytes;
    let end: number | undefined;
    while (batch.length < batchSize) {
      const messages = this.#carried.splice(0);
      if (messages.length === 0) {
        const remaining = end === undefined ? longPollSeconds : (end - clock.now()) / 1000;
        if (signal.aborted || remaining <= 0) break;
        const max = Math.min(receiveLimit, batchSize - batch.length);
        try {
          messages.push(...(await queue.receive(max, Math.min(longPollSeconds, remaining), signal)));
          if (messages.length > 0) this.#ports.metrics?.polled(messages.length);
        } catch (error) {
          if (!signal.aborted) this.#failed(`Receiving from ${this.settings.queueArn} failed: ${error}`);
          break;
        }
      }
      for (const [index, message] of messages.entries()) {
        bytes += Buffer.byteLength(JSON.stringify(this.#record(message))) + 1;
        if (batch.length > 0 && (bytes > payloadLimit || batch.length === batchSize)) {
          this.#carried = messages.slice(index);
          return batch;
        }
        batch.push(message);
      }
      if (batch.length === 0) break;
      end ??= clock.now() + window * 1000;
    }
    return batch;
  }

  async #process(batch: readonly ReceivedMessage[]): Promise<void> {
    const handles = new Map(batch.map((message) => [message.messageId, message.receiptHandle]));
    const { metrics } = this.#ports;
    metrics?.invoked(batch.length);
    try {
      const payload = JSON.stringify({ Records: batch.map((message) => this.#record(message)) });
      const result = await this.#ports.invoke(payload);
      if (result.functionError) throw new Error(`the function failed: ${result.payload}`);
      if (this.settings.reportBatchItemFailures)
        for (const failed of failedItems(result.payload, handles)) handles.delete(failed);
    } catch (error) {
      this.#lastResult = 'PROBLEM: Function call failed';
      metrics?.failed(batch.length);
      this.#failed(`A batch of ${batch.length} failed: ${errorText(error)}`);
      return;
    }
    this.#failures = 0;
    this.#lastResult = 'OK';
    const done = [...handles.values()];
    metrics?.failed(batch.length - done.length);
    try {
      for (let start = 0; start < done.length; start += receiveLimit) {
        const part = done.slice(start, start + receiveLimit);
        await this.#ports.queue.delete(part);
        metrics?.deleted(part.length);
      }
    } catch (error) {
      this.#failed(`Deleting from ${this.settings.queueArn} failed: ${error}`);
    }
  }

  #record(message: ReceivedMessage) {
    return sqsRecord(message, this.settings.queueArn);
  }

  #failed(reason: string): void {
    this.#failures += 1;
    this.#ports.onError?.(reason);
  }

  async #backOff(signal: AbortSignal): Promise<void> {
    if (this.#failures === 0 || signal.aborted) return;
    const delay = Math.min(longestBackoffMs, firstBackoffMs * 2 ** (this.#failures - 1));
    await sleep(this.#ports.clock, delay, signal).catch(() => {});
  }
}

const envelopeBytes = '{"Records":[]}'.length;

/** One record of the event, as in "Using Lambda with Amazon SQS: Example event". */
function sqsRecord(message: ReceivedMessage, queueArn: string) {
  return {
    messageId: message.messageId,
    receiptHandle: message.receiptHandle,
    body: message.body,
    attributes: message.attributes,
    messageAttributes: Object.fromEntries(
      Object.entries(message.messageAttributes).map(([name, value]) => [
        name,
        { ...value, stringListValues: [], binaryListValues: [] },
      ]),
    ),
    ...(message.md5OfMessageAttributes ? { md5OfMessageAttributes: message.md5OfMessageAttributes } : {}),
    md5OfBody: message.md5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: queueArn.split(':')[3] ?? '',
  };
}

/**
 * The messages that a partial batch response reports as failed.
 *
 * "Handling errors for an SQS event source in Lambda, Success and failure conditions": nothing, null, `{}`
 * and an empty or null list mean success; a malformed response, or an empty, missing or unknown
 * itemIdentifier fails the whole batch. An object with other keys but without `batchItemFailures` is not
 * documented there; here it counts as malformed, so that a misspelled key is noticed.
 *
 * @throws Error if the whole batch failed
 */
export function failedItems(
  payload: string,
  known: { has(messageId: string): boolean },
): ReadonlySet<string> {
  const response: unknown = payload.trim() === '' ? null : JSON.parse(payload);
  if (response === null) return new Set();
  if (typeof response !== 'object' || Array.isArray(response))
    throw new Error(`the response is neither an object nor null: ${payload.slice(0, 200)}`);
  if (Object.keys(response).length === 0) return new Set();
  if (!('batchItemFailures' in response))
    throw new Error(`the response has no batchItemFailures but ${Object.keys(response).join(', ')}`);
  const failures = response.batchItemFailures;
  if (failures === null) return new Set();
  if (!Array.isArray(failures)) throw new Error('batchItemFailures is not a list');
  return new Set(
    failures.map((item: unknown) => {
      const id =
        typeof item === 'object' && item !== null && 'itemIdentifier' in item
          ? item.itemIdentifier
          : undefined;
      if (typeof id !== 'string' || !known.has(id))
        throw new Error(
          `batchItemFailures names a message that is not in the batch: ${JSON.stringify(item)}`,
        );
      return id;
    }),
  );
}
