import type * as pulumi from '@pulumi/pulumi';
import type { Stage as StageName } from '../../domain/stage.ts';
import type { Queue } from '../base/queue.ts';
import type { StageConfiguration } from '../configuration/stages.ts';
import type { Stage } from '../stage.ts';
import { expression, graph, hidden, type Line, metric, type Row, type Widget } from './widgets.ts';

/** A stage, and what the stack configures of it. */
export interface StageView {
  readonly name: StageName;
  readonly stage: Stage;
  readonly configuration: StageConfiguration;
}

export interface Place {
  readonly region: string;
  readonly stack: string;
}

type Options = Parameters<typeof metric>[3];

/** Metrics of a queue: SQS guide, sqs-available-cloudwatch-metrics. */
export const ofQueue = (queue: Queue, name: string, options?: Options): Line =>
  metric('AWS/SQS', name, { QueueName: queue.name }, options);

/**
 * Messages that anybody could receive. What a DLQ was sent is not counted as sent, so only its depth tells.
 */
export const depth = (queue: Queue, options?: Options): Line =>
  ofQueue(queue, 'ApproximateNumberOfMessagesVisible', { stat: 'Maximum', ...options });

/** Metrics of a function: Lambda guide, monitoring-metrics-types. */
export const ofFunction = (name: pulumi.Input<string>, metricName: string, options?: Options): Line =>
  metric('AWS/Lambda', metricName, { FunctionName: name }, options);

/** The numbers at the top: one for each queue. A queue that nobody used for six hours has none. */
export function numbers(region: string, title: string, metrics: readonly Line[]): Widget {
  return graph(region, title, metrics, { view: 'singleValue' });
}

/** A row for each question, with a graph for each stage. */
export function stageRows(stages: readonly StageView[], { region, stack }: Place): Row[] {
  const row = (graphOf: (stage: StageView) => Widget): Row => ({ height: 6, widgets: stages.map(graphOf) });
  return [
    row(({ name, stage: { queue, deadLetters, undelivered } }) =>
      graph(
        region,
        `${name}: messages`,
        [
          depth(queue, { label: 'visible' }),
          ofQueue(queue, 'ApproximateNumberOfMessagesNotVisible', { label: 'in flight' }),
          ofQueue(queue, 'ApproximateNumberOfMessagesDelayed', { label: 'delayed' }),
          // SQS sends nothing of a queue at rest: of these two alone, silence means that they are empty.
          depth(deadLetters, hidden('dlq', 'Maximum')),
          expression('FILL(dlq, 0)', 'DLQ', { yAxis: 'right' }),
          depth(undelivered, hidden('undelivered', 'Maximum')),
          expression('FILL(undelivered, 0)', 'undelivered', { yAxis: 'right' }),
        ],
        { stat: 'Maximum', stacked: true, unit: 'waiting', rightUnit: 'given up' },
      ),
    ),
    row(({ name, stage: { queue } }) =>
      graph(
        region,
        `${name}: backlog in seconds`,
        [
          depth(queue, hidden('visible', 'Maximum')),
          ofQueue(queue, 'NumberOfMessagesSent', hidden('sent', 'Sum')),
          ofQueue(queue, 'NumberOfMessagesDeleted', hidden('deleted', 'Sum')),
          expression('IF(deleted > 0, visible / (deleted / PERIOD(deleted)))', 'backlog at the present rate'),
          // Without the condition it is negative as long as the backlog grows.
          expression(
            'IF(deleted > sent, visible / ((deleted - sent) / PERIOD(deleted)))',
            'time to drain; blank while the backlog grows',
          ),
        ],
        { unit: 's' },
      ),
    ),
    row(({ name, stage: { queue }, configuration: { alarmAge } }) =>
      graph(
        region,
        `${name}: age of the oldest message, and wait`,
        [
          ofQueue(queue, 'ApproximateAgeOfOldestMessage', { stat: 'Maximum', label: 'oldest message' }),
          ofStage(stack, name, 'QueueWait', hidden('typical', 'p50')),
          ofStage(stack, name, 'QueueWait', hidden('slow', 'p99')),
          expression('typical / 1000', 'wait for the first receive, p50'),
          expression('slow / 1000', 'wait for the first receive, p99'),
        ],
        { unit: 's', limit: { label: 'alarm', value: alarmAge } },
      ),
    ),
    row(({ name, stage: { queue } }) =>
      graph(
        region,
        `${name}: messages a second, and retries`,
        [
          ofQueue(queue, 'NumberOfMessagesSent', hidden('sent', 'Sum')),
          ofQueue(queue, 'NumberOfMessagesDeleted', hidden('deleted', 'Sum')),
          ofQueue(queue, 'NumberOfMessagesReceived', hidden('received', 'Sum')),
          expression('sent / PERIOD(sent)', 'in'),
          expression('deleted / PERIOD(deleted)', 'out'),
          expression(
            'IF(received > deleted, 100 * (received - deleted) / received, 0)',
            'received and not deleted, %',
            { yAxis: 'right' },
          ),
        ],
        { period: 300, unit: 'a second', rightUnit: '%' },
      ),
    ),
    row(({ name, stage: { functionName } }) => invocations(region, name, functionName)),
    row(({ name, stage: { functionName }, configuration: { maximumConcurrency } }) =>
      graph(
        region,
        `${name}: calls at a time`,
        [ofFunction(functionName, 'ConcurrentExecutions', { stat: 'Maximum', label: 'calls at a time' })],
        { unit: 'calls', limit: { label: 'maximumConcurrency', value: maximumConcurrency } },
      ),
    ),
    row(({ name, stage: { functionName }, configuration: { timeout } }) =>
      duration(region, name, functionName, timeout),
    ),
    row(({ name, stage: { mapping } }) =>
      graph(
        region,
        `${name}: messages of the event source mapping`,
        ['PolledEventCount', 'InvokedEventCount', 'FailedInvokeEventCount', 'DeletedEventCount'].map(
          (count) => metric('AWS/Lambda', count, { EventSourceMappingUUID: mapping.uuid }),
        ),
        { unit: 'messages' },
      ),
    ),
  ];
}

/** What a stage's function tells of itself (handlers/sqs-handler.ts). */
const ofStage = (stack: string, stage: StageName, name: string, options?: Options): Line =>
  metric('Sluice', name, { service: stage, stack }, options);

export const invocations = (region: string, title: string, functionName: pulumi.Input<string>) =>
  graph(
    region,
    `${title}: calls and errors`,
    [
      ofFunction(functionName, 'Invocations', { id: 'calls', label: 'calls' }),
      ofFunction(functionName, 'Throttles', { label: 'throttled' }),
      ofFunction(functionName, 'Errors', hidden('errors', 'Sum')),
      expression('IF(calls > 0, 100 * errors / calls, 0)', 'killed, timed out or threw, %', {
        yAxis: 'right',
      }),
    ],
    { unit: 'calls', rightUnit: '%' },
  );

export const duration = (
  region: string,
  title: string,
  functionName: pulumi.Input<string>,
  /** Seconds. */
  timeout: number,
) =>
  graph(
    region,
    `${title}: duration of a call`,
    (['p50', 'p99', 'Maximum'] as const).map((stat) =>
      ofFunction(functionName, 'Duration', { stat, label: stat }),
    ),
    { unit: 'ms', limit: { label: 'timeout', value: 1_000 * timeout } },
  );
