import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { recipes } from '../../datasets/recipes.ts';
import { limits, readPart } from '../../domain/records/part.ts';
import { rejectLine } from '../../domain/records/reject.ts';
import { archiveKey } from '../../domain/versions/key-layout.ts';
import { receipt } from '../../domain/versions/receipt.ts';
import { PartitionedFiles } from '../../handlers/stages/transformation/partitioned-files.ts';
import { transformPart } from '../../handlers/stages/transformation/transform-part.ts';
import { readParquet } from '../formats/parquet-rows.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../store/memory-store.ts';
import {
  buckets,
  commit,
  dataFiles,
  drain,
  extract,
  leftBy,
  load,
  ndjson,
  publications,
  putRaw,
  recipe,
  runAll,
  tableFiles,
  transform,
} from './flow.ts';

const KEY = 'recipes/2026/a b+é.ndjson';

/** Recipes of each difficulty, and two that are none. */
const mixed = ndjson([
  recipe(1),
  { title: 'no steps', ingredients: ['x'] },
  { ...recipe(2, 6), ingredients: ['crème 👩‍🍳', '𠮷野家'], tags: [] },
  'no recipe',
  { ...recipe(3, 13), tags: ['long', ''.padEnd(9, 'é')] },
  recipe(4),
]);

function storeWith(body: string | Uint8Array, key = KEY): MemoryStore {
  const store = new MemoryStore();
  putRaw(store, key, body);
  return store;
}

function receipts(store: MemoryStore) {
  const keys = store.keys('ledger').filter((key) => key.startsWith('receipts/'));
  return keys.map((key) => receipt.parse(JSON.parse(store.body('ledger', key).toString())));
}

/** The rows that a reader of the lake's table meets, or the same of the archive. */
async function lakeRows(store: MemoryStore, bucket = 'processed'): Promise<Record<string, unknown>[]> {
  const shown = await tableFiles(store);
  const keys = bucket === 'archive' ? store.keys(bucket) : shown;
  if (bucket === 'archive') expect(keys).toEqual(shown.map(archiveKey).sort());
  const rows = await Promise.all(keys.map((key) => readParquet(store.body(bucket, key))));
  return rows.flat().sort((a, b) => String(a['title']).localeCompare(String(b['title'])));
}

