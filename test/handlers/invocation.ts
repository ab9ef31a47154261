import type { Context, SQSRecord } from 'aws-lambda';
import { onTestFinished, vi } from 'vitest';
import * as z from 'zod';

/** Of a call that has 30 s. */
export const context: Context = {
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'extraction',
  functionVersion: '1',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:extraction',
  memoryLimitInMB: '512',
  awsRequestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
  logGroupName: 'extraction',
  logStreamName: 'test',
  getRemainingTimeInMillis: () => 30_000,
  done: () => {},
  fail: () => {},
  succeed: () => {},
};

/** What a stage knows of its queue, and what it does with it: nothing. */
export const queueOptions = { queueUrl: 'https://sqs', visibilityTimeout: 1800, maximumReceives: 5 };
export const queueDependencies = { putOff: async () => {}, handOver: async () => {}, random: () => 0 };

export function message(messageId: string, body: string): SQSRecord {
  return {
    messageId,
    body,
    receiptHandle: messageId,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: 'x',
      ApproximateFirstReceiveTimestamp: '0',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:extraction',
    awsRegion: 'us-east-1',
  };
}

/** The body of a message: S3's event of a new object. */
export function created(bucket: string, key: string): string {
  return JSON.stringify({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: '2026-01-01T00:00:00Z',
    detail: {
      bucket: { name: bucket },
      object: { key, size: 1, 'version-id': 'v1', sequencer: '0A' },
      reason: 'PutObject',
    },
  });
}

/** A line in CloudWatch's embedded metric format ("Specification: Embedded metric format"). */
const line = z.looseObject({
  _aws: z.object({
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string() })),
      }),
    ),
  }),
});

export interface EmbeddedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, unknown>>;
  /** A number, or several. */
  readonly value: unknown;
}

/**
 * Lets handlers that are made from now on print their metrics.
 *
 * @returns what tells the metrics printed so far, until the test ends
 */
export function embeddedMetrics(): () => EmbeddedMetric[] {
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  // Powertools then prints to the console that a test can watch.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  onTestFinished(() => {
    log.mockRestore();
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
    vi.stubEnv('POWERTOOLS_DEV', 'false');
  });
  return () =>
    log.mock.calls.flatMap(([text]) => {
      const parsed = line.parse(JSON.parse(String(text)));
      return parsed._aws.CloudWatchMetrics.flatMap(({ Namespace, Dimensions, Metrics }) =>
        Metrics.flatMap(({ Name }) =>
          Dimensions.map((names) => ({
            namespace: Namespace,
            name: Name,
            dimensions: Object.fromEntries(names.map((each) => [each, parsed[each]])),
            value: parsed[Name],
          })),
        ),
      );
    });
}
