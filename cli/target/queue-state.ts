import { GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { GetQueueAttributesCommand, type QueueAttributeName } from '@aws-sdk/client-sqs';
import { type Stage, stages } from '../../domain/stage.ts';
import type { Target } from './target.ts';

/** The messages of a stage: waiting, in flight and dead-lettered. */
export interface QueueState {
  readonly stage: Stage;
  readonly waiting: number;
  readonly inFlight: number;
  /** How long after its receipt a message reappears when its function has died, in seconds. */
  readonly visibilitySeconds: number;
  /** Messages in the DLQ. */
  readonly dead: number;
  /** Events that EventBridge could not deliver to the queue. */
  readonly undelivered: number;
  /**
   * Seconds since the oldest message was sent; `undefined` when there is none, or CloudWatch has no value
   * yet.
   */
  readonly oldestAgeSeconds: number | undefined;
  /** How many invocations of the stage's function failed in the last ten minutes. */
  readonly failedInvocations: number;
}

/** The messages that no stage processes any more unless somebody acts, over all stages. */
export function deadIn(queues: readonly Pick<QueueState, 'dead' | 'undelivered'>[]): number {
  return queues.reduce((sum, each) => sum + each.dead + each.undelivered, 0);
}

/** @param known metrics that were read a moment ago; each call reads them, and AWS bills it */
export async function queueStates(
  target: Target,
  known?: (id: string) => readonly number[],
): Promise<QueueState[]> {
  const { queues, deadLetterQueues, undeliveredQueues } = target.outputs;
  const metrics = known ?? (await recentMetrics(target));
  return Promise.all(
    stages.map(async (stage) => {
      const [queue, dead, undelivered] = await Promise.all([
        queueDepth(target, queues[stage]),
        queueDepth(target, deadLetterQueues[stage]),
        queueDepth(target, undeliveredQueues[stage]),
      ]);
      return {
        stage,
        waiting: queue.waiting,
        inFlight: queue.inFlight,
        visibilitySeconds: queue.visibilitySeconds,
        dead: dead.waiting + dead.inFlight,
        undelivered: undelivered.waiting + undelivered.inFlight,
        // The newest first. An age of 0 is that of an empty queue.
        oldestAgeSeconds: metrics(`${stage}_age`)[0] || undefined,
        failedInvocations: metrics(`${stage}_errors`).reduce((sum, each) => sum + each, 0),
      };
    }),
  );
}

export async function queueAttributes(
  { sqs }: Target,
  url: string,
  names: QueueAttributeName[],
): Promise<Partial<Record<QueueAttributeName, string>>> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: names });
  return (await sqs.send(command)).Attributes ?? {};
}

/** The messages of a queue, waiting or delayed, and in flight. */
export async function queueDepth(
  target: Target,
  url: string,
): Promise<{ waiting: number; inFlight: number; visibilitySeconds: number }> {
  const attributes = await queueAttributes(target, url, [
    'ApproximateNumberOfMessages',
    'ApproximateNumberOfMessagesDelayed',
    'ApproximateNumberOfMessagesNotVisible',
    'VisibilityTimeout',
  ]);
  const count = (name: QueueAttributeName) => Number(attributes[name] ?? 0);
  return {
    waiting: count('ApproximateNumberOfMessages') + count('ApproximateNumberOfMessagesDelayed'),
    inFlight: count('ApproximateNumberOfMessagesNotVisible'),
    visibilitySeconds: count('VisibilityTimeout'),
  };
}

const METRIC_WINDOW_MS = 10 * 60_000;

/**
 * Metrics of the last ten minutes, by stage. Only CloudWatch has the age of the oldest message ("Available
 * CloudWatch metrics for Amazon SQS").
 */
export async function recentMetrics(target: Target): Promise<(id: string) => readonly number[]> {
  const { queues, functions } = target.outputs;
  const end = new Date();
  const query = (
    Id: string,
    Stat: string,
    [Namespace, MetricName]: readonly [string, string],
    [Name, Value]: readonly [string, string],
  ) => ({
    Id,
    MetricStat: { Metric: { Namespace, MetricName, Dimensions: [{ Name, Value }] }, Period: 60, Stat },
  });
  const { MetricDataResults = [] } = await target.cloudWatch.send(
    new GetMetricDataCommand({
      StartTime: new Date(end.getTime() - METRIC_WINDOW_MS),
      EndTime: end,
      ScanBy: 'TimestampDescending',
      MetricDataQueries: stages.flatMap((stage) => [
        query(
          `${stage}_age`,
          'Maximum',
          ['AWS/SQS', 'ApproximateAgeOfOldestMessage'],
          ['QueueName', queueName(queues[stage])],
        ),
        query(`${stage}_errors`, 'Sum', ['AWS/Lambda', 'Errors'], ['FunctionName', functions[stage]]),
      ]),
    }),
  );
  return (id) => MetricDataResults.find(({ Id }) => Id === id)?.Values ?? [];
}

/** The name of a queue, by its URL. */
export function queueName(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
