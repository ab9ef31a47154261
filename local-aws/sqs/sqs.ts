import { type Authorize, authorizeAction, type Caller } from '../core/call.ts';
import type { ServedService, ServiceContext } from '../core/cloud-service.ts';
import { type Journal, noJournal } from '../core/journal.ts';
import { noMetrics } from '../core/metrics.ts';
import { badRequest } from '../core/service-error.ts';
import type { DeliveryFault } from '../events/delivery-fault.ts';
import type { DescribedService } from '../http/operation.ts';
import { sqsService } from './api.ts';
import { md5, md5OfAttributes, type NewMessage, systemAttributes } from './message.ts';
import { type MoveTask, MoveTasks } from './move-tasks.ts';
import type { Counts, QueueSettings, Receipt } from './queue.ts';
import { type QueueContext, type QueueEntry, RunningQueue, throwFirst } from './running-queue.ts';

export type SqsEntry = QueueEntry | { readonly type: 'task'; readonly task: MoveTask };

export interface SqsOptions extends ServiceContext {
  readonly queues: readonly QueueSettings[];
  /** An injected fault of a message to the queue with this ARN. */
  readonly sendFault?: (queueArn: string) => DeliveryFault | undefined;
}

/** A received message as Lambda gets it ("Using Lambda with Amazon SQS: Example Amazon SQS event"). */
export interface ReceivedMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly md5OfBody: string;
  /** ApproximateReceiveCount, SentTimestamp, SenderId, ApproximateFirstReceiveTimestamp. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<
    Record<
      string,
      { readonly dataType: string; readonly stringValue?: string; readonly binaryValue?: string }
    >
  >;
  readonly md5OfMessageAttributes?: string;
}

/** A queue as one caller uses it: each use is authorized as over HTTP. */
export interface QueuePort {
  readonly arn: string;
  readonly settings: QueueSettings;
  /**
   * Receives up to `max` messages for work that ends with this process; waits up to `waitSeconds` for the
   * first, until `signal` is aborted.
   */
  receive(max: number, waitSeconds: number, signal?: AbortSignal): Promise<ReceivedMessage[]>;
  /** Deletes all that it can, then throws the first error. */
  delete(receiptHandles: readonly string[]): Promise<void>;
  /** Changes all that it can, then throws the first error. */
  changeVisibility(
    changes: readonly { readonly receiptHandle: string; readonly seconds: number }[],
  ): Promise<void>;
  /** Resolves to the message's id when it is durable. */
  send(message: NewMessage): Promise<string>;
}

/** All queues of the account, for the API and for other services. */
export interface Sqs extends ServedService<DescribedService> {
  /** @throws ServiceError QueueDoesNotExist */
  queue(name: string, caller: Caller): QueuePort;
  /** The current counts, without a permission. @throws ServiceError QueueDoesNotExist */
  counts(name: string): Counts;
  /**
   * Call it between `start` and the first receive: messages that ports of an earlier process had received
   * become visible in `seconds` at the latest. @throws ServiceError QueueDoesNotExist
   */
  releaseInFlight(name: string, seconds: number): Promise<void>;
}

/**
 * Creates the queues and their service.
 * @throws Error if a redrive policy names a queue that doesn't exist or doesn't allow it
 */
