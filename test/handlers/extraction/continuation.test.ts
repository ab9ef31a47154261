import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { limits } from '../../../domain/records/part.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import type { StageContext } from '../../../handlers/stages/context.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { drain, extract, headsOf, ndjson, putRaw, recipe } from '../flow.ts';

const KEY = 'recipes/large.ndjson';
const records = Array.from({ length: 60 }, (_, n) => recipe(n));
const small = { limits: { ...limits, partRecords: 7, blockBytes: 500 } };
const enough: Partial<StageContext> = { ...small, now: () => 1000, deadline: 2000 };

function storeOf(body: string | Uint8Array): MemoryStore {
  const store = new MemoryStore();
  putRaw(store, KEY, body);
  return store;
}

/** An invocation that has no time: it hands over as soon as it has done anything. */
function hurried(invocation: number, handedOver: ObjectEvent[]): Partial<StageContext> {
  return {
    ...enough,
    message: `message ${invocation}`,
    invocation: `invocation ${invocation}`,
    isEnding: () => true,
    handOver: async (event) => handedOver.push(event),
  };
}

/** Extracts by as many invocations as it takes. @returns how many */
async function extractHurriedly(store: MemoryStore, changes: Partial<StageContext> = {}): Promise<number> {
  let event: Partial<ObjectEvent> | undefined = {};
  for (let invocation = 1; ; invocation += 1) {
    const handedOver: ObjectEvent[] = [];
    const outcome = await extract(store, KEY, { ...hurried(invocation, handedOver), ...changes }, event);
    event = handedOver[0];
    if (event === undefined) {
      expect(outcome.result).not.toBe('continued');
      return invocation;
    }
    expect([outcome.result, outcome.read, handedOver.length]).toEqual(['continued', 0, 1]);
  }
}

/** What is there, but for times. */
const contents = (store: MemoryStore) =>
  Object.entries(store.contents()).map(([key, stored]) => {
    const text = Buffer.from((stored as { body: string }).body, 'base64').toString('latin1');
    return [key, text.replaceAll(/"(sentAt|finishedAt|durationMs)":[^,}]*/g, '')];
  });

it.each([
  ['an object a line', Buffer.from(ndjson(records))],
  ['an array', Buffer.from(JSON.stringify(records))],
  ['gzip', gzipSync(ndjson(records))],
  ['gzip that breaks off', gzipSync(ndjson(records)).subarray(0, -20)],
])('an extraction in many invocations leaves the same as one alone: %s', async (_, body) => {
  const undisturbed = storeOf(body);
  await extract(undisturbed, KEY, enough);
  const store = storeOf(body);
  expect(await extractHurriedly(store)).toBeGreaterThan(3);
  expect(contents(store)).toEqual(contents(undisturbed));
  for (const each of [undisturbed, store]) await drain(each, enough);
  expect(headsOf(store)[0]?.current).toEqual(headsOf(undisturbed)[0]?.current);
});

it('reads of a plain object only what it has not read', async () => {
  const body = ndjson(records);
  const store = storeOf(body);
  await extract(store, KEY, hurried(1, []));
  const ranges: unknown[] = [];
  const read = store.read.bind(store);
  store.read = (address, range) => {
    if (address.bucket === 'raw') ranges.push(range);
    return read(address, range);
  };
  await extract(store, KEY, { ...enough, message: 'other' });
  expect(ranges).toHaveLength(1);
  expect(ranges[0]).toMatchObject({ start: expect.any(Number) });
  expect((ranges[0] as { start: number }).start).toBeGreaterThan(500);
});

it('can be claimed at once by whoever receives the message, however wrong the clocks are', async () => {
  const store = storeOf(ndjson(records));
  await extract(store, KEY, hurried(1, []));
  expect(headsOf(store)[0]?.attempts).toMatchObject([{ status: 'extracting', leaseUntil: 0 }]);
  const late = { ...enough, now: () => 1, message: 'message 2', invocation: 'invocation 2' };
  expect(await extract(store, KEY, late)).toMatchObject({ result: 'done', read: 60 });
});

