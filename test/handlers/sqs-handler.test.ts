import { S3ServiceException } from '@aws-sdk/client-s3';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { partKey, versionPath } from '../../domain/versions/key-layout.ts';
import { type StageDependencies, type StageOptions, stageHandler } from '../../handlers/sqs-handler.ts';
import { extractObject } from '../../handlers/stages/extraction/extract-object.ts';
import { withoutRecords } from '../../handlers/stages/outcome.ts';
import { transformPart } from '../../handlers/stages/transformation/transform-part.ts';
import { ObjectNotFound } from '../../store/object-store.ts';
import { MemoryStore, stageContextOf } from '../store/memory-store.ts';
import { buckets, ndjson, putRaw, recipe } from './flow.ts';
import { context, created, embeddedMetrics, message, queueDependencies, queueOptions } from './invocation.ts';

function handlerOf(
  store: MemoryStore,
  options: Partial<StageOptions> = {},
  changes: Parameters<typeof stageContextOf>[1] = {},
  ends: Partial<StageDependencies> = {},
) {
  const {
    codeVersion,
    registry,
    tableSchema,
    batch: _b,
    deadline: _d,
    message: _m,
    invocation: _i,
    ...outside
  } = stageContextOf(store, changes);
  return stageHandler(
    {
      stage: 'extraction',
      stack: 'dev',
      failedBucket: 'failed',
      codeVersion,
      registry,
      tableSchema,
      ...queueOptions,
      concurrency: 2,
      work: (event, stageContext) => extractObject(event, buckets, stageContext),
      ...options,
    },
    { ...outside, ...queueDependencies, ...ends },
  );
}

/** The ids of the messages that go back to the queue. */
async function failures(handler: ReturnType<typeof handlerOf>, ...messages: SQSRecord[]): Promise<unknown> {
  return await handler({ Records: messages }, context);
}

const failing = (...ids: string[]) => ({
  batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })),
});

