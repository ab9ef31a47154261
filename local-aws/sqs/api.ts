import * as z from 'zod';
import type { ServiceContext } from '../core/cloud-service.ts';
import { badRequest, ServiceError } from '../core/service-error.ts';
import { jsonService, page } from '../http/json.ts';
import { type Asked, type DescribedService, operationOf, operationsOn } from '../http/operation.ts';
import type { WireRequest } from '../http/service.ts';
import { queueAttributes, systemAttributeNames } from './attributes.ts';
import { invalidInput, renderError } from './errors.ts';
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

export interface SqsServiceOptions extends Omit<ServiceContext, 'ids'> {
  readonly queues: ReadonlyMap<string, RunningQueue>;
  readonly tasks: MoveTasks;
  /** @throws ServiceError QueueDoesNotExist */
  readonly get: (name: string) => RunningQueue;
}

type Sqs = SqsServiceOptions & { readonly startedAt: number };

/** SQS's API: the AWS JSON 1.0 protocol ("Amazon SQS API Reference"). */
export function sqsService(options: SqsServiceOptions): DescribedService {
  return jsonService({
    target: 'AmazonSQS',
    version: '1.0',
    operations,
    service: { ...options, startedAt: options.clock.now() },
    invalidInput,
    renderError,
  });
}

const operation = operationOf<Sqs>();
const ofTarget = ({ target }: { readonly target: RunningQueue }) => target.arn;
const onQueue = operationsOn(
  ({ service, input }: Asked<Sqs, { QueueUrl: string }>) =>
    service.get(queueName(input.QueueUrl, service.accountId)),
  ofTarget,
);

