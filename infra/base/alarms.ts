import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { LambdaFunction } from './function.ts';
import type { Queue } from './queue.ts';

export interface AlarmsArgs {
  readonly queue: Queue;
  /** Queues in which every message is one too many. The alarm is called after the key. */
  readonly givenUp: Readonly<Record<string, Queue>>;
  readonly lambda: LambdaFunction;
  /** The function's time-out. Seconds. */
  readonly timeout: number;
  /** How long a message may wait in the queue. Seconds. */
  readonly alarmAge: number;
  /** The SNS topic that is told when an alarm begins and ends. */
  readonly topicArn: string | undefined;
}

/** Percent of the calls, in five minutes. */
const tolerableErrors = 5;
/** Part of the time-out that the slowest calls may take. */
const tolerableDuration = 0.8;

/**
 * What tells a person that a stage needs one. SQS and Lambda report nothing while nothing happens, so missing data is
 * never an alarm.
 */
export class Alarms extends pulumi.ComponentResource {
  constructor(name: string, args: AlarmsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Alarms', name, {}, options);
    const alarm = (what: string, description: string, condition: Condition) =>
      newAlarm(`${name}-${what}`, description, condition, args.topicArn, this);

    // Messages that were received three times drop out of the age (SQS guide, sqs-available-cloudwatch-metrics): the
    // DLQ's alarm tells of those.
    alarm('age', `Messages wait for more than ${args.alarmAge} s: the stage does not keep up.`, {
      ...ofQueue(args.queue, 'ApproximateAgeOfOldestMessage'),
      threshold: args.alarmAge,
    });
    for (const [what, queue] of Object.entries(args.givenUp))
      alarm(what, 'Something was given up. See what it is: npx sluice status', holdsAnything(queue));

    const dimensions = { FunctionName: args.lambda.name };
    const ofFunction = { namespace: 'AWS/Lambda', dimensions, period: 300 };
    const count = (id: string, metricName: string) => ({
      id,
      metric: { ...ofFunction, metricName, stat: 'Sum' },
    });
    alarm('errors', `More than ${tolerableErrors} % of the calls are killed, time out or throw.`, {
      metricQueries: [
        {
          id: 'rate',
          expression: '100 * errors / invocations',
          label: 'Errors in percent of the calls',
          returnData: true,
        },
        count('errors', 'Errors'),
        count('invocations', 'Invocations'),
      ],
      threshold: tolerableErrors,
    });
    alarm('throttles', "Lambda refuses calls: the account's concurrency is used up.", {
      ...ofFunction,
      metricName: 'Throttles',
      statistic: 'Sum',
      threshold: 0,
    });
    alarm('duration', `The slowest calls take more than ${100 * tolerableDuration} % of the time-out.`, {
      ...ofFunction,
      metricName: 'Duration',
      extendedStatistic: 'p99',
      threshold: tolerableDuration * args.timeout * 1_000,
    });
    this.registerOutputs();
  }
}

/** The alarms that the program has made so far, for the dashboard. A program runs once in its process. */
export const alarmsOfStack: aws.cloudwatch.MetricAlarm[] = [];

/** An alarm that begins above a threshold, and never for want of data. */
export function newAlarm(
  name: string,
  alarmDescription: string,
  condition: Condition,
  topicArn: string | undefined,
  parent: pulumi.Resource,
): aws.cloudwatch.MetricAlarm {
  const topics = topicArn === undefined ? [] : [topicArn];
  const alarm = new aws.cloudwatch.MetricAlarm(
    name,
    {
      alarmDescription,
      comparisonOperator: 'GreaterThanThreshold',
      evaluationPeriods: 1,
      treatMissingData: 'notBreaching',
      alarmActions: topics,
      okActions: topics,
      ...condition,
    },
    { parent },
  );
  alarmsOfStack.push(alarm);
  return alarm;
}

export type Condition = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  | 'namespace'
  | 'metricName'
  | 'dimensions'
  | 'period'
  | 'statistic'
  | 'extendedStatistic'
  | 'metricQueries'
  | 'threshold'
>;

export const ofQueue = (queue: Queue, metricName: string): Condition => ({
  namespace: 'AWS/SQS',
  metricName,
  dimensions: { QueueName: queue.name },
  period: 60,
  statistic: 'Maximum',
});

/** NumberOfMessagesSent would miss what SQS itself moves into a DLQ (SQS guide, sqs-available-cloudwatch-metrics). */
export const holdsAnything = (queue: Queue): Condition => ({
  ...ofQueue(queue, 'ApproximateNumberOfMessagesVisible'),
  threshold: 0,
});
