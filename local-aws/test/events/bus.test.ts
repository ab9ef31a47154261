import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Call } from '../../core/call.ts';
import { journalsIn } from '../../core/journal.ts';
import { ServiceError } from '../../core/service-error.ts';
import { queueDelivery } from '../../events/delivery.ts';
import type { DeliveryFault } from '../../events/delivery-fault.ts';
import { createEvents, type Events, type EventsOptions } from '../../events/events.ts';
import type { BusEvent, EventRule, EventTarget } from '../../events/rule.ts';
import { person } from '../../iam/credentials.ts';
import { createSqs } from '../../sqs/sqs.ts';
import { VirtualClock } from '../virtual-clock.ts';

const arn = (queue: string) => `arn:aws:sqs:eu-west-1:000000000000:${queue}`;
const target = (queue: string, changes: Partial<EventTarget> = {}): EventTarget => ({
  id: queue,
  arn: arn(queue),
  maximumEventAgeSeconds: 86_400,
  maximumRetryAttempts: 185,
  ...changes,
});
const rule = (changes: Partial<EventRule> = {}): EventRule => ({
  name: 'created',
  arn: 'arn:aws:events:eu-west-1:000000000000:rule/created',
  eventPattern: '{"source":["aws.s3"]}',
  enabled: true,
  targets: [target('extraction', { deadLetterArn: arn('undelivered') })],
  ...changes,
});
const event: BusEvent = {
  version: '0',
  id: 'e1',
  'detail-type': 'Object Created',
  source: 'aws.s3',
  account: '000000000000',
  time: '2026-11-02T09:00:00Z',
  region: 'eu-west-1',
  resources: [],
  detail: { object: { key: 'recipes/a b+c.json' } },
};

interface RigOptions extends Partial<EventsOptions> {
  readonly clock?: VirtualClock;
  /** Throws what the queue's policy, or the queue, answers. */
  readonly refuse?: (call: Call) => void;
}

function rig({ refuse, clock = new VirtualClock(), ...changes }: RigOptions = {}) {
  const calls: Call[] = [];
  const lost: string[] = [];
  let id = 0;
  const ids = () => {
    id += 1;
    return `${clock.now()}-${id}`;
  };
  const common = { clock, region: 'eu-west-1', accountId: '000000000000', ids };
  const sqs = createSqs({
    ...common,
    queues: ['extraction', 'audit', 'undelivered'].map((name) => ({
      name,
      visibilityTimeoutSeconds: 30,
      messageRetentionSeconds: 345_600,
      delaySeconds: 0,
      receiveWaitSeconds: 0,
      maximumMessageBytes: 1_048_576,
    })),
    authorize: async (call) => {
      calls.push(call);
      refuse?.(call);
    },
  });
  const events = createEvents({
    ...common,
    ...queueDelivery(sqs),
    rules: [rule()],
    authorize: async () => {},
    random: () => 1,
    log: (line) => lost.push(line),
    ...changes,
  });
  return {
    clock,
    calls,
    lost,
    events,
    count: (queue: string) => sqs.counts(queue).visible,
    take: (queue: string) => sqs.queue(queue, person).receive(10, 0),
  };
}

const refusing = (error: ServiceError) => (call: Call) => {
  if (call.resource === arn('extraction') && call.caller.kind === 'service') throw error;
};
const denial = new ServiceError('AccessDenied', 403, 'The queue policy does not allow it.');
const outage = new ServiceError('ServiceUnavailable', 503, 'Later.');