const operations = {
  SendMessage: onQueue('sqs:SendMessage', url.extend(message.shape), async ({ target, input, request }) => {
    const sent = newMessage(input);
    target.check(sent);
    const [id = ''] = await target.send([sent], request.caller.principal);
    return sentAs(id, sent);
  }),

  // A batch needs the permission of the single operation.
  SendMessageBatch: onQueue('sqs:SendMessage', batch(message), async ({ target, input, request }) => {
    const { Entries } = input;
    checkBatch('SendMessageBatch', Entries);
    const messages = Entries.map(newMessage);
    if (messages.reduce((sum, each) => sum + payloadBytes(each), 0) > largestPayloadBytes)
      throw badRequest(
        'BatchRequestTooLong',
        `Batch requests cannot be longer than ${largestPayloadBytes} bytes.`,
      );
    const outcomes = messages.map((each) => outcome(() => target.check(each)));
    const good = messages.filter((_, index) => !outcomes[index]);
    const ids = (good.length > 0 ? await target.send(good, request.caller.principal) : []).values();
    const results = messages.map((each, index) =>
      outcomes[index] ? {} : sentAs(ids.next().value ?? '', each),
    );
    return batchResult(Entries, outcomes, (index) => results[index]);
  }),

  ReceiveMessage: onQueue('sqs:ReceiveMessage', receive, async ({ target, input, request }) => {
    within('MaxNumberOfMessages', input.MaxNumberOfMessages, 1, 10);
    within('WaitTimeSeconds', input.WaitTimeSeconds ?? 0, 0, 20);
    within('VisibilityTimeout', input.VisibilityTimeout ?? 0, 0, 43_200);
    const systemNames = [...input.AttributeNames, ...input.MessageSystemAttributeNames];
    for (const name of systemNames) checkName(name, systemAttributeNames);
    const received = await target.receive(
      input.MaxNumberOfMessages,
      input.WaitTimeSeconds ?? target.settings.receiveWaitSeconds,
      request.signal,
      input.VisibilityTimeout,
    );
    if (received.length === 0) return {};
    return { Messages: received.map((each) => rendered(each, systemNames, input.MessageAttributeNames)) };
  }),

  DeleteMessage: onQueue('sqs:DeleteMessage', url.extend(receiptHandle.shape), async ({ target, input }) => {
    throwFirst(await target.delete([input.ReceiptHandle]));
  }),

  DeleteMessageBatch: onQueue('sqs:DeleteMessage', batch(receiptHandle), async ({ target, input }) => {
    checkBatch('DeleteMessageBatch', input.Entries);
    const handles = input.Entries.map(({ ReceiptHandle }) => ReceiptHandle);
    return batchResult(input.Entries, await target.delete(handles));
  }),

  ChangeMessageVisibility: onQueue(
    'sqs:ChangeMessageVisibility',
    url.extend(visibility.shape),
    async ({ target, input }) => {
      within('VisibilityTimeout', input.VisibilityTimeout, 0, 43_200);
      throwFirst(await target.changeVisibility([visibilityChange(input)]));
    },
  ),

  ChangeMessageVisibilityBatch: onQueue(
    'sqs:ChangeMessageVisibility',
    batch(visibility),
    async ({ target, input: { Entries } }) => {
      checkBatch('ChangeMessageVisibilityBatch', Entries);
      const outcomes: Outcome[] = Entries.map(({ VisibilityTimeout }) =>
        outcome(() => within('VisibilityTimeout', VisibilityTimeout, 0, 43_200)),
      );
      const good = Entries.filter((_, index) => !outcomes[index]).map(visibilityChange);
      const changed = (await target.changeVisibility(good)).values();
      return batchResult(
        Entries,
        outcomes.map((wrong) => wrong ?? changed.next().value),
      );
    },
  ),

  GetQueueAttributes: onQueue(
    'sqs:GetQueueAttributes',
    url.extend({ AttributeNames: z.array(z.string()).default([]) }),
    ({ service, target, input: { AttributeNames } }) => {
      const all = queueAttributes(target, service.startedAt, (name) => service.queues.get(name)?.arn);
      for (const name of AttributeNames) checkName(name, Object.keys(all));
      const isAsked = (name: string) => AttributeNames.includes('All') || AttributeNames.includes(name);
      const asked = Object.entries(all).filter(([name, value]) => value !== undefined && isAsked(name));
      return asked.length > 0 ? { Attributes: Object.fromEntries(asked) } : {};
    },
  ),

  PurgeQueue: onQueue('sqs:PurgeQueue', url, ({ target }) => target.purge()),

  ListQueueTags: onQueue('sqs:ListQueueTags', url, ({ target }) => ({ Tags: target.settings.tags ?? {} })),

  ListDeadLetterSourceQueues: onQueue(
    'sqs:ListDeadLetterSourceQueues',
    url.extend(paging.shape),
    ({ service, target, input: { MaxResults = 1000, NextToken }, request }) =>
      page('queueUrls', sourcesOf(service, target), urlFor(request), { MaxResults, NextToken }),
  ),

  GetQueueUrl: operation({
    input: z.object({ QueueName: z.string(), QueueOwnerAWSAccountId: z.string().optional() }),
    find: ({ service, input: { QueueName, QueueOwnerAWSAccountId = service.accountId } }) =>
      service.get(QueueOwnerAWSAccountId === service.accountId ? QueueName : ''),
    action: 'sqs:GetQueueUrl',
    resource: ofTarget,
    run: ({ target, request }) => ({ QueueUrl: urlFor(request)(target) }),
  }),

  ListQueues: operation({
    input: paging.extend({ QueueNamePrefix: z.string().default('') }),
    action: 'sqs:ListQueues',
    resource: ({ service: { region, accountId } }) => `arn:aws:sqs:${region}:${accountId}:*`,
    run({ service, input: { QueueNamePrefix, MaxResults = 1000, NextToken }, request }) {
      within('MaxResults', MaxResults, 1, 1000);
      const named = [...service.queues.values()].filter(({ settings }) =>
        settings.name.startsWith(QueueNamePrefix),
      );
      const listed = page('QueueUrls', named, urlFor(request), { MaxResults, NextToken });
      return listed.QueueUrls.length > 0 ? listed : {};
    },
  }),

  StartMessageMoveTask: operation({
    input: z.object({
      SourceArn: z.string(),
      DestinationArn: z.string().optional(),
      MaxNumberOfMessagesPerSecond: count.optional(),
    }),
    find: ({ service, input: { SourceArn, DestinationArn } }) => ({
      source: queueOf(service, SourceArn, 'SourceArn'),
      destination:
        DestinationArn === undefined ? undefined : queueOf(service, DestinationArn, 'DestinationArn'),
    }),
    action: 'sqs:StartMessageMoveTask',
    resource: ({ target }) => target.source.arn,
    // "Configuring a dead-letter queue redrive: permissions"; without a destination, each source queue is
    // one.
    also: ({ service, target: { source, destination } }) => [
      { action: 'sqs:ReceiveMessage', resource: source.arn },
      { action: 'sqs:DeleteMessage', resource: source.arn },
      { action: 'sqs:GetQueueAttributes', resource: source.arn },
      {
        action: 'sqs:SendMessage',
        resource: (destination ? [destination] : sourcesOf(service, source)).map(({ arn }) => arn),
      },
    ],
    run: async ({ service, target, input: { MaxNumberOfMessagesPerSecond: maxPerSecond } }) => ({
      TaskHandle: await service.tasks.start({ ...target, maxPerSecond }),
    }),
  }),

  CancelMessageMoveTask: operation({
    input: z.object({ TaskHandle: z.string() }),
    find: ({ service, input }) => queueOf(service, parseTaskHandle(input.TaskHandle).sourceArn, 'SourceArn'),
    action: 'sqs:CancelMessageMoveTask',
    resource: ofTarget,
    run: async ({ service, input: { TaskHandle } }) => ({
      ApproximateNumberOfMessagesMoved: await service.tasks.cancel(TaskHandle),
    }),
  }),

  ListMessageMoveTasks: operation({
    input: z.object({ SourceArn: z.string(), MaxResults: count.default(1) }),
    find: ({ service, input }) => queueOf(service, input.SourceArn, 'SourceArn'),
    action: 'sqs:ListMessageMoveTasks',
    resource: ofTarget,
    run({ service: { tasks, queues }, target: source, input: { MaxResults } }) {
      within('MaxResults', MaxResults, 1, 10);
      return {
        Results: tasks.list(source, MaxResults).map((task) => ({
          ...(task.status === 'RUNNING' && { TaskHandle: taskHandle(task.id, source.arn) }),
          Status: task.status,
          SourceArn: source.arn,
          DestinationArn: queues.get(task.destination ?? '')?.arn,
          MaxNumberOfMessagesPerSecond: task.maxPerSecond,
          ApproximateNumberOfMessagesMoved: task.moved,
          ApproximateNumberOfMessagesToMove: task.toMove,
          FailureReason: task.failureReason,
          StartedTimestamp: task.startedAt,
        })),
      };
    },
  }),
};

