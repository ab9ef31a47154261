import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { limits } from '../../../domain/records/part.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import { receipt, receiptsIn } from '../../../domain/versions/receipt.ts';
import { stageHandler } from '../../../handlers/sqs-handler.ts';
import { extractObject } from '../../../handlers/stages/extraction/extract-object.ts';
import { ObjectNotFound } from '../../../store/object-store.ts';
import { createdEvent, MemoryStore, stageContextOf, storeWith } from '../../store/memory-store.ts';
import {
  buckets,
  dataFiles,
  drain,
  extract,
  headsOf,
  ndjson,
  publications,
  putRaw,
  recipe,
  settle,
  tableFiles,
  transform,
} from '../flow.ts';
import {
  context,
  created,
  embeddedMetrics,
  message,
  queueDependencies,
  queueOptions,
} from '../invocation.ts';

const KEY = 'recipes/a.ndjson';
const inPlace = { limits };

/** Recipes of each difficulty, and one that is none. */
const mixed = ndjson([recipe(1), { title: 'no steps' }, recipe(2, 6), recipe(3, 13)]);

function storeOf(body: string | Uint8Array = mixed): MemoryStore {
  const store = new MemoryStore();
  putRaw(store, KEY, body);
  return store;
}

function receiptsOf(store: MemoryStore) {
  const keys = store.keys('ledger').filter((key) => key.startsWith('receipts/'));
  const documents = keys.map((key) => receipt.parse(JSON.parse(store.body('ledger', key).toString())));
  return receiptsIn(documents).sort((a, b) => a.stage.localeCompare(b.stage));
}

/** What sinks and people see, whichever way it came about. */
async function seen(store: MemoryStore): Promise<unknown> {
  const contents = Object.entries(store.contents());
  const files = contents.filter(
    ([key]) => /^(processed|archive|failed)\//.test(key) && !key.includes('/metadata/'),
  );
  const told = receiptsOf(store).map((each) => ({
    stage: each.stage,
    rejects: each.rejects,
    ...(each.stage !== 'loading' && { read: each.read, rejected: each.rejected }),
    ...(each.stage === 'transformation' && { written: each.written, outputs: each.outputs }),
  }));
  const entry = ({ current, attempts, superseded }: LedgerEntry) => ({ current, attempts, superseded });
  return {
    files,
    told,
    entries: headsOf(store).map(entry),
    published: publications(store).map((key) => store.body('ledger', key).toString()),
    table: await tableFiles(store),
  };
}

