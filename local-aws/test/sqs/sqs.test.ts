import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Call } from '../../core/call.ts';
import { openJournal } from '../../core/journal.ts';
import { ServiceError } from '../../core/service-error.ts';
import { person } from '../../iam/credentials.ts';
import { MetricStore } from '../../metrics/store.ts';
import type { QueueSettings } from '../../sqs/queue.ts';
import { createSqs, type Sqs, type SqsOptions } from '../../sqs/sqs.ts';
import { settled, VirtualClock } from '../virtual-clock.ts';

const settings = (name: string, changes: Partial<QueueSettings> = {}): QueueSettings => ({
  name,
  visibilityTimeoutSeconds: 30,
  messageRetentionSeconds: 345_600,
  delaySeconds: 0,
  receiveWaitSeconds: 0,
  maximumMessageBytes: 1_048_576,
  ...changes,
});

const redrive = { deadLetterQueue: 'dlq', maxReceiveCount: 1 };
const queues = [settings('orders', { redrive }), settings('dlq'), settings('other')];

let made = 0;
function ids() {
  made += 1;
  return `00000000-0000-4000-8000-${`${made}`.padStart(12, '0')}`;
}

function rig(changes: Partial<SqsOptions> = {}, clock = new VirtualClock()) {
  const sqs = createSqs({
    queues,
    clock,
    authorize: async () => {},
    region: 'eu-west-1',
    accountId: '000000000000',
    ids,
    ...changes,
  });
  return { sqs, clock, port: (name: string) => sqs.queue(name, person) };
}

const bodies = (messages: readonly { body: string }[]) => messages.map(({ body }) => body).sort();

describe('long polls', () => {
  test('a waiting receiver is woken by a send', async () => {
    const { port } = rig();
    const waiting = port('orders').receive(10, 20);
    await settled();
    await port('orders').send({ body: 'hello' });
    expect(bodies(await waiting)).toEqual(['hello']);
  });

  test('a waiting receiver is woken when a delay or a visibility timeout ends', async () => {
    const { port, clock } = rig();
    await port('other').send({ body: 'delayed', delaySeconds: 5 });
    const first = port('other').receive(10, 20);
    await clock.advance(5000);
    expect(bodies(await first)).toEqual(['delayed']);
    await clock.advance(15_000);
    const second = port('other').receive(10, 20);
    await clock.advance(15_000);
    expect(bodies(await second)).toEqual(['delayed']);
  });

  test('a receive ends empty after its wait time', async () => {
    const { port, clock } = rig();
    const waiting = port('orders').receive(10, 20);
    await clock.advance(20_000);
    expect(await waiting).toEqual([]);
  });

  test('a receiver that disconnects takes no message', async () => {
    const { port, sqs } = rig();
    const gone = new AbortController();
    const waiting = port('orders').receive(10, 20, gone.signal);
    await settled();
    gone.abort();
    expect(await waiting).toEqual([]);
    await port('orders').send({ body: 'stays' });
    expect(sqs.counts('orders')).toMatchObject({ visible: 1, inFlight: 0 });
    expect(await port('orders').receive(10, 0, AbortSignal.abort())).toEqual([]);
    expect(sqs.counts('orders')).toMatchObject({ visible: 1, inFlight: 0 });
  });

  test('two waiting receivers share the messages, first come, first served', async () => {
    const { port } = rig();
    const first = port('orders').receive(1, 20);
    const second = port('orders').receive(1, 20);
    await settled();
    await port('orders').send({ body: 'one' });
    await port('orders').send({ body: 'two' });
    expect(bodies(await first)).toEqual(['one']);
    expect(bodies(await second)).toEqual(['two']);
  });
});

