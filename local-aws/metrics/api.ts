import * as z from 'zod';
import type { ServiceContext } from '../core/cloud-service.ts';
import { jsonService } from '../http/json.ts';
import { type DescribedService, operationsOnAll } from '../http/operation.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import { account } from '../iam/credentials.ts';
import type { Sqs } from '../sqs/sqs.ts';

export interface CloudWatchOptions extends Pick<ServiceContext, 'authorize' | 'clock'> {
  readonly sqs: Pick<Sqs, 'counts'>;
  readonly queueNames: ReadonlySet<string>;
}

const oneValue = 'There is only one value, the current one.';
const metricData = z.object({
  MetricDataQueries: z
    .array(
      z.object({
        Id: z.string(),
        Label: z.string().optional(),
        MetricStat: z.object({
          Metric: z.object({
            Namespace: z.string(),
            MetricName: z.string(),
            Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
          }),
          Period: harmless(oneValue),
          Stat: harmless(oneValue),
          Unit: notServed,
        }),
        ReturnData: z.boolean().default(true),
        Expression: notServed,
        Period: notServed,
        AccountId: only(account),
      }),
    )
    .max(500),
  /** Seconds since the epoch. */
  StartTime: z.number(),
  EndTime: z.number(),
  ScanBy: harmless(oneValue),
  MaxDatapoints: harmless(oneValue),
  NextToken: notServed,
  LabelOptions: harmless('No label contains a time.'),
});

/** Seconds. A value belongs to a minute, here to the current one. */
const minute = 60;

/**
 * CloudWatch's API, limited to watching queues: SQS's metrics, each with one value, the current one
 * ("Available CloudWatch metrics for Amazon SQS"). All other metrics have no data, like metrics that nobody
 * publishes.
 */
export const cloudWatchService = (service: CloudWatchOptions): DescribedService =>
  jsonService({ target: 'GraniteServiceVersion20100801', version: '1.0', operations, service });

const operations = {
  GetMetricData: operationsOnAll<CloudWatchOptions>()(
    'cloudwatch:GetMetricData',
    metricData,
    ({ service, input }) => {
      const { MetricDataQueries, StartTime, EndTime } = input;
      const now = service.clock.now() / 1000;
      const askedOf = StartTime <= now && EndTime > now - minute;
      const returned = MetricDataQueries.filter(({ ReturnData }) => ReturnData);
      const results = returned.map(({ Id, Label, MetricStat: { Metric } }) => {
        const queue = Metric.Dimensions.find(({ Name }) => Name === 'QueueName')?.Value ?? '';
        const known = Metric.Namespace === 'AWS/SQS' && service.queueNames.has(queue);
        const value = known && askedOf ? metricValue(service, Metric.MetricName, queue) : undefined;
        return {
          Id,
          Label: Label ?? Metric.MetricName,
          StatusCode: 'Complete',
          Timestamps: value === undefined ? [] : [now],
          Values: value === undefined ? [] : [value],
        };
      });
      return { MetricDataResults: results, Messages: [] };
    },
  ),
};

function metricValue({ sqs, clock }: CloudWatchOptions, metric: string, queue: string): number | undefined {
  const { visible, inFlight, delayed, oldestSentAt } = sqs.counts(queue);
  switch (metric) {
    case 'ApproximateAgeOfOldestMessage':
      return oldestSentAt === undefined ? 0 : Math.floor((clock.now() - oldestSentAt) / 1000);
    case 'ApproximateNumberOfMessagesVisible':
      return visible;
    case 'ApproximateNumberOfMessagesNotVisible':
      return inFlight;
    case 'ApproximateNumberOfMessagesDelayed':
      return delayed;
    default:
      return undefined;
  }
}
