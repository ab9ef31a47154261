import type { Check, Registered } from '../check.ts';
import { at, functionOf, list, parsed } from '../resource.ts';
import { statesOf } from './workflows.ts';

const queue = 'aws:sqs/queue:Queue';
const lambda = 'aws:lambda/function:Function';
const metricAlarm = 'aws:cloudwatch/metricAlarm:MetricAlarm';

/** Queues and functions with the alarms they need, and what every alarm has. */
export const alarmChecks: readonly Check[] = [
  {
    name: 'queue-alarm',
    rule: 'A queue that a function or a crawler works on has an alarm on the age of its oldest message.',
    reason: 'A stage that has stopped reports no errors.',
    source: 'SQS guide, sqs-available-cloudwatch-metrics',
    type: queue,
    passes: (each, all) =>
      !isWorkedOn(each, all) || alarms(each, all).some(watches('ApproximateAgeOfOldestMessage', 'Maximum')),
  },
  {
    name: 'stalled-alarm',
    rule: 'A queue that a function works on has an alarm on old messages while none is finished.',
    reason: 'A stage that is behind catches up by itself; one that stands still needs a person.',
    source: 'CloudWatch guide, using-metric-math',
    type: queue,
    passes: (each, all) =>
      !isPolled(each, all) ||
      alarms(each, all).some(({ inputs }) =>
        ['ApproximateAgeOfOldestMessage', 'NumberOfMessagesDeleted'].every((metric) =>
          list(inputs['metricQueries']).some((query) => at(query, 'metric.metricName') === metric),
        ),
      ),
  },
  {
    name: 'dlq-alarm',
    rule: 'Any other queue has an alarm that starts with its first message.',
    reason:
      'Dead-lettered messages need a person, and NumberOfMessagesSent does not count those that SQS moves.',
    source: 'SQS guide, sqs-available-cloudwatch-metrics',
    type: queue,
    passes: (each, all) =>
      isWorkedOn(each, all) ||
      alarms(each, all).some(
        (alarm) =>
          watches('ApproximateNumberOfMessagesVisible', 'Maximum')(alarm) && alarm.inputs['threshold'] === 0,
      ),
  },
  {
    name: 'function-alarm',
    rule: 'A function that works on a queue has alarms on its error rate, on throttles, and on a p99 duration of at most 80 % of its timeout.',
    reason:
      'The queues show these problems only after the last attempt. A function that a deployment or a state machine invokes fails the deployment or the execution instead, and one that a schedule calls has an alarm of its own.',
    source: 'Lambda guide, monitoring-metrics-types',
    type: lambda,
    passes: (each, all) => {
      if ([isInvokedByDeployment, isInvokedByWorkflow, isScheduled].some((is) => is(each, all))) return true;
      const own = alarms(each, all);
      const longest = 800 * Number(each.inputs['timeout'] ?? 3);
      return (
        own.some(watchesErrorRate) &&
        own.some(watches('Throttles', 'Sum')) &&
        own.some((alarm) => watches('Duration', 'p99')(alarm) && Number(alarm.inputs['threshold']) <= longest)
      );
    },
  },
  {
    name: 'scheduled-function-alarm',
    rule: 'A function that a schedule calls has an alarm that starts with its first error.',
    reason: 'Lambda gives an asynchronous call up after two retries, and nobody waits for its answer.',
    source: 'Lambda guide, invocation-async-error-handling',
    type: lambda,
    passes: (each, all) =>
      !isScheduled(each, all) ||
      alarms(each, all).some((alarm) => watches('Errors', 'Sum')(alarm) && alarm.inputs['threshold'] === 0),
  },
  {
    name: 'alarm-end',
    rule: 'An alarm notifies the same topics when it ends as when it starts.',
    reason: 'Whoever was called must hear that it is over.',
    source: 'CloudWatch API reference, PutMetricAlarm',
    type: metricAlarm,
    passes: ({ inputs }) =>
      JSON.stringify([...list(inputs['okActions'])].sort()) ===
      JSON.stringify([...list(inputs['alarmActions'])].sort()),
  },
  {
    name: 'alarm-runbook',
    rule: 'The description of an alarm ends with a link to the section of a runbook.',
    reason: 'Whoever is called at night should not have to search.',
    source: 'Well-Architected Framework, Create actionable alerts',
    type: metricAlarm,
    passes: ({ inputs }) => / Runbook: \S+#[a-z0-9-]+$/.test(String(inputs['alarmDescription'])),
  },
];

const isInvokedByDeployment = ({ outputs }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      type === 'aws:lambda/invocation:Invocation' && inputs['functionName'] === outputs['name'],
  );

const isInvokedByWorkflow = ({ urn }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      type === 'aws:sfn/stateMachine:StateMachine' &&
      statesOf(parsed(inputs['definition'])).some(
        (state) =>
          /:states:::lambda:invoke$/.test(String(at(state, 'Resource'))) &&
          functionOf({ inputs: { functionName: at(state, 'Arguments.FunctionName') } }, all)?.urn === urn,
      ),
  );

const isScheduled = ({ urn }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      type === 'aws:scheduler/schedule:Schedule' &&
      functionOf({ inputs: { functionName: at(inputs, 'target.arn') } }, all)?.urn === urn,
  );

const isPolled = ({ outputs }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      type === 'aws:lambda/eventSourceMapping:EventSourceMapping' &&
      inputs['eventSourceArn'] === outputs['arn'],
  );

const isCrawled = ({ outputs }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      type === 'aws:glue/crawler:Crawler' &&
      list(inputs['catalogTargets']).some((target) => at(target, 'eventQueueArn') === outputs['arn']),
  );

const isWorkedOn = (each: Registered, all: readonly Registered[]) =>
  isPolled(each, all) || isCrawled(each, all);

/** The alarms on this queue or function that start above a threshold and ignore missing data. */
const alarms = ({ type, outputs }: Registered, all: readonly Registered[]) =>
  all.filter(
    ({ type: of, inputs }) =>
      of === metricAlarm &&
      inputs['comparisonOperator'] === 'GreaterThanThreshold' &&
      inputs['treatMissingData'] === 'notBreaching' &&
      inputs['actionsEnabled'] !== false &&
      [inputs, ...list(inputs['metricQueries']).map((query) => at(query, 'metric'))].some(
        (metric) =>
          at(metric, 'namespace') === (type === queue ? 'AWS/SQS' : 'AWS/Lambda') &&
          at(metric, type === queue ? 'dimensions.QueueName' : 'dimensions.FunctionName') === outputs['name'],
      ),
  );

const watches =
  (metric: string, statistic: string) =>
  ({ inputs }: Registered): boolean =>
    inputs['metricName'] === metric && (inputs['statistic'] ?? inputs['extendedStatistic']) === statistic;

/** Errors divided by invocations: ten errors in ten calls are not ten errors in a million. */
function watchesErrorRate({ inputs }: Registered): boolean {
  const queries = list(inputs['metricQueries']);
  const id = (metric: string) =>
    queries.filter((query) => at(query, 'metric.metricName') === metric).map((query) => at(query, 'id'))[0];
  const rate = queries.find((query) => at(query, 'returnData') === true);
  return String(at(rate, 'expression'))
    .replace(/\s/g, '')
    .includes(`${id('Errors')}/${id('Invocations')}`);
}