const sourcesOf = ({ queues }: Sqs, { settings: { name } }: RunningQueue) =>
  [...queues.values()].filter(({ settings }) => settings.redrive?.deadLetterQueue === name);

const urlFor =
  ({ endpoint }: WireRequest) =>
  ({ arn, settings }: RunningQueue) =>
    `${endpoint}/${arn.split(':')[4]}/${settings.name}`;

/** @throws ServiceError ResourceNotFoundException */
function queueOf({ queues }: Sqs, arn: string, parameter: string): RunningQueue {
  const queue = queues.get(arn.split(':').at(-1) ?? '');
  if (queue?.arn === arn) return queue;
  throw new ServiceError(
    'ResourceNotFoundException',
    404,
    `The resource that you specified for the ${parameter} parameter doesn't exist.`,
  );
}

function queueName(queueUrl: string, accountId: string): string {
  const [, account, name] = /^(?:https?:\/\/[^/]+\/)?([^/]+)\/([^/]+)$/.exec(queueUrl) ?? [];
  return name !== undefined && account === accountId ? name : '';
}

const visibilityChange = ({ ReceiptHandle, VisibilityTimeout }: z.infer<typeof visibility>) => ({
  receiptHandle: ReceiptHandle,
  seconds: VisibilityTimeout,
});

function within(parameter: string, value: number, least: number, most: number): void {
  if (value < least || value > most)
    throw invalid(
      `Value ${value} for parameter ${parameter} is invalid. Reason: Must be >= ${least} and <= ${most}.`,
    );
}

function checkName(name: string, known: readonly string[]): void {
  if (name !== 'All' && !known.includes(name))
    throw badRequest('InvalidAttributeName', `Unknown Attribute ${name}.`);
}
