import * as z from 'zod';
import type { Admit } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { ServiceError } from '../core/service-error.ts';
import { jsonService, type Operation, operation, page } from '../http/json.ts';
import type { DescribedService, WireRequest, WireResponse } from '../http/service.ts';
import { queueAttributes, systemAttributeNames } from './attributes.ts';
import { invalid, largestPayloadBytes, payloadBytes } from './message.ts';
import { type MoveTasks, parseTaskHandle, taskHandle } from './move-tasks.ts';
import { type Outcome, outcome, type RunningQueue, throwFirst } from './running-queue.ts';
import {
  batch,
  batchResult,
  checkBatch,
  count,
  message,
  newMessage,
  paging,
  receiptHandle,
  receive,
  rendered,
  sentAs,
  url,
  visibility,
} from './shapes.ts';

export interface SqsServiceOptions {
  readonly queues: ReadonlyMap<string, RunningQueue>;
  readonly tasks: MoveTasks;
  /** @throws ServiceError QueueDoesNotExist */
  readonly get: (name: string) => RunningQueue;
  readonly clock: Clock;
  readonly admit: Admit;
  readonly region: string;
  readonly accountId: string;
}

/** SQS on the wire: the AWS JSON 1.0 protocol ("Amazon SQS API Reference"). */
export function sqsService(options: SqsServiceOptions): DescribedService {
  const { queues, tasks } = options;

  const admit = (request: WireRequest, name: string, resource: string, action = name) =>
    options.admit({ caller: request.caller, operation: name, action: `sqs:${action}`, resource });

  /** An operation on the queue that `QueueUrl` names; a batch needs the single operation's permission. */
  function onQueue<Input extends { QueueUrl: string }>(
    name: string,
    schema: z.ZodType<Input>,
    run: (queue: RunningQueue, input: Input, request: WireRequest) => Promise<object>,
  ): Record<string, Operation> {
    return {
      [name]: operation(schema, async (input, request) => {
        const queue = options.get(queueName(input.QueueUrl, options.accountId));
        await admit(request, name, queue.arn, name.replace(/Batch$/, ''));
        return run(queue, input, request);
      }),
    };
  }

  const byArn = (arn: string, parameter: string) => {
    const queue = queues.get(arn.split(':').at(-1) ?? '');
    if (queue?.arn === arn) return queue;
    throw new ServiceError(
      'ResourceNotFoundException',
      404,
      `The resource that you specified for the ${parameter} parameter doesn't exist.`,
    );
  };
  const urlOf = (queue: RunningQueue, { endpoint }: WireRequest) =>
    `${endpoint}/${options.accountId}/${queue.settings.name}`;
  const startedAt = options.clock.now();
  const arn = (name: string | undefined) => queues.get(name ?? '')?.arn;

  const operations = {
    ...onQueue('SendMessage', url.extend(message.shape), async (queue, input, request) => {
      const sent = newMessage(input);
      queue.check(sent);
      const [id = ''] = await queue.send([sent], request.caller.principal);
      return sentAs(id, sent);
    }),

    ...onQueue('SendMessageBatch', batch(message), async (queue, { Entries }, request) => {
      checkBatch('SendMessageBatch', Entries);
      const messages = Entries.map(newMessage);
      if (messages.reduce((sum, each) => sum + payloadBytes(each), 0) > largestPayloadBytes)
        throw new ServiceError(
          'BatchRequestTooLong',
          400,
          `Batch requests cannot be longer than ${largestPayloadBytes} bytes.`,
        );
      const outcomes = messages.map((each) => outcome(() => queue.check(each)));
      const good = messages.filter((_, index) => !outcomes[index]);
      const ids = (good.length > 0 ? await queue.send(good, request.caller.principal) : []).values();
      const results = messages.map((each, index) =>
        outcomes[index] ? {} : sentAs(ids.next().value ?? '', each),
      );
      return batchResult(Entries, outcomes, (index) => results[index]);
    }),

    ...onQueue('ReceiveMessage', receive, async (queue, input, request) => {
      within('MaxNumberOfMessages', input.MaxNumberOfMessages, 1, 10);
      within('WaitTimeSeconds', input.WaitTimeSeconds ?? 0, 0, 20);
      within('VisibilityTimeout', input.VisibilityTimeout ?? 0, 0, 43_200);
      const systemNames = [...input.AttributeNames, ...input.MessageSystemAttributeNames];
      for (const name of systemNames) checkName(name, systemAttributeNames);
      const received = await queue.receive(
        input.MaxNumberOfMessages,
        input.WaitTimeSeconds ?? queue.settings.receiveWaitSeconds,
        request.signal,
        input.VisibilityTimeout,
      );
      if (received.length === 0) return {};
      return { Messages: received.map((each) => rendered(each, systemNames, input.MessageAttributeNames)) };
    }),

    ...onQueue('DeleteMessage', url.extend(receiptHandle.shape), async (queue, { ReceiptHandle }) => {
      throwFirst(await queue.delete([ReceiptHandle]));
      return {};
    }),

    ...onQueue('DeleteMessageBatch', batch(receiptHandle), async (queue, { Entries }) => {
      checkBatch('DeleteMessageBatch', Entries);
      return batchResult(Entries, await queue.delete(Entries.map(({ ReceiptHandle }) => ReceiptHandle)));
    }),

    ...onQueue('ChangeMessageVisibility', url.extend(visibility.shape), async (queue, input) => {
      within('VisibilityTimeout', input.VisibilityTimeout, 0, 43_200);
      throwFirst(await queue.changeVisibility([visibilityChange(input)]));
      return {};
    }),

    ...onQueue('ChangeMessageVisibilityBatch', batch(visibility), async (queue, { Entries }) => {
      checkBatch('ChangeMessageVisibilityBatch', Entries);
      const outcomes: Outcome[] = Entries.map(({ VisibilityTimeout }) =>
        outcome(() => within('VisibilityTimeout', VisibilityTimeout, 0, 43_200)),
      );
      const good = Entries.filter((_, index) => !outcomes[index]).map(visibilityChange);
      const changed = (await queue.changeVisibility(good)).values();
      return batchResult(
        Entries,
        outcomes.map((wrong) => wrong ?? changed.next().value),
      );
    }),

    ...onQueue(
      'GetQueueAttributes',
      url.extend({ AttributeNames: z.array(z.string()).default([]) }),
      async (queue, { AttributeNames }) => {
        const all = queueAttributes(queue, startedAt, arn);
        for (const name of AttributeNames) checkName(name, Object.keys(all));
        const asked = Object.entries(all).filter(
          ([name, value]) =>
            value !== undefined && (AttributeNames.includes('All') || AttributeNames.includes(name)),
        );
        return asked.length > 0 ? { Attributes: Object.fromEntries(asked) } : {};
      },
    ),

    ...onQueue('PurgeQueue', url, async (queue) => {
      await queue.purge();
      return {};
    }),

    ...onQueue('ListQueueTags', url, async (queue) => ({ Tags: queue.settings.tags ?? {} })),

    ...onQueue('ListDeadLetterSourceQueues', url.extend(paging.shape), async (queue, input, request) => {
      const sources = [...queues.values()].filter(
        ({ settings }) => settings.redrive?.deadLetterQueue === queue.settings.name,
      );
      const { items, next } = page(sources, input.MaxResults ?? 1000, input.NextToken);
      return { queueUrls: items.map((each) => urlOf(each, request)), ...next };
    }),

    GetQueueUrl: operation(
      z.object({ QueueName: z.string(), QueueOwnerAWSAccountId: z.string().default(options.accountId) }),
      async ({ QueueName, QueueOwnerAWSAccountId }, request) => {
        const queue = options.get(QueueOwnerAWSAccountId === options.accountId ? QueueName : '');
        await admit(request, 'GetQueueUrl', queue.arn);
        return { QueueUrl: urlOf(queue, request) };
      },
    ),

    ListQueues: operation(
      paging.extend({ QueueNamePrefix: z.string().default('') }),
      async ({ QueueNamePrefix, MaxResults, NextToken }, request) => {
        await admit(request, 'ListQueues', `arn:aws:sqs:${options.region}:${options.accountId}:*`);
        within('MaxResults', MaxResults ?? 1, 1, 1000);
        const named = [...queues.values()].filter(({ settings }) =>
          settings.name.startsWith(QueueNamePrefix),
        );
        const { items, next } = page(named, MaxResults ?? 1000, NextToken);
        return items.length > 0 ? { QueueUrls: items.map((each) => urlOf(each, request)), ...next } : {};
      },
    ),

    StartMessageMoveTask: operation(
      z.object({
        SourceArn: z.string(),
        DestinationArn: z.string().optional(),
        MaxNumberOfMessagesPerSecond: count.optional(),
      }),
      async ({ SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond }, request) => {
        const source = byArn(SourceArn, 'SourceArn');
        const destination =
          DestinationArn === undefined ? undefined : byArn(DestinationArn, 'DestinationArn');
        // "Configuring a dead-letter queue redrive: permissions"; without a destination, each source queue is one.
        const targets = destination
          ? [destination]
          : [...queues.values()].filter(
              ({ settings }) => settings.redrive?.deadLetterQueue === source.settings.name,
            );
        for (const action of [
          'StartMessageMoveTask',
          'ReceiveMessage',
          'DeleteMessage',
          'GetQueueAttributes',
        ])
          await admit(request, 'StartMessageMoveTask', source.arn, action);
        for (const target of targets) await admit(request, 'StartMessageMoveTask', target.arn, 'SendMessage');
        const maxPerSecond = MaxNumberOfMessagesPerSecond;
        return { TaskHandle: await tasks.start({ source, destination, maxPerSecond }) };
      },
    ),

    CancelMessageMoveTask: operation(
      z.object({ TaskHandle: z.string() }),
      async ({ TaskHandle }, request) => {
        const source = byArn(parseTaskHandle(TaskHandle).sourceArn, 'SourceArn');
        await admit(request, 'CancelMessageMoveTask', source.arn);
        return { ApproximateNumberOfMessagesMoved: await tasks.cancel(TaskHandle) };
      },
    ),

    ListMessageMoveTasks: operation(
      z.object({ SourceArn: z.string(), MaxResults: count.default(1) }),
      async ({ SourceArn, MaxResults }, request) => {
        const source = byArn(SourceArn, 'SourceArn');
        await admit(request, 'ListMessageMoveTasks', source.arn);
        within('MaxResults', MaxResults, 1, 10);
        return {
          Results: tasks.list(source, MaxResults).map((task) => ({
            ...(task.status === 'RUNNING' && { TaskHandle: taskHandle(task.id, source.arn) }),
            Status: task.status,
            SourceArn,
            DestinationArn: arn(task.destination),
            MaxNumberOfMessagesPerSecond: task.maxPerSecond,
            ApproximateNumberOfMessagesMoved: task.moved,
            ApproximateNumberOfMessagesToMove: task.toMove,
            FailureReason: task.failureReason,
            StartedTimestamp: task.startedAt,
          })),
        };
      },
    ),
  };

  return jsonService({
    target: 'AmazonSQS',
    version: '1.0',
    operations,
    invalidInput: ({ path, constraint, missing }) =>
      missing
        ? new ServiceError('MissingParameter', 400, `The request must contain the parameter ${path}.`)
        : invalid(`Value for parameter ${path} is invalid. Reason: ${constraint}.`),
    renderError,
  });
}

