import { type Dimension, type MetricDataQuery, paginateGetMetricData } from '@aws-sdk/client-cloudwatch';
import type { StageUsage, Usage } from '../../domain/cost/actual.ts';
import { type Stage, stages } from '../../domain/stage.ts';
import { queueName } from '../target/queue-state.ts';
import type { Target } from '../target/target.ts';
import { logGroupOf } from '../terminal/log-events.ts';

const hourMs = 3_600_000;

/** What CloudWatch counted in the last days, by whole hours, with the one that has just begun. */
export async function usageOf(target: Target, days: number): Promise<Usage> {
  const { outputs } = target;
  const end = Math.ceil(Date.now() / hourMs) * hourMs;
  const start = end - days * 24 * hourMs;
  const sums = await summed(target, new Date(start), new Date(end), [
    ...(await Promise.all(stages.map((stage) => ofStage(target, stage)))).flat(),
    ...Object.entries(outputs.buckets).flatMap(([purpose, name]) => [
      stored(`${purpose}Standard`, name, 'StandardStorage'),
      stored(`${purpose}Archived`, name, 'GlacierStorage'),
    ]),
  ]);
  const usage = (stage: Stage): StageUsage => {
    const of = (what: string) => sums.get(`${stage}${what}`)?.sum;
    return {
      sent: of('Sent') ?? 0,
      received: of('Received') ?? 0,
      deleted: of('Deleted') ?? 0,
      emptyReceives: of('Empty') ?? 0,
      calls: of('Calls') ?? 0,
      duration: of('Duration') ?? 0,
      logs: of('Logs'),
    };
  };
  const gigabytes = (kind: string) => {
    const found = Object.keys(outputs.buckets).flatMap((purpose) => sums.get(`${purpose}${kind}`) ?? []);
    return found.reduce((all, { sum, count }) => all + sum / count / 1e9, 0);
  };
  const isStoredKnown = Object.keys(outputs.buckets).some((purpose) => sums.has(`${purpose}Standard`));
  return {
    hours: days * 24,
    stages: {
      extraction: usage('extraction'),
      transformation: usage('transformation'),
      commit: usage('commit'),
      loading: usage('loading'),
    },
    stored: isStoredKnown ? { standard: gigabytes('Standard'), archived: gigabytes('Archived') } : undefined,
  };
}

async function ofStage(target: Target, stage: Stage): Promise<MetricDataQuery[]> {
  const { outputs } = target;
  const queue = [{ Name: 'QueueName', Value: queueName(outputs.queues[stage]) }];
  const lambda = [{ Name: 'FunctionName', Value: outputs.functions[stage] }];
  const logGroup = [{ Name: 'LogGroupName', Value: await logGroupOf(target, outputs.functions[stage]) }];
  return [
    query(`${stage}Sent`, 'AWS/SQS', 'NumberOfMessagesSent', queue),
    query(`${stage}Received`, 'AWS/SQS', 'NumberOfMessagesReceived', queue),
    query(`${stage}Deleted`, 'AWS/SQS', 'NumberOfMessagesDeleted', queue),
    query(`${stage}Empty`, 'AWS/SQS', 'NumberOfEmptyReceives', queue),
    query(`${stage}Calls`, 'AWS/Lambda', 'Invocations', lambda),
    query(`${stage}Duration`, 'AWS/Lambda', 'Duration', lambda),
    query(`${stage}Logs`, 'AWS/Logs', 'IncomingBytes', logGroup),
  ];
}

/** S3 measures a bucket once a day, for nothing (S3 guide, "Metrics and dimensions"). */
const stored = (id: string, bucket: string, StorageType: string) =>
  query(
    id,
    'AWS/S3',
    'BucketSizeBytes',
    [
      { Name: 'BucketName', Value: bucket },
      { Name: 'StorageType', Value: StorageType },
    ],
    86_400,
    'Average',
  );

const query = (
  Id: string,
  Namespace: string,
  MetricName: string,
  Dimensions: Dimension[],
  Period = 3_600,
  Stat = 'Sum',
): MetricDataQuery => ({
  Id,
  MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period, Stat },
});

/** The sum and the number of each query's values; those without a value are missing. */
async function summed(
  { cloudWatch }: Target,
  StartTime: Date,
  EndTime: Date,
  MetricDataQueries: MetricDataQuery[],
): Promise<ReadonlyMap<string, { readonly sum: number; readonly count: number }>> {
  const found = new Map<string, { sum: number; count: number }>();
  const pages = paginateGetMetricData({ client: cloudWatch }, { StartTime, EndTime, MetricDataQueries });
  for await (const { MetricDataResults = [] } of pages)
    for (const { Id = '', Values = [] } of MetricDataResults) {
      if (Values.length === 0) continue;
      const { sum, count } = found.get(Id) ?? { sum: 0, count: 0 };
      found.set(Id, { sum: sum + Values.reduce((all, each) => all + each, 0), count: count + Values.length });
    }
  return found;
}
