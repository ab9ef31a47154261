import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Reaper } from '../../core/reaper.ts';
import { account, Credentials, person } from '../../iam/credentials.ts';
import { LambdaFunction } from '../../lambda/function.ts';
import { EventSourceMapping, type InvocationResult } from '../../lambda/mapping.ts';
import { mappingMetrics } from '../../lambda/mapping-metrics.ts';
import { FunctionLogs } from '../../logs/logs.ts';
import { takeEmbeddedMetrics } from '../../metrics/embedded.ts';
import { MetricStore } from '../../metrics/store.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import { createSqs } from '../../sqs/sqs.ts';
import { machineArn, machineOf, startMachine } from '../stepfunctions/machine.ts';
import { settled, VirtualClock } from '../virtual-clock.ts';
import { begin, minute } from './cloudwatch.ts';

function measured() {
  const clock = new VirtualClock(begin);
  const store = new MetricStore(clock);
  /** The sums or last values of all metrics with this dimension, in the minute that began then. */
  const sums = (value: string, at = clock.now()) => {
    const start = Math.floor(at / minute) * minute;
    return Object.fromEntries(
      store
        .all()
        .filter(({ dimensions }) => Object.values(dimensions).includes(value))
        .flatMap((series) => {
          const values = series.between(start, start + minute);
          return values === undefined ? [] : [[series.name, values.sum]];
        }),
    );
  };
  return { clock, store, sums };
}

function queues({ clock, store: metrics }: ReturnType<typeof measured>) {
  const settings = {
    visibilityTimeoutSeconds: 10,
    messageRetentionSeconds: 345_600,
    delaySeconds: 0,
    receiveWaitSeconds: 0,
    maximumMessageBytes: 1_048_576,
  };
  let ids = 0;
  const context = { clock, metrics, authorize: async () => {}, ids: () => `id${ids++}` };
  const redrive = { deadLetterQueue: 'dlq', maxReceiveCount: 3 };
  const sqs = createSqs({
    ...context,
    region: 'us-east-1',
    accountId: account,
    queues: [
      { ...settings, name: 'q', redrive },
      { ...settings, name: 'dlq' },
    ],
  });
  return { q: sqs.queue('q', person), dlq: sqs.queue('dlq', person) };
}

test('a queue counts what is sent, received and deleted, and tells at each look what it holds', async () => {
  const cloud = measured();
  const { clock, store, sums } = cloud;
  const { q } = queues(cloud);
  await q.send({ body: 'four' });
  await q.send({ body: 'again', attributes: { a: { DataType: 'String', StringValue: 'x' } } });
  await q.send({ body: 'later', delaySeconds: 60 });
  const [first] = await q.receive(1, 0);
  await q.delete([first?.receiptHandle ?? '']);
  await q.delete([first?.receiptHandle ?? '']);
  await q.receive(1, 0);
  expect(await q.receive(1, 0)).toEqual([]);
  const waiting = q.receive(1, 5);
  await clock.advance(5_000);
  expect(await waiting).toEqual([]);
  store.look();
  expect(sums('q')).toEqual({
    NumberOfMessagesSent: 3,
    // The attribute takes its name, its type and its value.
    SentMessageSize: 4 + 5 + 1 + 6 + 1 + 5,
    NumberOfMessagesReceived: 2,
    NumberOfEmptyReceives: 2,
    NumberOfMessagesDeleted: 2,
    ApproximateNumberOfMessagesVisible: 0,
    ApproximateNumberOfMessagesNotVisible: 1,
    ApproximateNumberOfMessagesDelayed: 1,
    ApproximateAgeOfOldestMessage: 5,
  });
  // Looked at twice in a minute, the last look counts.
  await clock.advance(minute);
  store.look();
  store.look();
  expect(sums('q')).toMatchObject({
    NumberOfMessagesSent: 0,
    NumberOfMessagesDeleted: 0,
    ApproximateNumberOfMessagesVisible: 2,
    ApproximateAgeOfOldestMessage: 65,
  });
  expect(sums('q')).not.toHaveProperty('SentMessageSize');
});