describe('the stages', () => {
  it('take each record of a file to the lake, the archive or the failed bucket', async () => {
    const store = storeWith(mixed);
    await runAll(store, KEY);

    const expected = [
      {
        title: 'Recipe 1',
        ingredients: ['water', 'salt'],
        tags: [],
        difficulty: 'easy',
        time_estimate_s: 60,
      },
      {
        title: 'Recipe 2',
        ingredients: ['crème 👩‍🍳', '𠮷野家'],
        tags: [],
        difficulty: 'medium',
        time_estimate_s: 720,
      },
      { title: 'Recipe 3', tags: ['long', 'ééééééééé'], difficulty: 'hard', time_estimate_s: 13 * 180 },
      { title: 'Recipe 4', difficulty: 'easy', complexity_score: 1.4 },
    ];
    expect(await lakeRows(store)).toMatchObject(expected);
    expect(await lakeRows(store, 'archive')).toEqual(await lakeRows(store));

    const [rejects = ''] = store.keys('failed');
    const lines = store.body('failed', rejects).toString().trimEnd().split('\n');
    expect(lines.map((line) => rejectLine.parse(JSON.parse(line)))).toMatchObject([
      { recordNumber: 2, code: 'missing_field', path: 'directions', record: { title: 'no steps' } },
      { recordNumber: 4, code: 'wrong_type', path: '', record: 'no recipe' },
    ]);
  });

  it('conserve the records: in every receipt, each record that was read was written, filtered or rejected', async () => {
    const store = storeWith(mixed);
    await runAll(store, KEY);
    let archived = 0;
    for (const one of receipts(store)) {
      expect(one).toMatchObject({ dataset: 'recipes', key: KEY, versionId: 'v1', sequencer: '0A' });
      if (one.stage === 'extraction') {
        expect(one.read).toBe(6);
        expect(one.parts.map(({ records }) => records)).toEqual([6]);
      } else if (one.stage === 'transformation') {
        const rejected = { missing_field: 1, wrong_type: 1 };
        expect(one).toMatchObject({ read: 6, written: 4, filtered: {}, rejected });
        expect(one.outputs.map(({ records }) => records).sort()).toEqual([1, 1, 2]);
      } else for (const { archive } of one.files) archived += archive.records;
    }
    expect(archived).toBe(4);
  });

  it('reject a record whose row no table can hold, and keep its neighbours', async () => {
    const forever = {
      ...recipe(1),
      directions: ['Wait 99999 hours, then 99999 hours, and 99999 hours ', '6 hours '].map((text) =>
        text.repeat(9),
      ),
    };
    const store = storeWith(ndjson([recipe(1), forever, recipe(2)]));
    await runAll(store, KEY);
    expect(await lakeRows(store)).toMatchObject([{ title: 'Recipe 1' }, { title: 'Recipe 2' }]);
    const [rejects = ''] = store.keys('failed');
    expect(rejects).toMatch(/^rejects\/.*\/transformation-00000-00000~test\.ndjson$/);
    expect(rejectLine.parse(JSON.parse(store.body('failed', rejects).toString()))).toMatchObject({
      recordNumber: 2,
      path: 'time_estimate_s',
      code: 'invalid_row',
      record: forever,
    });
    expect(receipts(store)).toContainEqual(
      expect.objectContaining({ stage: 'transformation', read: 3, written: 2, rejected: { invalid_row: 1 } }),
    );
  });

  it('make exactly the S3 requests that they need', async () => {
    const store = storeWith(mixed);
    const callsOf = async (work: () => Promise<unknown>): Promise<string[]> => {
      store.calls.length = 0;
      await work();
      return store.calls.map((call) => call.replace(/\/.*/, '')).sort();
    };
    expect(await callsOf(() => extract(store, KEY))).toEqual(
      [
        ...['find ledger', 'create ledger', 'create ledger', 'replace ledger'],
        ...['read raw', 'write temp'],
      ].sort(),
    );
    const [part = ''] = store.keys('temp');
    expect(await callsOf(() => transform(store, part))).toEqual(
      [
        ...['find ledger', 'create ledger'],
        ...['read temp', 'write processed', 'write processed', 'write processed', 'write failed'],
        // It makes the version active and publishes it, since this part is all of it.
        ...['replace ledger', 'create ledger'],
      ].sort(),
    );
    const [published = ''] = publications(store);
    expect(await callsOf(() => load(store, published))).toEqual(
      [
        ...['find ledger', 'create ledger', 'replace ledger'],
        ...['copy archive', 'copy archive', 'copy archive'],
      ].sort(),
    );
    await commit(store, published);
    expect(await callsOf(() => extract(store, KEY))).toEqual(['find ledger']);
    expect(await callsOf(() => transform(store, part))).toEqual([
      'exists ledger',
      'find ledger',
      'find ledger',
    ]);
    expect(await callsOf(() => commit(store, published))).toEqual(
      ['GetTable catalog', 'bytes processed', 'find ledger'].sort(),
    );
  });

  it('load nothing of a version, and commit nothing of it, before it is whole', async () => {
    const store = storeWith(mixed);
    const smaller = { limits: { ...limits, partRecords: 1 } };
    await extract(store, KEY, smaller);
    const parts = store.keys('temp');
    expect(parts).toHaveLength(6);
    // While one is missing, nobody reads the receipts of the others: each part would read all of them.
    const read = () =>
      store.calls.filter((call) => /^find ledger\/receipts\/.*\/transformation\//.test(call));
    // In no order.
    for (const part of parts.slice(1)) await transform(store, part, smaller);
    expect(publications(store)).toEqual([]);
    expect(dataFiles(store)).toHaveLength(3);
    expect(read()).toEqual([]);
    await transform(store, parts[0] ?? '', smaller);
    expect(publications(store)).toHaveLength(6);
    expect(read()).toHaveLength(5);
    await drain(store, smaller);
    expect(await tableFiles(store)).toEqual(dataFiles(store));
    expect(await lakeRows(store, 'archive')).toEqual(await lakeRows(store));
  });

  it('leave readable receipts even if the clock steps back during their work', async () => {
    const store = storeWith(mixed);
    let now = Date.parse('2026-11-01T10:00:00Z');
    let elapsed = 0;
    const clocks = { now: () => (now -= 60_000), elapsed: () => (elapsed += 1.5) };
    await runAll(store, KEY, clocks);
    const written = receipts(store);
    expect(written.map(({ stage }) => stage)).toContain('loading');
    for (const { durationMs } of written) expect(durationMs).toBeGreaterThan(0);
  });

  it('do nothing for a duplicate', async () => {
    const store = storeWith(mixed);
    await runAll(store, KEY);
    const before = store.contents();
    expect(await extract(store, KEY)).toMatchObject({ dataset: 'recipes', result: 'duplicate', read: 0 });
    for (const part of store.keys('temp')) expect((await transform(store, part)).result).toBe('duplicate');
    for (const key of publications(store))
      for (const again of [commit, load]) expect((await again(store, key)).result).toBe('duplicate');
    expect(store.contents()).toEqual(before);
  });

  it.each(['before', 'after'])(
    'leave the same when they are killed %s any of their calls and tried again',
    async (when) => {
      const smaller = { limits: { ...limits, partRecords: 2 } };
      const undisturbed = storeWith(mixed);
      await runAll(undisturbed, KEY, smaller);
      const calls = undisturbed.calls.length;
      expect(calls).toBeGreaterThan(60);
      const expected = await leftBy(undisturbed);
      for (let call = 1; call <= calls; call += 1) {
        const store = storeWith(mixed);
        store.crash = { call, afterEffect: when === 'after' };
        await expect(runAll(store, KEY, smaller)).rejects.toThrow('The function was killed.');
        await new Promise((resolve) => setImmediate(resolve));
        store.crash = undefined;
        await runAll(store, KEY, smaller);
        expect(await leftBy(store), `killed ${when} call ${call}`).toEqual(expected);
      }
    },
  );

  it('leave the same output when two invocations process the same object at once', async () => {
    const alone = storeWith(mixed);
    await extract(alone, KEY);
    const store = storeWith(mixed);
    const both = ['test', 'other'].map((invocation) => extract(store, KEY, { invocation }));
    const [one, other] = await Promise.allSettled(both);
    expect([one, other]).toMatchObject([
      { value: { result: 'done' } },
      { reason: { name: 'TransientError', code: 'in_progress' } },
    ]);
    expect(store.contents()).toEqual(alone.contents());
    expect((await extract(store, KEY, { invocation: 'other' })).result).toBe('duplicate');
  });

  it('process all whole records of a file that breaks off, and report the fault', async () => {
    const store = storeWith(`[${JSON.stringify(recipe(1))},${JSON.stringify(recipe(2)).slice(0, -5)}`);
    expect(await extract(store, KEY)).toMatchObject({
      result: 'failed',
      read: 1,
      written: 1,
      fault: { code: 'truncated' },
    });
    expect(store.keys('temp')).toHaveLength(1);
    const [fault = ''] = store.keys('failed');
    expect(JSON.parse(store.body('failed', fault).toString())).toMatchObject({
      stage: 'extraction',
      key: KEY,
      code: 'truncated',
    });
    expect(receipts(store)).toMatchObject([{ stage: 'extraction', read: 1, fault: { code: 'truncated' } }]);
  });

  it.each([
    ['is empty', KEY, '', 'empty_file'],
    ['is not JSON', KEY, 'title,ingredients', 'unknown_format'],
    ['belongs to no dataset', 'unsorted/list.txt', 'milk', 'unknown_prefix'],
  ])('leave fault and receipt of a file that %s', async (_, key, body, code) => {
    const store = storeWith(body, key);
    expect(await extract(store, key)).toMatchObject({ result: 'failed', fault: { code } });
    expect(store.keys('temp')).toEqual([]);
    expect(store.keys('failed')).toEqual([expect.stringMatching(/^faults\/.*\/extraction\.json$/)]);
    expect(receipts(store)).toMatchObject([{ stage: 'extraction', key, read: 0, fault: { code } }]);
    expect((await extract(store, key)).result).toBe('duplicate');
  });

  it('leave a fault and a receipt for a version that no longer exists', async () => {
    const store = new MemoryStore();
    expect(await extract(store, KEY)).toMatchObject({
      result: 'failed',
      fault: { code: 'version_not_found' },
    });
    expect(receipts(store)).toMatchObject([{ fault: { code: 'version_not_found' } }]);
  });

  it('throw when the store fails, so that the message is retried', async () => {
    const store = storeWith(mixed);
    store.crash = { call: 2, afterEffect: false };
    await expect(extract(store, KEY)).rejects.toThrow('The function was killed.');
    expect(receipts(store)).toEqual([]);
    expect(store.keys('failed')).toEqual([]);
  });

  it('refuse objects for good that they did not write', async () => {
    const store = new MemoryStore();
    const key = 'recipes/x~000000000000000000000000/v/part-00000.zst';
    store.put({ bucket: 'temp', key, body: 'no zstd', contentType: 'text/plain' });
    for (const stranger of [key, 'a.txt', 'other/x/v/part-00000.zst']) {
      await expect(transform(store, stranger)).rejects.toMatchObject({
        name: 'PermanentError',
        code: 'unreadable_part',
      });
    }
    const nothing = 'publications/recipes/x~000000000000000000000000/v/00000.whole.json';
    const gone = 'publications/gone/x~000000000000000000000000/v/00000.whole.json';
    for (const stranger of ['recipes/a.parquet', gone])
      for (const stage of [commit, load])
        await expect(stage(store, stranger)).rejects.toMatchObject({
          name: 'PermanentError',
          code: 'unreadable_part',
        });
    // Its document was removed.
    await expect(load(store, nothing)).rejects.toMatchObject({ code: 'unreadable_part' });
  });

  it('make the same row of each record whatever part it falls into', async () => {
    const [whole, divided] = [storeWith(mixed), storeWith(mixed)];
    await runAll(whole, KEY);
    await runAll(divided, KEY, { limits: { ...limits, partRecords: 1 } });
    expect(divided.keys('temp')).toHaveLength(6);
    expect(await lakeRows(divided)).toEqual(await lakeRows(whole));
  });
});

describe('a part', () => {
  const partOf = (store: MemoryStore, key: string) =>
    readPart(zstdDecompressSync(store.body('temp', key)), { bucket: 'temp', key });
  const recordsOf = (store: MemoryStore) => store.keys('temp').map((key) => partOf(store, key)?.records);

  it('has at most 20,000 records', async () => {
    const line = JSON.stringify(recipe(1));
    for (const [records, expected] of [
      [20_000, [20_000]],
      [20_001, [20_000, 1]],
    ] as const) {
      const store = storeWith(`${line}\n`.repeat(records));
      expect((await extract(store, KEY)).written).toBe(records);
      expect(recordsOf(store)).toEqual(expected);
    }
  });

  it('ends with the record that brings it to 16 MiB, counted in bytes and not in characters', async () => {
    const text = '漢'.repeat(340_000);
    const store = storeWith(ndjson(Array.from({ length: 20 }, () => ({ ...recipe(1), title: text }))));
    await extract(store, KEY);
    const perPart = Math.ceil((16 * 1024 ** 2) / (3 * 340_000));
    expect(recordsOf(store)).toEqual([perPart, 20 - perPart]);
  });

  it('falls into at most a thousand partitions: further records are rejected, with the reason', async () => {
    const header = { dataset: 'sensors', key: 'sensors/a', versionId: 'v1', sequencer: '01', part: 0 };
    const row = z.object({ sensor: z.string(), value: z.int32() });
    const dataset = { ...recipes, name: 'sensors', row, partitionBy: ['sensor'] };
    const path = { dataset: 'sensors', objectId: 'a', version: 'v1' };
    const { tableSchema } = stageContextOf(new MemoryStore());
    const files = new PartitionedFiles(dataset, path, header, { codeVersion: 'c', limits, tableSchema });
    const taken = Array.from({ length: 1002 }, (_, i) => files.add({ sensor: `s${i}`, value: i }, i + 1));
    expect(taken.filter(Boolean).length).toBe(1000);
    expect(files.add({ sensor: 's999', value: 1 }, 1003)).toBe(true);
  });

  it('names its object and the number of its first record', async () => {
    const store = storeWith(mixed);
    await extract(store, KEY, { limits: { ...limits, partRecords: 4 } });
    const loadedAt = '1970-01-01T00:00:00.000000Z';
    const object = { dataset: 'recipes', key: KEY, versionId: 'v1', sequencer: '0A' };
    const of = { ...object, loadedAt, codeVersion: 'test' };
    expect(store.keys('temp').map((key) => partOf(store, key)?.header)).toEqual([
      { ...of, part: 0, first: 1 },
      {
        ...of,
        part: 1,
        first: 5,
        range: {
          source: expect.any(Object),
          from: { offset: 0, records: 0, file: 0, start: 0, skip: 4 },
          end: expect.any(Number),
          records: expect.any(Number),
        },
      },
    ]);
  });

  it('that older code wrote goes back to the queue, with how to reprocess its version', async () => {
    const store = storeWith(mixed);
    await extract(store, KEY);
    const [key = ''] = store.keys('temp');
    const { first: _, codeVersion: __, ...header } = partOf(store, key)?.header ?? {};
    const body = zstdCompressSync(`${JSON.stringify(header)}\n[1,{"title":"a"}]\n`);
    store.put({ bucket: 'temp', key, body, contentType: '' });
    await expect(transform(store, key)).rejects.toMatchObject({ name: 'UnreadableDocument', key });
    expect(receipts(store).map(({ stage }) => stage)).toEqual(['extraction']);
  });

  it('is transformed the same after a retry has stored it again as another version', async () => {
    const store = storeWith(mixed);
    await extract(store, KEY);
    const [key = ''] = store.keys('temp');
    await transform(store, key);
    const again = await transformPart(createdEvent('temp', key, 'v2'), buckets, stageContextOf(store));
    expect(again.result).toBe('duplicate');
  });
});
