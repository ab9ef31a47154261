import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { type RunningServer, startServer } from '../http/server.ts';
import { Credentials } from '../iam/credentials.ts';
import { cloudWatchService } from '../metrics/api.ts';

let server: RunningServer;
let client: CloudWatchClient;

beforeAll(async () => {
  const counts = () => ({ visible: 7, inFlight: 0, delayed: 0, oldestSentAt: undefined });
  const queueNames = new Set(['q']);
  const monitoring = cloudWatchService({
    sqs: { counts },
    queueNames,
    clock: systemClock,
    authorize: async () => {},
  });
  server = await startServer({ port: 0, services: { monitoring }, credentials: new Credentials() });
  client = new CloudWatchClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await server.close();
});

/** Times are minutes from now. */
async function values(from: number, to: number, query: object = {}): Promise<unknown> {
  const at = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  const Dimensions = [{ Name: 'QueueName', Value: 'q' }];
  const Metric = { Namespace: 'AWS/SQS', MetricName: 'ApproximateNumberOfMessagesVisible', Dimensions };
  const MetricStat = { Metric, Period: 60, Stat: 'Maximum', ...query };
  const { MetricDataResults } = await client.send(
    new GetMetricDataCommand({
      StartTime: at(from),
      EndTime: at(to),
      MetricDataQueries: [
        { Id: 'a', MetricStat },
        { Id: 'b', MetricStat, ReturnData: false },
      ],
    }),
  );
  return MetricDataResults?.map(({ Id, Values }) => [Id, Values]);
}

test('a queue’s metric has its current value, in a period that includes the present', async () => {
  expect(await values(-10, 0)).toEqual([['a', [7]]]);
  expect(await values(-10, 10)).toEqual([['a', [7]]]);
  expect(await values(-10, -5)).toEqual([['a', []]]);
  expect(await values(5, 10)).toEqual([['a', []]]);
});

test('a parameter that selects values by unit is refused by name', async () => {
  await expect(values(-10, 0, { Unit: 'Bytes' })).rejects.toMatchObject({
    message: 'The local cloud does not serve MetricDataQueries.0.MetricStat.Unit of GetMetricData.',
  });
});