export function createSqs(options: SqsOptions): Sqs {
  let journal: Journal<SqsEntry> = noJournal;
  const record = (entry: SqsEntry) => journal.append(entry);
  const queues = new Map<string, RunningQueue>();
  const context: QueueContext = {
    clock: options.clock,
    metrics: options.metrics ?? noMetrics,
    ids: options.ids,
    record,
    arn: (name) => `arn:aws:sqs:${options.region}:${options.accountId}:${name}`,
    find: (name) => queues.get(name),
    sendFault: options.sendFault,
  };
  for (const settings of options.queues) queues.set(settings.name, new RunningQueue(settings, context));
  for (const queue of queues.values()) checkRedrive(queue, context);
  const deadLetterQueues = new Set(options.queues.map(({ redrive }) => redrive?.deadLetterQueue));
  const tasks = new MoveTasks(
    context,
    (task) => record({ type: 'task', task }),
    (name) => deadLetterQueues.has(name),
  );
  const get = (name: string) => queues.get(name) ?? noSuchQueue();
  const use = (name: string) => {
    const queue = get(name);
    queue.metrics.used();
    return queue;
  };

  function replay(entry: SqsEntry): void {
    if (entry.type === 'task') tasks.replay(entry.task);
    // A queue that the program no longer has loses its messages, as a deleted queue does.
    else queues.get(entry.queue)?.replay(entry);
    if (entry.type === 'move') queues.get(entry.to)?.accept(entry.messages);
  }

  function* snapshot(): Iterable<SqsEntry> {
    const now = options.clock.now();
    for (const [queue, { state }] of queues)
      for (const message of state.messages(now)) yield { type: 'put', queue, messages: [message] };
    for (const task of tasks.all()) yield { type: 'task', task };
  }

  return {
    name: 'sqs',
    handle: sqsService({ ...options, queues, tasks, get: use }),
    queue: (name, caller) => portOf(get(name), caller, options.authorize),
    counts: (name) => get(name).counts(),
    async start() {
      journal = (await options.openJournal?.('sqs', replay, snapshot)) ?? noJournal;
      tasks.resume();
    },
    releaseInFlight: (name, seconds) => get(name).releaseInFlight(seconds),
    async close() {
      tasks.close();
      for (const queue of queues.values()) queue.close();
      await journal.close();
    },
  };
}

function portOf(queue: RunningQueue, caller: Caller, authorize: Authorize): QueuePort {
  const authorized = (operation: string) => authorizeAction(authorize, caller, `sqs:${operation}`, queue.arn);
  return {
    arn: queue.arn,
    settings: queue.settings,
    async receive(max, waitSeconds, signal) {
      await authorized('ReceiveMessage');
      return (await queue.receive(max, waitSeconds, signal, undefined, true)).map(received);
    },
    async delete(receiptHandles) {
      await authorized('DeleteMessage');
      throwFirst(await queue.delete(receiptHandles));
    },
    async changeVisibility(changes) {
      await authorized('ChangeMessageVisibility');
      throwFirst(await queue.changeVisibility(changes));
    },
    async send(message) {
      await authorized('SendMessage');
      queue.check(message);
      const [id = ''] = await queue.send([message], caller.principal);
      return id;
    },
  };
}

function received({ message, receiptHandle }: Receipt): ReceivedMessage {
  const md5OfMessageAttributes = md5OfAttributes(message.attributes);
  return {
    messageId: message.id,
    receiptHandle,
    body: message.body,
    md5OfBody: md5(message.body),
    attributes: systemAttributes(message),
    messageAttributes: Object.fromEntries(
      Object.entries(message.attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
        name,
        {
          dataType: DataType,
          ...(StringValue !== undefined && { stringValue: StringValue }),
          ...(BinaryValue !== undefined && { binaryValue: BinaryValue }),
        },
      ]),
    ),
    ...(md5OfMessageAttributes !== undefined && { md5OfMessageAttributes }),
  };
}

function checkRedrive({ settings, arn }: RunningQueue, context: QueueContext): void {
  if (!settings.redrive) return;
  const target = context.find(settings.redrive.deadLetterQueue)?.settings;
  const problem = !target
    ? 'which does not exist'
    : target.redrive
      ? 'which has a redrive policy itself; the local cloud does not support chains of DLQs'
      : target.redriveAllow?.permission === 'denyAll' ||
          (target.redriveAllow?.permission === 'byQueue' &&
            !target.redriveAllow.sourceQueueArns?.includes(arn))
        ? 'whose redrive allow policy does not allow it'
        : undefined;
  if (problem)
    throw new Error(
      `The queue ${settings.name} names ${settings.redrive.deadLetterQueue} as its DLQ, ${problem}.`,
    );
}

function noSuchQueue(): never {
  throw badRequest('QueueDoesNotExist', 'The specified queue does not exist.');
}