describe('a small object', () => {
  it('is transformed in place to what the transformation makes of its part, which is not stored', async () => {
    const [here, there] = [storeOf(), storeOf()];
    const { inPlace: done, ...outcome } = await extract(here, KEY, inPlace);
    expect(here.keys('temp')).toEqual([]);
    expect(outcome).toEqual(await extract(there, KEY));
    const [part = ''] = there.keys('temp');
    expect(done).toEqual(await transform(there, part));
    expect(done).toMatchObject({ result: 'done', read: 4, written: 3, rejected: { missing_field: 1 } });
    await settle(here);
    await settle(there);
    expect(await seen(here)).toEqual(await seen(there));
    const [extraction] = receiptsOf(here);
    expect(extraction).toMatchObject({ inPlace: true, parts: [{ key: part, records: 4, bytes: 0 }] });
  });

  it.each(['before', 'after'])(
    'leaves the same when its extraction is killed %s any of its calls and tried again',
    async (when) => {
      const whole = storeOf();
      await extract(whole, KEY, inPlace);
      const calls = whole.calls.length;
      await settle(whole);
      const expected = await seen(whole);
      for (let call = 1; call <= calls; call += 1) {
        const store = storeOf();
        store.crash = { call, afterEffect: when === 'after' };
        await expect(extract(store, KEY, inPlace)).rejects.toThrow('The function was killed.');
        store.crash = undefined;
        await extract(store, KEY, { ...inPlace, receives: 2 });
        await drain(store);
        expect(await seen(store), `killed ${when} call ${call}`).toEqual(expected);
      }
    },
  );

  it('goes to the transformation if it can’t be transformed in place, which tells why', async () => {
    const store = storeOf();
    const refuses = storeWith(store, {
      write: (object) =>
        object.bucket === 'processed' ? Promise.reject(new Error('No room.')) : store.write(object),
    });
    const outcome = await extract(refuses, KEY, inPlace);
    expect(outcome).toMatchObject({ result: 'done', read: 4, whyStored: 'No room.' });
    expect(outcome.inPlace).toBeUndefined();
    const [part = ''] = store.keys('temp');
    await expect(transform(refuses, part)).rejects.toThrow('No room.');
    await drain(store);
    expect(await tableFiles(store)).toHaveLength(3);
  });

  it.each(['before', 'after'])(
    'leaves nothing that no receipt names, if it is killed %s any call and the transformation has other code',
    async (when) => {
      const whole = storeOf();
      await extract(whole, KEY, inPlace);
      for (let call = 1; call <= whole.calls.length; call += 1) {
        const store = storeOf();
        const here = { ...inPlace, codeVersion: 'here' };
        store.crash = { call, afterEffect: when === 'after' };
        await expect(extract(store, KEY, here)).rejects.toThrow('The function was killed.');
        store.crash = undefined;
        await extract(store, KEY, { ...here, receives: 2 });
        for (const part of store.keys('temp'))
          await transform(store, part, { ...inPlace, codeVersion: 'there' });
        const [, done] = receiptsOf(store);
        const named = done?.stage === 'transformation' ? done.outputs.map(({ key }) => key).sort() : [];
        expect(named).toHaveLength(3);
        expect(dataFiles(store), `killed ${when} call ${call}`).toEqual(named);
        const rejects = done?.rejects.map(({ key }) => key);
        expect(store.keys('failed'), `killed ${when} call ${call}`).toEqual(rejects);
      }
    },
  );

  it('that was gone for another invocation, whose receipt was the first, leaves nothing of its own', async () => {
    const store = storeOf();
    const gone = storeWith(store, {
      read: () => Promise.reject(new ObjectNotFound(createdEvent('raw', KEY))),
    });
    let isFirst = true;
    const late = storeWith(store, {
      async create(object) {
        if (isFirst && object.key.includes('/transformation/')) {
          isFirst = false;
          const other = { invocation: 'other', message: 'test', now: () => 2, deadline: 3 };
          await extract(gone, KEY, { ...inPlace, ...other });
        }
        return store.create(object);
      },
    });
    expect((await extract(late, KEY, inPlace)).inPlace).toBeUndefined();
    expect(isFirst).toBe(false);
    expect(dataFiles(store)).toEqual([]);
    expect(headsOf(store)).toMatchObject([{ attempts: [{ status: 'rejected', parts: 0 }] }]);
  });

  it('whose ledger entry was lost is extracted under another name: what its receipt names stays as it is', async () => {
    const store = storeOf();
    await extract(store, KEY, inPlace);
    await settle(store);
    const files = dataFiles(store);
    const heads = store.keys('ledger').filter((key) => key.startsWith('heads/'));
    await store.remove('ledger', heads);
    await extract(store, KEY, { ...inPlace, message: 'copy', invocation: 'copy' });
    expect(headsOf(store)).toMatchObject([{ current: { versionId: 'v1!0001' } }]);
    expect(dataFiles(store)).toEqual(expect.arrayContaining(files));
    expect(dataFiles(store)).toHaveLength(2 * files.length);
  });

  const large = ndjson(Array.from({ length: 5_000 }, (_, n) => recipe(n, 5)));
  it.each([
    ['of more than 512 KiB', large, {}],
    ['of two parts', mixed, { limits: { ...limits, partRecords: 2 } }],
    ['without time left', mixed, { isEnding: () => true }],
    ['that can’t be read to its end', gzipSync(mixed).subarray(0, -9), {}],
    ['without a record', '\n', {}],
  ])('is not what one is %s', async (_, body, changes) => {
    const store = storeOf(body);
    const extracting = extract(store, KEY, { ...inPlace, handOver: async () => {}, ...changes });
    expect((await extracting).inPlace).toBeUndefined();
    expect(dataFiles(store)).toEqual([]);
  });

  it('that is tried again may have a part that is stored: it goes to the transformation', async () => {
    const store = storeOf();
    store.crash = { call: 4, afterEffect: false };
    await expect(extract(store, KEY, inPlace)).rejects.toThrow('killed');
    store.crash = undefined;
    const again = await extract(store, KEY, { ...inPlace, invocation: 'second', now: () => 2 });
    expect(again.inPlace).toBeUndefined();
    expect(store.keys('temp')).toHaveLength(1);
  });

  it.each([
    ['lives', false],
    ['is killed, and its message comes again', true],
  ])('that is overtaken while it is transformed leaves nothing, if its function %s', async (_, isKilled) => {
    const store = storeOf();
    const newer = { versionId: 'v2', sequencer: '0B' };
    const overtaken = storeWith(store, {
      async write(object) {
        const written = await store.write(object);
        if (object.bucket === 'processed' && !headsOf(store).some(({ current }) => current !== undefined)) {
          await extract(store, KEY, { ...inPlace, message: 'newer', invocation: 'newer' }, newer);
          // What was superseded has been cleaned up by now; this file comes late.
          await store.write(object);
          if (isKilled) store.crash = { call: 0, afterEffect: false };
        }
        return written;
      },
    });
    const work = extract(overtaken, KEY, inPlace);
    if (isKilled) {
      await expect(work).rejects.toThrow('killed');
      store.crash = undefined;
      await extract(store, KEY, { ...inPlace, invocation: 'second', receives: 2, now: () => 2 });
    } else expect(await work).toMatchObject({ result: 'stale' });
    await settle(store);
    expect(dataFiles(store)).toEqual(await tableFiles(store));
    expect(headsOf(store)).toMatchObject([{ current: newer, attempts: [], superseded: [] }]);
  });

  it('is told of in the log and the metrics as a transformation is', async () => {
    vi.stubEnv('POWERTOOLS_TRACE_ENABLED', 'false');
    vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'INFO');
    const metrics = embeddedMetrics();
    const info = vi.spyOn(console, 'info').mockImplementation(() => {});
    const { codeVersion, registry, tableSchema, ...outside } = stageContextOf(storeOf(), inPlace);
    const of = { stage: 'extraction', stack: 'dev', failedBucket: 'failed', concurrency: 1 } as const;
    const work = (event: Parameters<typeof extractObject>[0], given: Parameters<typeof extractObject>[2]) =>
      extractObject(event, buckets, given);
    const handler = stageHandler(
      { ...of, ...queueOptions, codeVersion, registry, tableSchema, work },
      { ...outside, ...queueDependencies },
    );
    await handler({ Records: [message('1', created('raw', KEY))] }, context);
    const lines = info.mock.calls.map(([text]) => JSON.parse(String(text)));
    info.mockRestore();
    vi.unstubAllEnvs();
    const object = { key: KEY, versionId: 'v1' };
    expect(lines).toMatchObject([
      { service: 'extraction', ...object, result: 'done', read: 4, outputs: 1 },
      { service: 'transformation', inPlace: true, object, result: 'done', written: 3, outputs: 3 },
    ]);
    const written = metrics().filter(({ name }) => name === 'RecordsWritten');
    expect(written.map(({ dimensions, value }) => [dimensions['service'], value])).toEqual([
      ['extraction', 4],
      ['transformation', 3],
    ]);
  });
});
