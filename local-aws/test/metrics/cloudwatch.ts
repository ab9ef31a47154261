import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { onTestFinished } from 'vitest';
import { startServer } from '../../http/server.ts';
import { account, Credentials } from '../../iam/credentials.ts';
import type { AlarmSettings } from '../../metrics/alarms.ts';
import type { Dashboard } from '../../metrics/api.ts';
import { createMetrics } from '../../metrics/service.ts';
import { MetricStore } from '../../metrics/store.ts';
import { VirtualClock } from '../virtual-clock.ts';

export const minute = 60_000;
export const begin = Date.parse('2026-11-02T09:00:00Z');

/** Of a queue, for short. */
export const queue = { QueueName: 'q' };

/** CloudWatch on a virtual clock, with the SDK's client. It ends with the test. */
export async function startCloudWatch(
  alarms: readonly AlarmSettings[] = [],
  dashboards: readonly Dashboard[] = [],
) {
  const clock = new VirtualClock(begin);
  const store = new MetricStore(clock);
  const logged: string[] = [];
  const log = (line: string) => void logged.push(line);
  const context = { clock, region: 'us-east-1', accountId: account, authorize: async () => {} };
  const monitoring = createMetrics({ ...context, store, alarms, dashboards, log });
  await monitoring.start();
  const services = { monitoring: monitoring.handle };
  const server = await startServer({ port: 0, services, credentials: new Credentials() });
  const client = new CloudWatchClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  onTestFinished(async () => {
    client.destroy();
    await monitoring.close();
    await server.close();
  });
  return { clock, store, client, logged };
}
