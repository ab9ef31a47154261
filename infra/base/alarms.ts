import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { LambdaFunction } from './function.ts';
import type { Queue } from './queue.ts';

export interface AlarmsArgs {
  readonly queue: Queue;
  /**
   * Queues that should stay empty: their alarm starts with the first message. The alarm is named after the
   * key.
   */
  readonly givenUp: Readonly<Record<string, Queue>>;
  readonly lambda: LambdaFunction;
  /** Seconds. */
  readonly timeout: number;
  /** How long a message may wait in the queue. Seconds. */
  readonly alarmAge: number;
  /** The SNS topic that is notified when an alarm starts and ends. */
  readonly topicArn: string | undefined;
}

/** Percent of the calls in five minutes. */
const tolerableErrors = 5;
/** Fraction of the timeout that the slowest calls may take. */
const tolerableDuration = 0.8;

/**
 * A stage's alarms. SQS and Lambda publish no metrics while they are idle, so missing data never starts an
 * alarm.
 */
export class Alarms extends pulumi.ComponentResource {
  constructor(name: string, args: AlarmsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Alarms', name, {}, options);
    const alarm = (what: string, description: string, condition: Condition) =>
      newAlarm(`${name}-${what}`, description, condition, args.topicArn, this);

    // SQS leaves messages that were received three times out of the age (SQS guide,
    // sqs-available-cloudwatch-metrics); the DLQ's alarm covers them.
    alarm('age', `Messages wait for more than ${args.alarmAge} s: the stage is falling behind.`, {
      ...ofQueue(args.queue, 'ApproximateAgeOfOldestMessage'),
      threshold: args.alarmAge,
    });
    for (const [what, queue] of Object.entries(args.givenUp))
      alarm(
        what,
        'Messages were dead-lettered or not delivered. See them: npx sluice status',
        holdsAnything(queue),
      );

    const dimensions = { FunctionName: args.lambda.name };
    const ofFunction = { namespace: 'AWS/Lambda', dimensions, period: 300 };
    const count = (id: string, metricName: string) => ({
      id,
      metric: { ...ofFunction, metricName, stat: 'Sum' },
    });
    alarm('errors', `More than ${tolerableErrors} % of the calls fail: they throw, time out or are killed.`, {
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
    alarm('throttles', "Lambda throttles calls, because the account's concurrency is used up.", {
      ...ofFunction,
      metricName: 'Throttles',
      statistic: 'Sum',
      threshold: 0,
    });
    alarm('duration', `The slowest calls take more than ${100 * tolerableDuration} % of the timeout.`, {
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

/** An alarm that starts above a threshold. Missing data never starts it. */
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

/**
 * NumberOfMessagesSent does not count the messages that SQS itself moves to a DLQ (SQS guide,
 * sqs-available-cloudwatch-metrics).
 */
export const holdsAnything = (queue: Queue): Condition => ({
  ...ofQueue(queue, 'ApproximateNumberOfMessagesVisible'),
  threshold: 0,
});
