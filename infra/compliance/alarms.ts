import type { Check, Registered } from './check.ts';
import { at, list } from './resource.ts';

const queue = 'aws:sqs/queue:Queue';
const lambda = 'aws:lambda/function:Function';

/** What must be watched, and how. */
export const alarmChecks: readonly Check[] = [
  {
    name: 'queue-alarm',
    rule: 'A queue that a function or a crawler works on has an alarm on the age of its oldest message.',
    reason: 'A stage that stands still makes no errors.',
    source: 'SQS guide, sqs-available-cloudwatch-metrics',
    type: queue,
    passes: (each, all) =>
      !isWorkedOn(each, all) || alarms(each, all).some(watches('ApproximateAgeOfOldestMessage', 'Maximum')),
  },
  {
    name: 'dlq-alarm',
    rule: 'Any other queue has an alarm on the first message that it holds.',
    reason: 'What was given up waits for a person, and NumberOfMessagesSent misses what SQS moves.',
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
    rule: 'A function that works on its own has alarms on its rate of errors, on throttles, and on a p99 duration of at most 80 % of its time-out.',
    reason:
      'Each shows what the queues show only once every attempt is used up. What a deployment invokes fails the deployment, and what a state machine invokes fails an execution.',
    source: 'Lambda guide, monitoring-metrics-types',
    type: lambda,
    passes: (each, all) => {
      if (isInvokedByDeployment(each, all) || isInvokedByWorkflow(each, all)) return true;
      const own = alarms(each, all);
      const longest = 800 * Number(each.inputs['timeout'] ?? 3);
      return (
        own.some(watchesErrorRate) &&
        own.some(watches('Throttles', 'Sum')) &&
        own.some((alarm) => watches('Duration', 'p99')(alarm) && Number(alarm.inputs['threshold']) <= longest)
      );
    },
  },
];

const isInvokedByDeployment = ({ outputs }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      type === 'aws:lambda/invocation:Invocation' && inputs['functionName'] === outputs['name'],
  );

const isInvokedByWorkflow = ({ outputs }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      type === 'aws:sfn/stateMachine:StateMachine' &&
      String(inputs['definition']).includes(JSON.stringify(outputs['arn'])),
  );

const isWorkedOn = ({ outputs }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      (type === 'aws:lambda/eventSourceMapping:EventSourceMapping' &&
        inputs['eventSourceArn'] === outputs['arn']) ||
      (type === 'aws:glue/crawler:Crawler' &&
        list(inputs['catalogTargets']).some((target) => at(target, 'eventQueueArn') === outputs['arn'])),
  );

/** The alarms on this queue or function that begin above a threshold, and not for want of data. */
const alarms = ({ type, outputs }: Registered, all: readonly Registered[]) =>
  all.filter(
    ({ type: of, inputs }) =>
      of === 'aws:cloudwatch/metricAlarm:MetricAlarm' &&
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

/** Errors by invocations: ten errors in ten calls are not ten errors in a million. */
function watchesErrorRate({ inputs }: Registered): boolean {
  const queries = list(inputs['metricQueries']);
  const id = (metric: string) =>
    queries.filter((query) => at(query, 'metric.metricName') === metric).map((query) => at(query, 'id'))[0];
  const rate = queries.find((query) => at(query, 'returnData') === true);
  return String(at(rate, 'expression'))
    .replace(/\s/g, '')
    .includes(`${id('Errors')}/${id('Invocations')}`);
}