describe('the dead-letter queue', () => {
  test('gets messages that were received too often, with their id, time and source queue', async () => {
    const { port, clock, sqs } = rig();
    const id = await port('orders').send({
      body: 'bad',
      attributes: { kind: { DataType: 'String', StringValue: 'x' } },
    });
    const [before] = await port('orders').receive(10, 0);
    await clock.advance(30_000);
    const waiting = port('dlq').receive(10, 20);
    expect(await port('orders').receive(10, 0)).toEqual([]);
    expect(sqs.counts('orders')).toMatchObject({ visible: 0, inFlight: 0 });
    const [dead] = await waiting;
    expect(dead).toMatchObject({
      messageId: id,
      body: 'bad',
      messageAttributes: { kind: { dataType: 'String', stringValue: 'x' } },
      attributes: {
        SentTimestamp: before?.attributes['SentTimestamp'],
        DeadLetterQueueSourceArn: 'arn:aws:sqs:eu-west-1:000000000000:orders',
      },
    });
  });

  test.each([
    ['is not there', [settings('orders', { redrive })]],
    [
      'denies it',
      [settings('orders', { redrive }), settings('dlq', { redriveAllow: { permission: 'denyAll' } })],
    ],
    [
      'allows others only',
      [
        settings('orders', { redrive }),
        settings('dlq', {
          redriveAllow: {
            permission: 'byQueue',
            sourceQueueArns: ['arn:aws:sqs:eu-west-1:000000000000:other'],
          },
        }),
      ],
    ],
  ])('a redrive policy whose queue %s is refused at start', (_, queues) => {
    expect(() => rig({ queues })).toThrow(/orders names dlq/);
  });
});

/** Sends through the queue until it is in the DLQ. */
async function kill(rigged: ReturnType<typeof rig>, bodies: readonly string[]) {
  for (const body of bodies) await rigged.port('orders').send({ body });
  while (rigged.sqs.counts('orders').visible > 0) await rigged.port('orders').receive(10, 0);
  await rigged.clock.advance(30_000);
  await rigged.port('orders').receive(10, 0);
}

/** Calls an operation as the wire would. */
async function call(sqs: Sqs, operation: string, input: object): Promise<Record<string, unknown>> {
  const response = await sqs.handle({
    method: 'POST',
    path: '/',
    query: new URLSearchParams(),
    headers: { 'x-amz-target': `AmazonSQS.${operation}` },
    body: Readable.from([JSON.stringify(input)]),
    caller: person,
    requestId: 'r',
    sourceIp: '127.0.0.1',
    endpoint: 'http://127.0.0.1:4566',
    signal: new AbortController().signal,
  });
  return JSON.parse(String(response.body));
}

const dlqArn = 'arn:aws:sqs:eu-west-1:000000000000:dlq';
const otherArn = 'arn:aws:sqs:eu-west-1:000000000000:other';