describe('the handler of a stage', () => {
  beforeAll(() => {
    // Logs and metrics go to the console, and X-Ray is not there.
    vi.stubEnv('POWERTOOLS_TRACE_ENABLED', 'false');
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  it('gives messages back that it has not started when the invocation is almost out of time', async () => {
    const store = new MemoryStore();
    for (const name of ['a', 'b', 'c']) putRaw(store, `recipes/${name}.ndjson`, ndjson([recipe(1)]));
    let elapsed = 0;
    const begun: string[] = [];
    const work: StageOptions['work'] = (event, stageContext) => {
      begun.push(event.key);
      elapsed += 13_000;
      return extractObject(event, buckets, stageContext);
    };
    const handler = handlerOf(store, { concurrency: 1, work }, { elapsed: () => elapsed });
    const Records = ['a', 'b', 'c'].map((name) => message(name, created('raw', `recipes/${name}.ndjson`)));
    const result = await handler({ Records }, context);
    // After two of them 4 s are left of 30, less than the reserved quarter.
    expect(result).toEqual(failing('c'));
    expect(begun).toEqual(['recipes/a.ndjson', 'recipes/b.ndjson']);
    expect(store.keys('temp')).toHaveLength(2);
  });

  it('says how long each message waited that is received for the first time, and none twice', async () => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a.ndjson', ndjson([recipe(1)]));
    const sent = (id: string, SentTimestamp: string, ApproximateReceiveCount = '1') => {
      const each = message(id, created('raw', 'recipes/a.ndjson'));
      return { ...each, attributes: { ...each.attributes, SentTimestamp, ApproximateReceiveCount } };
    };
    const metrics = embeddedMetrics();
    const handler = handlerOf(store, {}, { now: () => 10_000 });
    await failures(handler, sent('1', '4000'), sent('2', '9900'), sent('3', '1', '2'), sent('4', '10500'));
    const waits = metrics().filter(({ name }) => name === 'QueueWait');
    // The last was sent by a clock that is ahead.
    expect(waits).toEqual([
      {
        namespace: 'Sluice',
        name: 'QueueWait',
        dimensions: { service: 'extraction', stack: 'dev' },
        value: [6_000, 100, 0],
      },
    ]);
  });

  it('acknowledges the good messages of a batch and gives the bad one back', async () => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a.ndjson', ndjson([recipe(1)]));
    putRaw(store, 'recipes/b.ndjson', ndjson([recipe(2)]));
    const result = await failures(
      handlerOf(store),
      message('1', created('raw', 'recipes/a.ndjson')),
      message('2', 'poison'),
      message('3', '{"Event":"s3:TestEvent"}'),
      message('4', created('raw', 'recipes/b.ndjson')),
    );
    expect(result).toEqual(failing('2', '3'));
    expect(store.keys('temp')).toHaveLength(2);
  });

  it('acknowledges the message of an object at fault, and leaves the reason in the failed bucket', async () => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a.json', 'no recipes');
    const result = await failures(
      handlerOf(store),
      message('1', created('raw', 'recipes/a.json')),
      message('2', created('raw', 'recipes/gone.json')),
      message('3', created('raw', 'elsewhere/x')),
    );
    expect(result).toEqual(failing());
    expect(store.keys('failed')).toHaveLength(3);
    expect(store.keys('ledger').filter((key) => key.startsWith('receipts/'))).toHaveLength(3);
  });

  it('outlines a segment once or not at all, and never gives the message back', async () => {
    const store = new MemoryStore();
    const asked = JSON.parse(created('raw', 'recipes/a.ndjson'));
    asked.detail.segment = 7;
    const ofOutline = (id: string, ApproximateReceiveCount = '1') => {
      const each = message(id, JSON.stringify(asked));
      return { ...each, attributes: { ...each.attributes, ApproximateReceiveCount } };
    };
    const outlined: number[] = [];
    const metrics = embeddedMetrics();
    const work = () => Promise.reject(new Error('It extracts nothing.'));
    const handlerWith = (outline: NonNullable<StageOptions['outline']>, time?: { elapsed: () => number }) =>
      handlerOf(store, { work, outline, concurrency: 1 }, time);
    const good = handlerWith(async (event, segment) => {
      expect(event).not.toHaveProperty('segment');
      outlined.push(segment);
      return 'outlined';
    });
    expect(await failures(good, ofOutline('1'), ofOutline('2', '2'), ofOutline('3', '5'))).toEqual(failing());
    expect(outlined).toEqual([7]);
    let elapsed = 0;
    const slow = handlerWith(
      async (_, segment) => {
        elapsed = 29_000;
        outlined.push(segment);
        throw new Error('SlowDown');
      },
      { elapsed: () => elapsed },
    );
    expect(await failures(slow, ofOutline('1'), ofOutline('2'))).toEqual(failing());
    expect(outlined).toEqual([7, 7]);
    // Neither a note nor a metric tells of an object.
    expect(store.calls).toEqual([]);
    expect(new Set(metrics().map(({ name }) => name))).toEqual(new Set(['MessagesReceived', 'QueueWait']));
  });

  it('gives only those messages back for which the store failed', async () => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a.ndjson', ndjson([recipe(1)]));
    const read = store.read.bind(store);
    store.read = (address) =>
      address.key.includes('slow') ? Promise.reject(new Error('SlowDown')) : read(address);
    const slow = message('1', created('raw', 'recipes/slow.ndjson'));
    const good = message('2', created('raw', 'recipes/a.ndjson'));
    expect(await failures(handlerOf(store), slow, good)).toEqual(failing('1'));
    expect(store.keys('ledger').filter((key) => key.startsWith('receipts/'))).toHaveLength(1);
  });

  it('leaves the error of each failed attempt in the failed bucket, and of the last one in a place of its own', async () => {
    const store = new MemoryStore();
    const work = () => Promise.reject(new Error('SlowDown'));
    const handler = handlerOf(store, { work });
    const attempt = (count: string) => {
      const one = message('1', created('raw', 'recipes/a.json'));
      return failures(handler, { ...one, attributes: { ...one.attributes, ApproximateReceiveCount: count } });
    };
    const noted = () => store.keys('failed').map((key) => key.replace(/\/a\.json~[0-9a-f]{24}\//, '/'));
    expect(await attempt('1')).toEqual(failing('1'));
    expect(noted()).toEqual(['attempts/recipes/v1/extraction.json']);
    expect(await attempt('4')).toEqual(failing('1'));
    const both = ['attempts/recipes/v1/extraction.begun.json', 'attempts/recipes/v1/extraction.json'];
    expect(noted()).toEqual(both);
    for (const key of store.keys('failed'))
      expect(JSON.parse(store.body('failed', key).toString()).attempt).toEqual({
        number: 4,
        of: 5,
        failed: !key.endsWith('.begun.json'),
        ...(!key.endsWith('.begun.json') && { again: expect.any(String) }),
        startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      });
    expect(await attempt('5')).toEqual(failing('1'));
    expect(noted()).toEqual([...both, 'gave-up/recipes/v1/extraction.json']);
    const reason = store.keys('failed').find((key) => key.startsWith('gave-up/')) ?? '';
    expect(JSON.parse(store.body('failed', reason).toString())).toMatchObject({
      key: 'recipes/a.json',
      versionId: 'v1',
      code: 'storage',
      message: 'SlowDown',
    });
  });

  it('puts off the next attempt, notes when it is, and leaves the last one to the queue', async () => {
    const store = new MemoryStore();
    const work = () => Promise.reject(new Error('connect ECONNREFUSED'));
    const puts: [string, number][] = [];
    const putOff = async ({ receiptHandle }: SQSRecord, seconds: number) => {
      puts.push([receiptHandle, seconds]);
    };
    const handler = handlerOf(store, { work }, { now: () => Date.UTC(2026, 0, 1) }, { putOff });
    for (const count of ['1', '2', '5']) {
      const one = message(`${count}.`, created('raw', 'recipes/a.json'));
      const attributes = { ...one.attributes, ApproximateReceiveCount: count };
      expect(await failures(handler, { ...one, attributes })).toEqual(failing(`${count}.`));
    }
    expect(puts).toEqual([
      ['1.', 60],
      ['2.', 300],
    ]);
    const noted = store.keys('failed').filter((key) => !key.endsWith('.begun.json'));
    expect(noted.map((key) => JSON.parse(store.body('failed', key).toString()).attempt.again)).toEqual([
      '2026-01-01T00:05:00.000Z',
      undefined,
    ]);
  });

  it('begins no attempt again while this one may still hold its claim', async () => {
    const putOff = vi.fn(async () => {});
    const work = () => Promise.reject(new Error('no'));
    const handler = handlerOf(new MemoryStore(), { work }, {}, { putOff });
    const one = message('1', created('raw', 'recipes/a.json'));
    await handler({ Records: [one] }, { ...context, getRemainingTimeInMillis: () => 899_500 });
    expect(putOff).toHaveBeenCalledExactlyOnceWith(one, 900);
  });

  it('gives a throttled message all the time that there is', async () => {
    const slowDown = new S3ServiceException({
      name: 'SlowDown',
      message: 'Please reduce your request rate.',
      $fault: 'server',
      $metadata: { httpStatusCode: 503 },
    });
    const putOff = vi.fn(async () => {});
    const store = new MemoryStore();
    const handler = handlerOf(store, { work: () => Promise.reject(slowDown) }, {}, { putOff });
    const one = message('1', created('raw', 'recipes/a.json'));
    expect(await failures(handler, one)).toEqual(failing('1'));
    expect(putOff).toHaveBeenCalledExactlyOnceWith(one, queueOptions.visibilityTimeout);
    const [key = ''] = store.keys('failed');
    expect(JSON.parse(store.body('failed', key).toString())).toMatchObject({ code: 'throttled' });
  });

  it('gives a message back, and notes no time, when the next attempt can’t be put off', async () => {
    const store = new MemoryStore();
    const putOff = () => Promise.reject(new Error('AccessDenied'));
    const handler = handlerOf(store, { work: () => Promise.reject(new Error('no')) }, {}, { putOff });
    expect(await failures(handler, message('1', created('raw', 'recipes/a.json')))).toEqual(failing('1'));
    const [key = ''] = store.keys('failed');
    expect(JSON.parse(store.body('failed', key).toString()).attempt).not.toHaveProperty('again');
  });

  it('leaves a note for each work item that it gives up, even if another one succeeds', async () => {
    const store = new MemoryStore();
    const handler = handlerOf(store, {
      concurrency: 1,
      stage: 'transformation',
      work: ({ key }) => {
        if (!key.includes('part-00002')) return Promise.reject(new Error('SlowDown'));
        return Promise.resolve(withoutRecords('recipes', 'done'));
      },
    });
    const path = versionPath({ dataset: 'recipes', key: 'recipes/a.json', versionId: 'v1' });
    const parts = [0, 1, 2].map((part) => {
      const each = message(`${part}`, created('temp', partKey(path, part)));
      return { ...each, attributes: { ...each.attributes, ApproximateReceiveCount: '5' } };
    });
    expect(await failures(handler, ...parts)).toEqual(failing('0', '1'));
    expect(store.keys('failed').map((key) => key.split('/').at(-1))).toEqual([
      'transformation-00000.json',
      'transformation-00001.json',
    ]);
  });

  it('has left notes already when its function is killed at the last attempt, even for messages that were not started', async () => {
    const store = new MemoryStore();
    const begun = Promise.withResolvers<void>();
    const handler = handlerOf(store, {
      concurrency: 1,
      work: () => {
        begun.resolve();
        return new Promise(() => {});
      },
    });
    const [first, second] = ['recipes/a.json', 'recipes/b.json'].map((key) => {
      const each = message(key, created('raw', key));
      return { ...each, attributes: { ...each.attributes, ApproximateReceiveCount: '5' } };
    });
    if (first === undefined || second === undefined) throw new Error('There are two.');
    void failures(handler, first, second);
    await begun.promise;
    const notes = store.keys('failed').map((key) => JSON.parse(store.body('failed', key).toString()));
    expect(notes).toMatchObject([
      { key: 'recipes/a.json', code: 'interrupted', message: expect.stringContaining('never finished') },
      { key: 'recipes/b.json', code: 'interrupted' },
    ]);
  });

  it.each(['2', '5'])('removes its notes when attempt %s succeeds', async (count) => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a.ndjson', ndjson([recipe(1)]));
    const only = message('1', created('raw', 'recipes/a.ndjson'));
    await failures(handlerOf(store, { work: () => Promise.reject(new Error('SlowDown')) }), only);
    expect(store.keys('failed')).toHaveLength(1);
    const again = { ...only, attributes: { ...only.attributes, ApproximateReceiveCount: count } };
    expect(await failures(handlerOf(store), again)).toEqual({ batchItemFailures: [] });
    expect(store.keys('failed')).toEqual([]);
    expect(store.keys('temp')).toHaveLength(1);
  });

  it('leaves the content of an unreadable message in the failed bucket', async () => {
    const store = new MemoryStore();
    const poison = message('m1', 'poison');
    const last = { ...poison, attributes: { ...poison.attributes, ApproximateReceiveCount: '5' } };
    expect(await failures(handlerOf(store), last)).toEqual(failing('m1'));
    const body = store.body('failed', 'gave-up/_messages/extraction/m1.json').toString();
    expect(JSON.parse(body)).toMatchObject({ code: 'unreadable_message', body: 'poison' });
  });

  it.each([
    {
      clock: 'that never goes back',
      advance: (clocks: { now: number; elapsed: number }) => (clocks.elapsed = 30_000),
    },
    {
      clock: 'of the day, where the other one stood still',
      advance: (clocks: { now: number }) => (clocks.now = 30_000),
    },
    {
      clock: 'that never goes back, though the one of the day stepped back',
      advance: (clocks: { now: number; elapsed: number }) =>
        Object.assign(clocks, { now: -600_000, elapsed: 30_000 }),
    },
  ])('makes no call once the invocation is out of time by the clock $clock', async ({ advance }) => {
    const store = new MemoryStore();
    putRaw(store, 'recipes/a.ndjson', ndjson([recipe(1)]));
    const clocks = { now: 0, elapsed: 0 };
    const work: StageOptions['work'] = async (_event, stageContext) => {
      advance(clocks);
      await stageContext.store.write({ bucket: 'temp', key: 'late', body: '', contentType: '' });
      throw new Error('This was not to be reached.');
    };
    const handler = handlerOf(
      store,
      { concurrency: 1, work },
      { now: () => clocks.now, elapsed: () => clocks.elapsed },
    );
    expect(await failures(handler, message('1', created('raw', 'recipes/a.ndjson')))).toEqual(failing('1'));
    expect(store.keys('temp')).toEqual([]);
  });

  it('leaves a fault for an object that the pipeline did not write, and acknowledges its message', async () => {
    const store = new MemoryStore();
    const handler = handlerOf(store, {
      stage: 'transformation',
      work: (event, stageContext) => transformPart(event, buckets, stageContext),
    });
    expect(await failures(handler, message('1', created('temp', 'notes.txt')))).toEqual(failing());
    const [fault = ''] = store.keys('failed');
    expect(fault).toMatch(/^faults\/_unknown\/.*\/v1\/transformation\.json$/);
    expect(JSON.parse(store.body('failed', fault).toString())).toMatchObject({
      stage: 'transformation',
      key: 'notes.txt',
      code: 'unreadable_part',
    });
  });

  it('treats a missing version as a fault of the object, in any stage', async () => {
    const store = new MemoryStore();
    const work = () => Promise.reject(new ObjectNotFound({ bucket: 'temp', key: 'k', versionId: 'v' }));
    expect(await failures(handlerOf(store, { work }), message('1', created('temp', 'k')))).toEqual(failing());
    expect(store.keys('failed')).toHaveLength(1);
  });

  it.each([
    { stage: 'extraction', work: extractObject, bucket: 'raw' },
    { stage: 'transformation', work: transformPart, bucket: 'temp' },
  ] as const)('gives a message back when the reason can not be stored either: $stage', async (each) => {
    const store = new MemoryStore();
    store.write = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('SlowDown');
    };
    const { stage, bucket } = each;
    const work: StageOptions['work'] = (event, stageContext) => each.work(event, buckets, stageContext);
    const only = message('1', created(bucket, 'elsewhere/x'));
    expect(await failures(handlerOf(store, { stage, work }), only)).toEqual(failing('1'));
  });

  it('processes no more messages at once than its concurrency allows', async () => {
    let running = 0;
    let most = 0;
    const work: StageOptions['work'] = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return { dataset: 'recipes', result: 'done', read: 0, written: 0, filtered: {}, rejected: {} };
    };
    const messages = Array.from({ length: 7 }, (_, n) => message(`${n}`, created('raw', `recipes/${n}`)));
    expect(await failures(handlerOf(new MemoryStore(), { work, concurrency: 3 }), ...messages)).toEqual(
      failing(),
    );
    expect(most).toBe(3);
  });
});