it('goes on after an invocation that was killed at any call, and leaves the same', async () => {
  const body = ndjson(records);
  const undisturbed = storeOf(body);
  await extract(undisturbed, KEY, enough);
  const second = async (store: MemoryStore, changes: Partial<StageContext>) => {
    await extract(store, KEY, { ...hurried(2, []), ...changes });
  };
  const counted = storeOf(body);
  await extract(counted, KEY, hurried(1, []));
  counted.calls.length = 0;
  await second(counted, {});
  const calls = counted.calls.length;
  expect(calls).toBeGreaterThan(5);
  for (const afterEffect of [false, true])
    for (let call = 1; call <= calls; call += 1) {
      const store = storeOf(body);
      await extract(store, KEY, hurried(1, []));
      store.calls.length = 0;
      store.crash = { call, afterEffect };
      await expect(second(store, {})).rejects.toThrow('killed');
      await new Promise((resolve) => setImmediate(resolve));
      store.crash = undefined;
      const again = { ...enough, now: () => 5000, deadline: 9000, message: 'message 2', receives: 2 };
      await extract(store, KEY, { ...again, invocation: 'invocation 3' });
      expect(contents(store), `killed at call ${call}`).toEqual(contents(undisturbed));
    }
});

it('leaves its message in the queue if it can’t be handed over, and gives the claim back', async () => {
  const store = storeOf(ndjson(records));
  const refused = { ...hurried(1, []), handOver: () => Promise.reject(new Error('AccessDenied')) };
  await expect(extract(store, KEY, refused)).rejects.toThrow('AccessDenied');
  expect(await extract(store, KEY, { ...enough, receives: 2 })).toMatchObject({ result: 'done', read: 60 });
});

it('does not hand over what another invocation has claimed meanwhile', async () => {
  const store = storeOf(ndjson(records));
  const handedOver: ObjectEvent[] = [];
  const first = hurried(1, handedOver);
  const slow: Partial<StageContext> = {
    ...first,
    isEnding: () => {
      const [key = ''] = store.keys('ledger');
      const entry = JSON.parse(store.body('ledger', key).toString());
      entry.attempts[0].invocation = 'other';
      store.put({ bucket: 'ledger', key, body: JSON.stringify(entry), contentType: '' });
      return true;
    },
  };
  await expect(extract(store, KEY, slow)).rejects.toMatchObject({ code: 'in_progress' });
  expect(handedOver).toEqual([]);
});

it('waits with the rest while a copy of the message before it is at the version', async () => {
  const store = storeOf(ndjson(records));
  const handedOver: ObjectEvent[] = [];
  await extract(store, KEY, { ...hurried(1, handedOver), message: 'first' });
  const [rest] = handedOver;
  // A copy of the first message comes late. It is in no queue any more, and its invocation dies.
  const isEnding = () => {
    throw new Error('It dies.');
  };
  const copy = { ...hurried(2, []), message: 'first', deadline: 60_000, isEnding };
  await expect(extract(store, KEY, copy)).rejects.toThrow('It dies.');
  const next = { ...enough, message: 'rest', invocation: 'next' };
  await expect(extract(store, KEY, { ...next, now: () => 2_000 }, rest)).rejects.toMatchObject({
    code: 'in_progress',
  });
  const done = await extract(store, KEY, { ...next, now: () => 60_001 }, rest);
  expect(done).toMatchObject({ result: 'done', read: 60 });
});