test('a queue at rest has no metrics after six hours, and one that was never used none at all', async () => {
  const cloud = measured();
  const { clock, store, sums } = cloud;
  const { q } = queues(cloud);
  const polling = q.receive(1, 20);
  await settled();
  store.look();
  expect(sums('q')).toMatchObject({ ApproximateNumberOfMessagesVisible: 0, NumberOfEmptyReceives: 0 });
  await clock.advance(20_000);
  await polling;
  await clock.advance(6 * 60 * minute);
  store.look();
  expect(sums('q')).toMatchObject({ ApproximateNumberOfMessagesVisible: 0, NumberOfEmptyReceives: 0 });
  await clock.advance(minute);
  store.look();
  expect([sums('q'), sums('dlq')]).toEqual([{}, {}]);
});

test('a message that was received three times has no age, and begins a new one in the DLQ, where it was not sent', async () => {
  const cloud = measured();
  const { clock, store, sums } = cloud;
  const { q, dlq } = queues(cloud);
  await q.send({ body: 'poison' });
  await clock.advance(10_000);
  await q.send({ body: 'young', delaySeconds: 900 });
  for (let received = 1; received <= 3; received += 1) {
    store.look();
    expect(sums('q')['ApproximateAgeOfOldestMessage']).toBe(10 * received);
    expect(await q.receive(1, 0)).toHaveLength(1);
    await clock.advance(10_000);
  }
  store.look();
  expect(sums('q')['ApproximateAgeOfOldestMessage']).toBe(30);
  expect(await q.receive(1, 0)).toEqual([]);
  await clock.advance(5_000);
  store.look();
  expect(sums('dlq')).toMatchObject({
    NumberOfMessagesSent: 0,
    ApproximateNumberOfMessagesVisible: 1,
    ApproximateAgeOfOldestMessage: 5,
  });
  expect(await dlq.receive(1, 0)).toHaveLength(1);
});

test('a mapping counts the messages that it polls, passes on, gets back and deletes', async () => {
  const { clock, store, sums } = measured();
  const waiting = ['a', 'b', 'c', 'd'];
  const answers: (InvocationResult | Error)[] = [
    { payload: '{"batchItemFailures":[{"itemIdentifier":"b"}]}' },
    new Error('Throttled'),
  ];
  const settings = {
    uuid: 'm',
    functionArn: 'f',
    queueArn: 'arn:aws:sqs:us-east-1:000000000000:q',
    batchSize: 2,
    maximumBatchingWindowSeconds: 0,
    maximumConcurrency: 2,
    reportBatchItemFailures: true,
    enabled: true,
  };
  const mapping = new EventSourceMapping(settings, {
    clock,
    metrics: mappingMetrics('m', store),
    queue: {
      receive: async (max, _seconds, signal) => {
        if (waiting.length === 0)
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return waiting.splice(0, max).map((messageId) => ({
          messageId,
          receiptHandle: messageId,
          body: '',
          md5OfBody: '',
          attributes: {},
          messageAttributes: {},
        }));
      },
      delete: async () => {},
    },
    invoke: async () => {
      const answer = answers.shift();
      if (answer === undefined || answer instanceof Error) throw answer;
      return answer;
    },
  });
  mapping.enable();
  await clock.advance(1_000);
  await mapping.disable(0);
  expect(sums('m')).toEqual({
    PolledEventCount: 4,
    FilteredOutEventCount: 0,
    InvokedEventCount: 4,
    FailedInvokeEventCount: 3,
    DeletedEventCount: 1,
  });
});