describe('message move tasks', () => {
  test('return every message to its source queue, as a new message', async () => {
    const rigged = rig();
    const { sqs, clock, port } = rigged;
    await kill(rigged, ['a', 'b', 'c']);
    expect(sqs.counts('dlq').visible).toBe(3);
    await call(sqs, 'StartMessageMoveTask', { SourceArn: dlqArn });
    await clock.advance(1000);
    expect(sqs.counts('dlq').visible).toBe(0);
    const back = await port('orders').receive(10, 0);
    expect(bodies(back)).toEqual(['a', 'b', 'c']);
    expect(back.every(({ attributes }) => attributes['ApproximateReceiveCount'] === '1')).toBe(true);
    expect(await call(sqs, 'ListMessageMoveTasks', { SourceArn: dlqArn })).toMatchObject({
      Results: [
        { Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 3, ApproximateNumberOfMessagesToMove: 3 },
      ],
    });
  });

  test('give a message a new age', async () => {
    const clock = new VirtualClock();
    const metrics = new MetricStore(clock);
    const rigged = rig({ metrics }, clock);
    const { sqs, port } = rigged;
    await kill(rigged, ['a']);
    await clock.advance(600_000);
    await call(sqs, 'StartMessageMoveTask', { SourceArn: dlqArn });
    await clock.advance(30_000);
    metrics.look();
    const ages = metrics.find('AWS/SQS', 'ApproximateAgeOfOldestMessage', { QueueName: 'orders' });
    const minute = Math.floor(clock.now() / 60_000) * 60_000;
    expect(ages?.between(minute, minute + 60_000)?.max).toBe(29);
    expect(await port('orders').receive(1, 0)).toHaveLength(1);
  });

  test('never exceed the requested rate, and stop when cancelled', async () => {
    const rigged = rig();
    const { sqs, clock } = rigged;
    await kill(rigged, ['a', 'b', 'c', 'd', 'e']);
    const { TaskHandle } = await call(sqs, 'StartMessageMoveTask', {
      SourceArn: dlqArn,
      DestinationArn: otherArn,
      MaxNumberOfMessagesPerSecond: 1,
    });
    await clock.advance(2999);
    expect(sqs.counts('other').visible).toBe(2);
    expect(await call(sqs, 'StartMessageMoveTask', { SourceArn: dlqArn })).toMatchObject({
      __type: 'com.amazonaws.sqs#InvalidParameterValue',
    });
    expect(await call(sqs, 'CancelMessageMoveTask', { TaskHandle })).toEqual({
      ApproximateNumberOfMessagesMoved: 2,
    });
    await clock.advance(10_000);
    expect(sqs.counts('other').visible).toBe(2);
    expect(await call(sqs, 'CancelMessageMoveTask', { TaskHandle })).toMatchObject({
      __type: 'com.amazonaws.sqs#UnsupportedOperation',
    });
  });

  test('fail on a message that was sent to the DLQ itself, and leave it there', async () => {
    const { sqs, clock, port } = rig();
    await port('dlq').send({ body: 'no home' });
    await call(sqs, 'StartMessageMoveTask', { SourceArn: dlqArn });
    await clock.advance(1000);
    expect(await call(sqs, 'ListMessageMoveTasks', { SourceArn: dlqArn })).toMatchObject({
      Results: [{ Status: 'FAILED', FailureReason: 'CouldNotDetermineMessageSource' }],
    });
    expect(sqs.counts('dlq').visible).toBe(1);
  });

  test('require a source that is a DLQ', async () => {
    expect(await call(rig().sqs, 'StartMessageMoveTask', { SourceArn: otherArn })).toMatchObject({
      message: 'Source queue must be configured as a Dead Letter Queue.',
    });
  });
});

describe('authorization', () => {
  test('every use of a queue is authorized with the single action and the queue’s ARN', async () => {
    const calls: Call[] = [];
    const { sqs } = rig({ authorize: async (each) => void calls.push(each) });
    const QueueUrl = 'http://127.0.0.1:4566/000000000000/other';
    await call(sqs, 'SendMessageBatch', { QueueUrl, Entries: [{ Id: 'a', MessageBody: 'b' }] });
    expect(calls).toEqual([
      { caller: person, operation: 'SendMessageBatch', action: 'sqs:SendMessage', resource: otherArn },
    ]);
  });

  test('a refused send leaves nothing in the queue', async () => {
    const { sqs } = rig({
      authorize: async () => {
        throw new ServiceError('AccessDenied', 403, 'no');
      },
    });
    await expect(sqs.queue('other', person).send({ body: 'x' })).rejects.toThrow('no');
    expect(sqs.counts('other').visible).toBe(0);
  });
});