describe('delivery', () => {
  test('a matching event reaches each target complete, sent by EventBridge on behalf of the rule', async () => {
    const { events, take, calls } = rig({
      rules: [rule({ targets: [target('extraction'), target('audit')] })],
    });
    await events.publish(event);
    for (const queue of ['extraction', 'audit'])
      expect((await take(queue)).map(({ body }) => JSON.parse(body))).toEqual([event]);
    expect(calls[0]).toEqual({
      caller: { kind: 'service', principal: 'events.amazonaws.com', sourceArn: rule().arn },
      operation: 'SendMessage',
      action: 'sqs:SendMessage',
      resource: arn('extraction'),
    });
  });

  test('an event that does not match, or matches a disabled rule, is not sent', async () => {
    const { events, count } = rig({ rules: [rule(), rule({ name: 'off', enabled: false })] });
    await events.publish({ ...event, source: 'aws.ec2' });
    expect(count('extraction')).toBe(0);
    await events.publish(event);
    expect(count('extraction')).toBe(1);
  });

  test('a target with a constant input gets that instead of the event', async () => {
    const { events, take } = rig({ rules: [rule({ targets: [target('audit', { input: '{"go":true}' })] })] });
    await events.publish(event);
    expect((await take('audit'))[0]?.body).toBe('{"go":true}');
  });

  test('an injected fault duplicates and delays an event', async () => {
    const faults: DeliveryFault[] = [{ duplicate: 2 }, { delayMs: 5000 }];
    const { events, count, clock } = rig({ deliverFault: () => faults.shift() });
    await events.publish(event);
    expect(count('extraction')).toBe(3);
    await events.publish(event);
    await clock.advance(4999);
    expect([count('extraction'), events.waiting()]).toEqual([3, 1]);
    await clock.advance(1);
    expect([count('extraction'), events.waiting()]).toEqual([4, 0]);
  });
});

describe('an event that can’t be delivered', () => {
  // "Using dead-letter queues to process undelivered events in EventBridge"
  test.each([
    ['NO_PERMISSIONS', rule(), refusing(denial)],
    ['NO_RESOURCE', rule({ targets: [target('gone', { deadLetterArn: arn('undelivered') })] }), undefined],
  ])('goes to the DLQ without a retry after %s', async (code, each, refuse) => {
    const { events, take, lost } = rig({ rules: [each], ...(refuse && { refuse }) });
    await events.publish(event);
    const [message] = await take('undelivered');
    expect(JSON.parse(message?.body ?? '')).toEqual(event);
    expect(message?.messageAttributes).toMatchObject({
      RULE_ARN: { stringValue: each.arn },
      TARGET_ARN: { stringValue: each.targets[0]?.arn },
      ERROR_CODE: { stringValue: code },
      ERROR_MESSAGE: { stringValue: expect.any(String) },
    });
    expect([events.waiting(), lost]).toEqual([0, []]);
  });

  test('is reported as lost if there is no DLQ', async () => {
    const { events, lost } = rig({
      rules: [rule({ targets: [target('extraction')] })],
      refuse: refusing(denial),
    });
    await events.publish(event);
    expect(lost).toEqual([expect.stringMatching(/e1 of rule created is lost.*NO_PERMISSIONS.*no DLQ/)]);
  });

  test('is reported as lost if the DLQ refuses it too', async () => {
    const { events, lost } = rig({
      refuse: () => {
        throw denial;
      },
    });
    await events.publish(event);
    expect(lost).toEqual([expect.stringMatching(/its DLQ .* did not take it/)]);
  });

  test('is retried with growing delays until the target accepts it', async () => {
    let away = true;
    const { events, count, clock, calls } = rig({
      refuse: () => {
        if (away) throw outage;
      },
    });
    await events.publish(event);
    expect(events.waiting()).toBe(1);
    await clock.advance(1000 + 2000 + 4000);
    expect(calls).toHaveLength(4);
    away = false;
    await clock.advance(7999);
    expect(count('extraction')).toBe(0);
    await clock.advance(1);
    expect([count('extraction'), events.waiting()]).toEqual([1, 0]);
  });

  test.each([
    ['MaximumRetryAttempts', '2', { maximumRetryAttempts: 2 }],
    ['MaximumRetryAttempts', '0', { maximumRetryAttempts: 0 }],
    ['MaximumEventAgeInSeconds', '5', { maximumEventAgeSeconds: 60 }],
  ])('goes to the DLQ when %s is used up, after %s retries', async (exhausted, retries, policy) => {
    const targets = [target('extraction', { deadLetterArn: arn('undelivered'), ...policy })];
    const { events, take, clock } = rig({ rules: [rule({ targets })], refuse: refusing(outage) });
    await events.publish(event);
    await clock.advance(120_000);
    const [message] = await take('undelivered');
    expect(message?.messageAttributes).toMatchObject({
      ERROR_CODE: { stringValue: 'ERROR_FROM_TARGET' },
      EXHAUSTED_RETRY_CONDITION: { stringValue: exhausted },
      RETRY_ATTEMPTS: { stringValue: retries },
    });
    expect(events.waiting()).toBe(0);
  });
});