test('a function counts its calls, errors and refusals, and the metrics that it prints are taken from its log', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'local-aws-metrics-'));
  const { store, sums } = measured();
  const reaper = new Reaper();
  await mkdir(join(directory, 'code'));
  const modulePath = join(directory, 'code', 'index.mjs');
  await writeFile(
    modulePath,
    `export const handler = async (line) => {
       if (line === 'fail') throw new Error('x');
       process.stdout.write(line + '\\n');
     };`,
  );
  const logs = new FunctionLogs(join(directory, 'logs'), {
    onEvent: (message) => takeEmbeddedMetrics(message, store),
  });
  const made = new LambdaFunction(
    {
      name: 'f',
      arn: `arn:aws:lambda:us-east-1:${account}:function:f`,
      roleArn: 'role',
      modulePath,
      handler: 'index.handler',
      runtime: 'nodejs24.x',
      timeoutSeconds: 60,
      memoryMb: 256,
      environment: {},
      logGroup: 'group',
      reservedConcurrency: 1,
    },
    {
      credentials: new Credentials(),
      logs,
      reaper,
      metrics: store,
      authorize: async () => {},
      endpoint: () => 'http://127.0.0.1:1',
    },
  );
  onTestFinished(async () => {
    await made.close();
    await logs.close();
    reaper.close();
    await rm(directory, { recursive: true });
  });
  const line = JSON.stringify({
    _aws: {
      Timestamp: begin,
      CloudWatchMetrics: [{ Namespace: 'Own', Dimensions: [['stage']], Metrics: [{ Name: 'Rows' }] }],
    },
    stage: 'loading',
    Rows: 12,
  });
  const call = made.invoke(JSON.stringify(line));
  expect(() => made.invoke('{}')).toThrow('Rate Exceeded');
  await call.result;
  expect(await made.invoke('"fail"').result).toMatchObject({ functionError: 'Unhandled' });

  const { Duration = 0, ...counts } = sums('f');
  expect(counts).toEqual({ Invocations: 2, Errors: 1, Throttles: 1, ConcurrentExecutions: 2 });
  expect(Duration).toBeGreaterThan(0);
  expect(sums('loading')).toEqual({ Rows: 12 });
});

test('a state machine counts how its executions end', async () => {
  const { clock, store, sums } = measured();
  const definition = machineOf({
    Wait: { Type: 'Wait', Seconds: 30, Next: 'End' },
    End: { Type: 'Fail', Error: 'x' },
  });
  const { states } = await startMachine({ clock, metrics: store, definition });
  await states.begin(states.machine(machineArn), 'fails', '{}');
  const stopped = await states.begin(states.machine(machineArn), 'stopped', '{}');
  await states.stop(stopped);
  await clock.advance(30_000);
  expect(sums(machineArn)).toEqual({
    ExecutionsStarted: 2,
    ExecutionsFailed: 1,
    ExecutionsAborted: 1,
    ExecutionTime: 30_000,
  });
  await states.close();
});

test('a schedule counts its calls, and those that fail', async () => {
  const { clock, store, sums } = measured();
  let isFailing = false;
  const scheduler = new Scheduler({
    schedules: [
      {
        name: 'often',
        arn: `arn:aws:scheduler:us-east-1:${account}:schedule/group/often`,
        groupArn: `arn:aws:scheduler:us-east-1:${account}:schedule-group/group`,
        expression: 'cron(* * * * ? *)',
        enabled: true,
        targetArn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler',
        roleArn: 'role',
        input: '{}',
      },
    ],
    clock,
    metrics: store,
    authorize: async () => {},
    calls: {
      'glue:startCrawler': async () => {
        if (isFailing) throw new Error('It is running.');
      },
    },
    log: () => {},
  });
  await scheduler.start();
  await clock.advance(minute);
  await settled();
  expect(sums('group')).toEqual({ InvocationAttemptCount: 1 });
  isFailing = true;
  await clock.advance(minute);
  await settled();
  expect(sums('group')).toEqual({ InvocationAttemptCount: 1, InvocationDroppedCount: 1 });
  await scheduler.close();
});
