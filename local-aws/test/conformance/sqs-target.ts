import { randomUUID } from 'node:crypto';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { systemClock } from '../../core/clock.ts';
import { startServer } from '../../http/server.ts';
import { Credentials } from '../../iam/credentials.ts';
import { createSqs } from '../../sqs/sqs.ts';

export interface SqsTarget {
  readonly client: SQSClient;
  /** Empty queues of a run's own: `source` redrives to `dlq` after two receives. */
  readonly urls: Readonly<Record<QueueName, string>>;
  readonly arns: Readonly<Record<QueueName, string>>;
  close(): Promise<void>;
}

const names = ['plain', 'counted', 'source', 'dlq'] as const;
type QueueName = (typeof names)[number];

/** The endpoint that `CONFORMANCE_ENDPOINT` names (AWS itself, or another emulator), else the local cloud. */
export async function openSqs(): Promise<SqsTarget> {
  const endpoint = process.env['CONFORMANCE_ENDPOINT'];
  return endpoint ? openElsewhere(endpoint) : openHere();
}

async function openHere(): Promise<SqsTarget> {
  const region = 'us-east-1';
  const accountId = '000000000000';
  const settings = {
    visibilityTimeoutSeconds: 30,
    messageRetentionSeconds: 345_600,
    delaySeconds: 0,
    receiveWaitSeconds: 0,
    maximumMessageBytes: 1_048_576,
  };
  const redrive = { deadLetterQueue: 'dlq', maxReceiveCount: 2 };
  const sqs = createSqs({
    queues: names.map((name) => ({ name, ...settings, ...(name === 'source' && { redrive }) })),
    clock: systemClock,
    authorize: async () => {},
    region,
    accountId,
    ids: randomUUID,
  });
  await sqs.start();
  const server = await startServer({
    port: 0,
    services: { sqs: sqs.handle },
    credentials: new Credentials(),
  });
  const client = new SQSClient({
    endpoint: server.endpoint,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  return {
    client,
    urls: each((name) => `${server.endpoint}/${accountId}/${name}`),
    arns: each((name) => `arn:aws:sqs:${region}:${accountId}:${name}`),
    async close() {
      client.destroy();
      await sqs.close();
      await server.close();
    },
  };
}

async function openElsewhere(endpoint: string): Promise<SqsTarget> {
  const client = new SQSClient({ endpoint });
  const run = randomUUID().slice(0, 8);
  const create = async (name: QueueName, Attributes: Record<string, string> = {}) => {
    const { QueueUrl = '' } = await client.send(
      new CreateQueueCommand({ QueueName: `local-aws-${run}-${name}`, Attributes }),
    );
    const asked = await client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    return { url: QueueUrl, arn: asked.Attributes?.QueueArn ?? '' };
  };
  const dlq = await create('dlq');
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlq.arn, maxReceiveCount: 2 });
  const made = {
    dlq,
    source: await create('source', { RedrivePolicy }),
    plain: await create('plain'),
    counted: await create('counted'),
  };
  return {
    client,
    urls: each((name) => made[name].url),
    arns: each((name) => made[name].arn),
    async close() {
      for (const { url } of Object.values(made)) await client.send(new DeleteQueueCommand({ QueueUrl: url }));
      client.destroy();
    },
  };
}

function each(value: (name: QueueName) => string): Record<QueueName, string> {
  return { plain: value('plain'), counted: value('counted'), source: value('source'), dlq: value('dlq') };
}