describe('after the death of the process', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'local-aws-sqs-'));
  });
  const started: Sqs[] = [];
  afterAll(async () => {
    for (const sqs of started) await sqs.close();
    await rm(folder, { recursive: true });
  });

  /** Starts over the same journal. The one before is not closed until all is over, as after kill -9. */
  const restart = async (file: string, clock?: VirtualClock) => {
    const rigged = rig(
      { openJournal: (_name, replay, snapshot) => openJournal(join(folder, file), replay, snapshot) },
      clock && new VirtualClock(clock.now()),
    );
    await rigged.sqs.start();
    started.push(rigged.sqs);
    return rigged;
  };

  test('acknowledged messages are kept, deleted ones are gone, and in-flight ones reappear on time', async () => {
    const one = await restart('a');
    for (const body of ['kept', 'deleted', 'in flight']) await one.port('other').send({ body });
    const received = await one.port('other').receive(3, 0);
    const handle = (body: string) => received.find((each) => each.body === body)?.receiptHandle ?? '';
    await one.port('other').changeVisibility([{ receiptHandle: handle('kept'), seconds: 0 }]);
    await one.port('other').delete([handle('deleted')]);

    // Twice, for the second start reads what the first one rewrote.
    await restart('a');
    const two = await restart('a');
    expect(two.sqs.counts('other')).toMatchObject({ visible: 1, inFlight: 1 });
    await two.clock.advance(29_999);
    expect(two.sqs.counts('other').inFlight).toBe(1);
    await two.clock.advance(1);
    const back = await two.port('other').receive(10, 0);
    expect(bodies(back)).toEqual(['in flight', 'kept']);
    expect(back.map(({ attributes }) => attributes['ApproximateReceiveCount'])).toEqual(['2', '2']);
  });

  test('messages in flight to functions can reappear sooner, those of other receivers can’t', async () => {
    const one = await restart('d');
    for (const body of ['held by a client', 'held by a function']) await one.port('other').send({ body });
    await call(one.sqs, 'ReceiveMessage', {
      QueueUrl: 'http://127.0.0.1:4566/000000000000/other',
      MaxNumberOfMessages: 1,
    });
    await one.port('other').receive(1, 0);
    const two = await restart('d');
    await two.sqs.releaseInFlight('other', 10);
    await two.clock.advance(9_999);
    expect(two.sqs.counts('other')).toMatchObject({ visible: 0, inFlight: 2 });
    await two.clock.advance(1);
    expect(bodies(await two.port('other').receive(10, 0))).toEqual(['held by a function']);
    expect(two.sqs.counts('other').inFlight).toBe(2);
    // Also when the process dies before that, and the next one reads what was changed.
    const three = await restart('d', two.clock);
    await three.sqs.releaseInFlight('other', 100);
    await three.clock.advance(20_000);
    expect(bodies(await three.port('other').receive(10, 0))).toEqual(['held by a client']);
    await three.clock.advance(10_000);
    expect(bodies(await three.port('other').receive(10, 0))).toEqual(['held by a function']);
  });

  test('a receipt handle from before the restart still deletes', async () => {
    const one = await restart('b');
    await one.port('other').send({ body: 'x' });
    const [message] = await one.port('other').receive(1, 0);
    const two = await restart('b');
    await two.port('other').delete([message?.receiptHandle ?? '']);
    const three = await restart('b');
    expect(three.sqs.counts('other')).toMatchObject({ visible: 0, inFlight: 0 });
  });

  test('a message is in its queue or in the DLQ, never in both, and a move task continues', async () => {
    const one = await restart('c');
    await kill(one, ['a', 'b', 'c']);
    const two = await restart('c', one.clock);
    expect([two.sqs.counts('orders').visible, two.sqs.counts('dlq').visible]).toEqual([0, 3]);
    await call(two.sqs, 'StartMessageMoveTask', { SourceArn: dlqArn, MaxNumberOfMessagesPerSecond: 1 });
    await two.clock.advance(1000);
    const three = await restart('c', two.clock);
    expect([three.sqs.counts('orders').visible, three.sqs.counts('dlq').visible]).toEqual([1, 2]);
    await three.clock.advance(2000);
    expect([three.sqs.counts('orders').visible, three.sqs.counts('dlq').visible]).toEqual([3, 0]);
  });
});