function queueName(queueUrl: string, accountId: string): string {
  const [, account, name] =
    /^https?:\/\/[^/]+\/([^/]+)\/([^/]+)$/.exec(queueUrl) ?? /^([^/]+)\/([^/]+)$/.exec(queueUrl) ?? [];
  return name !== undefined && account === accountId ? name : '';
}

const visibilityChange = (input: z.infer<typeof visibility>) => ({
  receiptHandle: input.ReceiptHandle,
  seconds: input.VisibilityTimeout,
});

function within(parameter: string, value: number, least: number, most: number): void {
  if (value < least || value > most)
    throw invalid(
      `Value ${value} for parameter ${parameter} is invalid. Reason: Must be >= ${least} and <= ${most}.`,
    );
}

function checkName(name: string, known: readonly string[]): void {
  if (name !== 'All' && !known.includes(name))
    throw new ServiceError('InvalidAttributeName', 400, `Unknown Attribute ${name}.`);
}

/** Codes that the query protocol words differently, which older clients go by ("Smithy: AWS query-compatible trait"). */
const queryCodes: Readonly<Record<string, string>> = Object.fromEntries([
  ['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'],
  ...[
    'BatchEntryIdsNotDistinct',
    'BatchRequestTooLong',
    'EmptyBatchRequest',
    'InvalidBatchEntryId',
    'MessageNotInflight',
    'PurgeQueueInProgress',
    'TooManyEntriesInBatchRequest',
    'UnsupportedOperation',
  ].map((code) => [code, `AWS.SimpleQueueService.${code}`]),
]);

function renderError({ code, status, message }: ServiceError): WireResponse {
  return {
    status,
    headers: {
      'x-amzn-query-error': `${queryCodes[code] ?? code};${status < 500 ? 'Sender' : 'Receiver'}`,
    },
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message }),
  };
}
