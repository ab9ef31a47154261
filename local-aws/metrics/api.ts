import * as z from 'zod';
import type { Admit } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { jsonService, operation } from '../http/json.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import type { DescribedService } from '../http/service.ts';
import { account } from '../iam/credentials.ts';
import type { Sqs } from '../sqs/sqs.ts';

export interface CloudWatchOptions {
  readonly sqs: Pick<Sqs, 'counts'>;
  readonly queueNames: ReadonlySet<string>;
  readonly clock: Clock;
  readonly admit: Admit;
}

const oneValue = 'There is one value, that of this moment.';
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
  LabelOptions: harmless('No label tells a time.'),
});

/** A value is told of a minute, and this moment is in the one that goes on. */
const minute = 60;

/**
 * CloudWatch on the wire, as far as watching queues needs it: SQS's metrics, with one value, that of this moment
 * ("Available CloudWatch metrics for Amazon SQS"). Of everything else there is no data, as of a metric that nobody sends.
 */
export function cloudWatchService({ sqs, queueNames, clock, admit }: CloudWatchOptions): DescribedService {
  const metricValue = (metric: string, queue: string): number | undefined => {
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
  };
  return jsonService({
    target: 'GraniteServiceVersion20100801',
    version: '1.0',
    operations: {
      GetMetricData: operation(metricData, async ({ MetricDataQueries, StartTime, EndTime }, { caller }) => {
        await admit({
          caller,
          operation: 'GetMetricData',
          action: 'cloudwatch:GetMetricData',
          resource: '*',
        });
        const now = clock.now() / 1000;
        const askedOf = StartTime <= now && EndTime > now - minute;
        const returned = MetricDataQueries.filter(({ ReturnData }) => ReturnData);
        const results = returned.map(({ Id, Label, MetricStat: { Metric } }) => {
          const queue = Metric.Dimensions.find(({ Name }) => Name === 'QueueName')?.Value ?? '';
          const known = Metric.Namespace === 'AWS/SQS' && queueNames.has(queue);
          const value = known && askedOf ? metricValue(Metric.MetricName, queue) : undefined;
          return {
            Id,
            Label: Label ?? Metric.MetricName,
            StatusCode: 'Complete',
            Timestamps: value === undefined ? [] : [now],
            Values: value === undefined ? [] : [value],
          };
        });
        return { MetricDataResults: results, Messages: [] };
      }),
    },
  });
}
