import { randomUUID } from 'node:crypto';
import {
  DescribeRuleCommand,
  DisableRuleCommand,
  EnableRuleCommand,
  EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  PutRuleCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { queueDelivery } from '../../events/delivery.ts';
import { createEvents, type Events } from '../../events/events.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import { Credentials, person } from '../../iam/credentials.ts';
import { createSqs, type Sqs } from '../../sqs/sqs.ts';

const elsewhere = process.env['CONFORMANCE_ENDPOINT'];
const common = {
  clock: systemClock,
  region: 'us-east-1',
  accountId: '000000000000',
  ids: randomUUID,
  authorize: async () => {},
};
const rule = {
  name: 'orders',
  arn: 'arn:aws:events:us-east-1:000000000000:rule/orders',
  eventPattern: '{"source":["shop"]}',
  enabled: true,
  targets: [
    {
      id: 'queue',
      arn: 'arn:aws:sqs:us-east-1:000000000000:orders',
      deadLetterArn: 'arn:aws:sqs:us-east-1:000000000000:orders-dlq',
      maximumEventAgeSeconds: 3600,
      maximumRetryAttempts: 3,
    },
  ],
};

let client: EventBridgeClient;
let events: Events;
let sqs: Sqs;
let server: RunningServer;

beforeAll(async () => {
  sqs = createSqs({
    ...common,
    queues: [
      {
        name: 'orders',
        visibilityTimeoutSeconds: 30,
        messageRetentionSeconds: 345_600,
        delaySeconds: 0,
        receiveWaitSeconds: 0,
        maximumMessageBytes: 1_048_576,
      },
    ],
  });
  events = createEvents({ ...common, ...queueDelivery(sqs), rules: [rule] });
  await events.start();
  server = await startServer({
    port: 0,
    services: { events: events.handle },
    credentials: new Credentials(),
  });
  client = elsewhere
    ? new EventBridgeClient({ endpoint: elsewhere })
    : new EventBridgeClient({
        endpoint: server.endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      });
});
afterAll(async () => {
  client?.destroy();
  await events?.close();
  await sqs?.close();
  await server?.close();
});

const event = {
  id: '1',
  account: '000000000000',
  source: 'shop',
  time: '2026-11-02T09:00:00Z',
  region: 'us-east-1',
  resources: [],
  'detail-type': 'Order',
  detail: { total: 12 },
};

describe('TestEventPattern', () => {
  const ask = (pattern: object, Event: object = event) =>
    client.send(
      new TestEventPatternCommand({ EventPattern: JSON.stringify(pattern), Event: JSON.stringify(Event) }),
    );

  test('reports whether a pattern matches', async () => {
    expect((await ask({ detail: { total: [{ numeric: ['>', 10] }] } })).Result).toBe(true);
    expect((await ask({ detail: { total: [{ numeric: ['>', 12] }] } })).Result).toBe(false);
  });

  test('refuses a pattern that is not valid', async () => {
    await expect(ask({ source: 'shop' })).rejects.toMatchObject({ name: 'InvalidEventPatternException' });
  });

  // "TestEventPattern": the event must contain these fields.
  test('refuses an event without its mandatory fields', async () => {
    const { source: _, ...without } = event;
    await expect(ask({ source: ['shop'] }, without)).rejects.toMatchObject({ name: 'ValidationException' });
  });
});

describe('PutEvents', () => {
  const good = { Source: 'shop', DetailType: 'Order', Detail: '{"total":12}' };

  test.skipIf(elsewhere)('delivers what matches, in the shape of an event', async () => {
    const Time = new Date('2026-11-02T09:00:00Z');
    const { FailedEntryCount, Entries } = await client.send(
      new PutEventsCommand({ Entries: [{ ...good, Time, Resources: ['arn:aws:s3:::b'] }] }),
    );
    expect(FailedEntryCount).toBe(0);
    const [message] = await sqs.queue('orders', person).receive(10, 0);
    expect(JSON.parse(message?.body ?? '')).toEqual({
      ...event,
      version: '0',
      id: Entries?.[0]?.EventId,
      resources: ['arn:aws:s3:::b'],
    });
  });

  test('reports the error of each entry', async () => {
    const { FailedEntryCount, Entries } = await client.send(
      new PutEventsCommand({
        Entries: [
          { ...good, Source: 'nobody' },
          { ...good, Source: 'aws.s3' },
          { ...good, Detail: '{' },
          { Source: 'shop', Detail: '{}' },
        ],
      }),
    );
    expect(FailedEntryCount).toBe(3);
    expect(Entries?.map((each) => each.ErrorCode)).toEqual([
      undefined,
      'NotAuthorizedForSourceException',
      'MalformedDetail',
      'InvalidArgument',
    ]);
    const nameless = await client.send(new PutEventsCommand({ Entries: [{ Detail: '{}' }] }));
    expect(nameless.Entries?.[0]?.ErrorMessage).toContain('Source');
  });

  test.each([
    ['no entries', []],
    ['eleven entries', Array.from({ length: 11 }, () => good)],
    ['256 KB', [{ ...good, Detail: JSON.stringify({ text: 'x'.repeat(262_144) }) }]],
  ])('refuses %s', async (_, Entries) => {
    await expect(client.send(new PutEventsCommand({ Entries }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });

  test('answers too many entries with AWS’s message', async () => {
    const Entries = Array.from({ length: 11 }, () => good);
    await expect(client.send(new PutEventsCommand({ Entries }))).rejects.toThrow(
      /^1 validation error detected: .*'entries' failed to satisfy constraint: Member must have length less than or equal to 10/,
    );
  });
});

describe.skipIf(elsewhere)('rules', () => {
  test('are listed with their targets', async () => {
    const described = {
      Name: 'orders',
      Arn: rule.arn,
      EventPattern: rule.eventPattern,
      State: 'ENABLED',
      EventBusName: 'default',
    };
    expect((await client.send(new ListRulesCommand({ NamePrefix: 'ord' }))).Rules).toEqual([described]);
    expect((await client.send(new ListRulesCommand({ NamePrefix: 'x' }))).Rules).toEqual([]);
    expect(await client.send(new DescribeRuleCommand({ Name: 'orders' }))).toMatchObject(described);
    expect((await client.send(new ListTargetsByRuleCommand({ Rule: 'orders' }))).Targets).toEqual([
      {
        Id: 'queue',
        Arn: rule.targets[0]?.arn,
        DeadLetterConfig: { Arn: rule.targets[0]?.deadLetterArn },
        RetryPolicy: { MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600 },
      },
    ]);
  });

  test('can be disabled and enabled', async () => {
    await client.send(new DisableRuleCommand({ Name: 'orders' }));
    expect((await client.send(new DescribeRuleCommand({ Name: 'orders' }))).State).toBe('DISABLED');
    await client.send(new EnableRuleCommand({ Name: 'orders' }));
    expect((await client.send(new DescribeRuleCommand({ Name: 'orders' }))).State).toBe('ENABLED');
  });

  test('are not found if they, or their bus, do not exist', async () => {
    const missing = { name: 'ResourceNotFoundException' };
    await expect(client.send(new DescribeRuleCommand({ Name: 'none' }))).rejects.toMatchObject(missing);
    await expect(client.send(new ListRulesCommand({ EventBusName: 'mine' }))).rejects.toMatchObject(missing);
  });

  test('come from the program only', async () => {
    await expect(client.send(new PutRuleCommand({ Name: 'new' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 501 },
      message: 'The local cloud does not serve AWSEvents.PutRule.',
    });
  });
});
