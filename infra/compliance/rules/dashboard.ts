import type { Check, Registered } from '../check.ts';
import { at, list, parsed } from '../resource.ts';

const dashboard = 'aws:cloudwatch/dashboard:Dashboard';

/** What an operator must find on the stack's dashboard. */
export const dashboardChecks: readonly Check[] = [
  {
    name: 'dashboard-queues',
    rule: 'A dashboard shows the depth of every queue.',
    reason: 'Messages that nobody sees wait until they expire.',
    source: 'SQS guide, sqs-available-cloudwatch-metrics',
    type: 'aws:sqs/queue:Queue',
    passes: ({ outputs }, all) =>
      shows(all, ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', outputs['name']]),
  },
  {
    name: 'dashboard-functions',
    rule: 'A dashboard shows the calls, errors and durations of every function.',
    reason: 'A function that fails is found where everything else is looked at.',
    source: 'Lambda guide, monitoring-metrics-types',
    type: 'aws:lambda/function:Function',
    passes: ({ outputs }, all) =>
      ['Invocations', 'Errors', 'Throttles', 'Duration'].every((metric) =>
        shows(all, ['AWS/Lambda', metric, 'FunctionName', outputs['name']]),
      ),
  },
  {
    name: 'dashboard-mappings',
    rule: 'A mapping counts its messages, and a dashboard shows how many were polled, failed and deleted.',
    reason: 'A poller that stands still makes no errors, and a message that it drops no call.',
    source: 'Lambda guide, monitoring-metrics-types',
    type: 'aws:lambda/eventSourceMapping:EventSourceMapping',
    passes: ({ inputs, outputs }, all) =>
      list(at(inputs, 'metricsConfig.metrics')).includes('EventCount') &&
      ['PolledEventCount', 'FailedInvokeEventCount', 'DeletedEventCount'].every((metric) =>
        shows(all, ['AWS/Lambda', metric, 'EventSourceMappingUUID', outputs['uuid']]),
      ),
  },
  {
    name: 'dashboard-alarms',
    rule: 'A dashboard shows the state of every alarm.',
    reason: 'Without a topic, an alarm changes its state and tells nobody.',
    source: 'CloudWatch API reference, CloudWatch-Dashboard-Body-Structure',
    type: 'aws:cloudwatch/metricAlarm:MetricAlarm',
    passes: ({ outputs }, all) =>
      widgets(all).some((widget) => list(at(widget, 'properties.alarms')).includes(outputs['arn'])),
  },
];

/** By stack: each of its resources asks, and the bodies are long. */
const parsedWidgets = new WeakMap<readonly Registered[], readonly unknown[]>();

function widgets(all: readonly Registered[]): readonly unknown[] {
  const known = parsedWidgets.get(all);
  if (known !== undefined) return known;
  const found = all
    .filter(({ type }) => type === dashboard)
    .flatMap(({ inputs }) => list(at(parsed(inputs['dashboardBody']), 'widgets')));
  parsedWidgets.set(all, found);
  return found;
}

const shows = (all: readonly Registered[], metric: readonly unknown[]): boolean =>
  widgets(all).some((widget) =>
    list(at(widget, 'properties.metrics')).some((line) =>
      metric.every((part, index) => part === list(line)[index]),
    ),
  );
