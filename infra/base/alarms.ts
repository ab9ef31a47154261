import * as pulumi from '@pulumi/pulumi';
import type { LambdaFunction } from './function.ts';
import type { Queue } from './queue.ts';
import type { Condition, StackAlarms } from './stack-alarms.ts';

export interface AlarmsArgs {
  readonly queue: Queue;
  /** The stage's DLQ and its undelivered queue. */
  readonly deadLetters: Queue;
  readonly undelivered: Queue;
  readonly lambda: LambdaFunction;
  /** Seconds. */
  readonly timeout: number;
  /** How long a message may wait in the queue. Seconds. */
  readonly alarmAge: number;
  readonly alarms: StackAlarms;
}

/** Of the alarms on calls, in seconds. */
const period = 300;
/** Percent of the calls in a period. */
const tolerableErrors = 5;
/** Fraction of the timeout that the slowest calls may take. */
const tolerableDuration = 0.8;

/** The alarms of a stage. While SQS and Lambda are idle, they publish no metrics. */
export class Alarms extends pulumi.ComponentResource {
  constructor(name: string, args: AlarmsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Alarms', name, {}, options);
    const { queue, alarmAge } = args;
    const alarm = (what: string, description: string, condition: Condition) =>
      args.alarms.add(`${name}-${what}`, what, description, condition, this);

    // SQS leaves messages that were received three times out of the age (SQS guide,
    // sqs-available-cloudwatch-metrics); the DLQ's alarm covers them.
    alarm('age', `Messages wait for more than ${alarmAge} s: the stage is falling behind.`, {
      ...ofQueue(queue, 'ApproximateAgeOfOldestMessage'),
      threshold: alarmAge,
    });
    const stalled = stalledAfter(args.timeout);
    const ofQueueId = (id: string, metricName: string, stat: string) => ({
      id,
      metric: {
        namespace: 'AWS/SQS',
        metricName,
        dimensions: { QueueName: queue.name },
        period: stalled,
        stat,
      },
    });
    alarm(
      'stalled',
      `Messages wait for more than ${alarmAge} s, and the stage has finished none for ${stalled / 60} minutes.`,
      {
        metricQueries: [
          {
            id: 'stalled',
            // SQS need not send a count of zero, so FILL. Where the age is missing, IF has no value either,
            // so that a late metric can't hold the alarm in one state (CloudWatch guide, using-metric-math).
            expression: 'IF(FILL(deleted, 0) > 0, 0, age)',
            label: 'Age of the oldest message, in seconds; 0 if any message was finished',
            returnData: true,
          },
          ofQueueId('age', 'ApproximateAgeOfOldestMessage', 'Maximum'),
          ofQueueId('deleted', 'NumberOfMessagesDeleted', 'Sum'),
        ],
        threshold: alarmAge,
      },
    );
    alarm(
      'dlq',
      'The last attempt of a message failed (npx sluice dlq tells why).',
      holdsAnything(args.deadLetters),
    );
    alarm(
      'undelivered',
      'EventBridge could not deliver an event (npx sluice dlq tells why).',
      holdsAnything(args.undelivered),
    );

    const dimensions = { FunctionName: args.lambda.name };
    const ofFunction = { namespace: 'AWS/Lambda', dimensions, period };
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
      ...atTheEndOf(args.timeout),
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
      ...atTheEndOf(args.timeout),
    });
    this.registerOutputs();
  }
}

/**
 * Lets an alarm look back as far as a call of this many seconds began, and five to ten minutes further. A
 * call's metrics arrive at its end with the time of its start (Lambda guide, "Viewing metrics"), and an alarm
 * evaluates the latest periods only (CloudWatch guide, "Alarm evaluation"). One that breaches is enough.
 */
export const atTheEndOf = (timeout: number) => ({
  evaluationPeriods: Math.ceil(timeout / period) + 2,
  datapointsToAlarm: 1,
});

/**
 * Seconds without a finished message after which a stage with old messages is stalled. A stage at work
 * finishes one in the time of its longest call.
 */
const stalledAfter = (timeout: number) => 60 * Math.ceil(Math.max(900, 2 * timeout) / 60);

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