it('hands over its own of two versions of a key that one batch brought', async () => {
  const store = storeOf(ndjson(records));
  const handedOver: ObjectEvent[] = [];
  const both = hurried(1, handedOver);
  let isFirst = true;
  const write = store.write.bind(store);
  store.write = async (object) => {
    const written = await write(object);
    if (isFirst) {
      isFirst = false;
      await extract(store, KEY, { ...both, message: 'of v2' }, { versionId: 'v2', sequencer: '0B' });
    }
    return written;
  };
  await extract(store, KEY, { ...both, message: 'of v1' });
  expect(handedOver.map(({ versionId }) => versionId)).toEqual(['v2', 'v1']);
  for (const [i, event] of handedOver.entries()) {
    const next = { ...enough, message: `rest ${i}`, invocation: `invocation ${i + 2}` };
    expect(await extract(store, KEY, next, event)).toMatchObject({ result: 'done', read: 60 });
  }
});

it('hands nothing over that was overtaken, and removes it', async () => {
  const store = storeOf(ndjson(records));
  const handedOver: ObjectEvent[] = [];
  let isFirst = true;
  const overtaken: Partial<StageContext> = {
    ...hurried(1, handedOver),
    isEnding: () => true,
    elapsed: () => 0,
    wait: async () => {},
  };
  const write = store.write.bind(store);
  store.write = async (object) => {
    const written = await write(object);
    if (isFirst && object.key.endsWith('checkpoint.json')) {
      isFirst = false;
      await extract(store, KEY, enough, { type: 'deleted', sequencer: 'FF', versionId: 'd' });
    }
    return written;
  };
  expect(await extract(store, KEY, overtaken)).toMatchObject({ result: 'stale' });
  expect(handedOver).toEqual([]);
  expect(store.keys('temp')).toEqual([]);
});

it('starts again if other code has begun it', async () => {
  const store = storeOf(ndjson(records));
  await extract(store, KEY, hurried(1, []));
  const newer = { ...enough, codeVersion: 'newer', message: 'message 2', invocation: 'invocation 2' };
  expect(await extract(store, KEY, newer)).toMatchObject({ result: 'done', read: 60 });
  expect(store.keys('temp').every((key) => key.includes('!0001/part-'))).toBe(true);
});

it('of a large object only the first part has its records, and a version that goes before they are read is refused', async () => {
  const store = storeOf(ndjson(records));
  await extract(store, KEY, enough);
  const [first = 0, ...others] = store.keys('temp').map((key) => store.body('temp', key).length);
  expect(others).toHaveLength(8);
  for (const bytes of others) expect(bytes).toBeLessThan(first + 100);
  store.objects.delete(`raw/${KEY}`);
  await drain(store, enough);
  expect(headsOf(store)[0]?.attempts).toMatchObject([
    {
      status: 'rejected',
      fault: { code: 'version_not_found', message: expect.stringContaining('53 of its 60') },
    },
  ]);
  const faults = store.keys('failed').filter((key) => key.startsWith('faults/'));
  expect(faults).toHaveLength(1);
});

it('a version that goes before its rest is read leaves no part that its receipt does not name', async () => {
  const store = storeOf(ndjson(records));
  await extract(store, KEY, hurried(1, []));
  const named = store.keys('temp').filter((key) => key.endsWith('.zst'));
  // A second invocation stores the rest, and dies before its receipt.
  const create = store.create.bind(store);
  store.create = async (object) => {
    if (object.key.startsWith('receipts/')) throw new Error('killed');
    return create(object);
  };
  const second = { ...enough, message: 'rest', invocation: 'second' };
  await expect(extract(store, KEY, second)).rejects.toThrow('killed');
  store.create = create;
  expect(store.keys('temp').length).toBeGreaterThan(named.length + 1);
  store.objects.delete(`raw/${KEY}`);
  const third = { ...enough, message: 'rest', invocation: 'third', now: () => 3000, deadline: 4000 };
  expect(await extract(store, KEY, third)).toMatchObject({ fault: { code: 'version_not_found' } });
  await drain(store, enough);
  expect(headsOf(store)[0]?.attempts).toMatchObject([{ status: 'rejected' }]);
  expect(store.keys('temp')).toEqual(named);
});