describe('schedules', () => {
  const scheduled = rule({ eventPattern: '{"source":["none"]}', scheduleExpression: 'rate(5 minutes)' });

  test('a rule with a schedule sends its event on time, and to its own targets only', async () => {
    const { events, clock, take, count } = rig({ rules: [scheduled, rule({ name: 'other' })] });
    await events.start();
    await clock.advance(10 * 60_000);
    expect((await take('extraction')).map(({ body }) => JSON.parse(body))).toMatchObject([
      { 'detail-type': 'Scheduled Event', source: 'aws.events', time: '2026-11-02T09:05:00Z', detail: {} },
      { time: '2026-11-02T09:10:00Z', resources: [scheduled.arn] },
    ]);
    await events.close();
    await clock.advance(10 * 60_000);
    // The two from before, visible again.
    expect(count('extraction')).toBe(2);
  });

  test('a schedule that is months away is kept', async () => {
    const { events, clock, count } = rig({ rules: [rule({ scheduleExpression: 'cron(0 0 1 3 ? *)' })] });
    await events.start();
    await clock.advance(118 * 86_400_000);
    expect(count('extraction')).toBe(0);
    await clock.advance(86_400_000);
    expect(count('extraction')).toBe(1);
  });
});

test.each([
  ['a pattern', { eventPattern: '{"source":"aws.s3"}' }],
  ['a schedule', { scheduleExpression: 'rate(1 minutes)' }],
])('an invalid %s is refused at start', (_, changes) => {
  expect(() => rig({ rules: [rule(changes)] })).toThrow(/not valid/);
});

test('a waiting retry and a disabled rule survive the death of the process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'local-aws-events-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const journalled = (changes: RigOptions) =>
    rig({
      openJournal: journalsIn(folder),
      rules: [rule(), rule({ name: 'switched', targets: [target('audit')] })],
      ...changes,
    });
  const one = journalled({ refuse: refusing(outage) });
  await one.events.start();
  await one.events.publish(event);
  await call(one.events, 'DisableRule', { Name: 'switched' });
  // Stopped with the retry still waiting.
  await one.events.close();

  const two = journalled({ clock: one.clock });
  await two.events.start();
  await two.clock.advance(1000);
  expect([two.count('extraction'), two.events.waiting()]).toEqual([1, 0]);
  await two.events.publish(event);
  expect([two.count('extraction'), two.count('audit')]).toEqual([2, 0]);
  await two.events.close();

  const three = journalled({});
  await three.events.start();
  expect(three.events.waiting()).toBe(0);
  await three.events.close();
});

/** Calls an operation as the wire would. */
async function call(events: Events, operation: string, input: object): Promise<void> {
  const response = await events.handle({
    method: 'POST',
    path: '/',
    query: new URLSearchParams(),
    headers: { 'x-amz-target': `AWSEvents.${operation}` },
    body: Readable.from([JSON.stringify(input)]),
    caller: person,
    requestId: 'r',
    sourceIp: '127.0.0.1',
    endpoint: 'http://127.0.0.1:4566',
    signal: new AbortController().signal,
  });
  expect(response.status).toBe(200);
}
