import { randomUUID } from 'node:crypto';
import { EventBridgeClient, PutEventsCommand, TestEventPatternCommand } from '@aws-sdk/client-eventbridge';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { parseJson } from '../../core/parse-json.ts';
import { queueDelivery } from '../../events/delivery.ts';
import { createEvents } from '../../events/events.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import { Credentials } from '../../iam/credentials.ts';
import { createSqs } from '../../sqs/sqs.ts';

const nested = (depth: number, innermost = '1') => '{"a":'.repeat(depth) + innermost + '}'.repeat(depth);
const event = (detail: string) =>
  `{"id":"1","account":"","source":"s","time":"","region":"","resources":[],"detail-type":"t","detail":${detail}}`;

describe('JSON from outside', () => {
  test('may be nested up to a thousand levels', () => {
    expect(JSON.stringify(parseJson(nested(1000)))).toBe(nested(1000));
    expect(() => parseJson(nested(1001))).toThrow('nested more than 1000 deep');
    expect(() => parseJson(`[${'['.repeat(60_000)}${']'.repeat(60_000)},1]`)).toThrow(SyntaxError);
  });

  test('may have any number of brackets side by side, and in its strings', () => {
    const wide = JSON.stringify({ text: '['.repeat(5000), list: Array.from({ length: 5000 }, () => []) });
    expect(JSON.stringify(parseJson(wide))).toBe(wide);
  });
});

describe('JSON that is nested too deep', () => {
  let server: RunningServer;
  let events: EventBridgeClient;
  let queues: SQSClient;

  beforeAll(async () => {
    const common = { clock: systemClock, region: 'us-east-1', accountId: '000000000000', ids: randomUUID };
    const sqs = createSqs({ ...common, queues: [], authorize: async () => {} });
    const bus = createEvents({ ...common, ...queueDelivery(sqs), rules: [], authorize: async () => {} });
    server = await startServer({
      port: 0,
      services: { events: bus.handle, sqs: sqs.handle },
      credentials: new Credentials(),
    });
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const options = { endpoint: server.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 };
    [events, queues] = [new EventBridgeClient(options), new SQSClient(options)];
  });
  afterAll(() => server.close());

  test.each([
    ['an event', { EventPattern: '{"detail":[1]}', Event: event('['.repeat(60_000) + ']'.repeat(60_000)) }],
    ['a pattern', { EventPattern: nested(60_000, '[1]'), Event: event('{}') }],
  ])('is a bad request as %s to test', async (_, input) => {
    await expect(events.send(new TestEventPatternCommand(input))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('is malformed as the detail of an event', async () => {
    const Entries = [{ Source: 's', DetailType: 't', Detail: nested(10_000) }];
    const { Entries: results } = await events.send(new PutEventsCommand({ Entries }));
    expect(results).toMatchObject([{ ErrorCode: 'MalformedDetail' }]);
  });

  test('is a bad request as the request itself', async () => {
    const command = new ListQueuesCommand({});
    command.middlewareStack.add(
      (next) => (args) => {
        Object.assign(args.request as object, { body: nested(60_000) });
        return next(args);
      },
      { step: 'build', priority: 'high' },
    );
    await expect(queues.send(command)).rejects.toMatchObject({
      name: 'SerializationException',
      $metadata: { httpStatusCode: 400 },
    });
  });
});
