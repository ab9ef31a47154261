import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { recipes } from '../../datasets/recipes.ts';
import { type Dataset, Filtered } from '../../domain/dataset.ts';
import { contradictions, summarize } from '../../domain/operations/reconciliation.ts';
import { limits } from '../../domain/records/part.ts';
import type { RejectLimit } from '../../domain/records/reject-limit.ts';
import { Registry } from '../../domain/registry.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import type { Announcement } from '../../domain/versions/announcement.ts';
import { type ExtractionReceipt, extractionReceipt } from '../../domain/versions/receipt.ts';
import type { Outcome } from '../../handlers/stages/outcome.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { MemoryStore, storeWith } from '../store/memory-store.ts';
import {
  dataFiles,
  drain,
  extract,
  headsOf,
  ndjson,
  publications,
  putRaw,
  recipe,
  runAll,
  tableFiles,
  transform,
} from './flow.ts';

const recipesOnly = new Registry([recipes]);
let registry = recipesOnly;

const declare = (
  maxRejected: RejectLimit,
  onReject: 'keep' | 'replace' = 'keep',
  transformBy: Dataset['transform'] = recipes.transform,
) => {
  registry = new Registry([{ ...recipes, maxRejected, onReject, transform: transformBy }]);
};

const refusingTitle =
  (title: string): Dataset['transform'] =>
  (record, origin) => {
    const row = recipes.transform(record, origin);
    if (!(row instanceof Filtered) && row['title'] === title) throw new Error('is refused');
    return row;
  };

afterEach(() => {
  registry = recipesOnly;
});

const KEY = 'recipes/a.ndjson';

function receiptOf(store: MemoryStore): ExtractionReceipt {
  const [key = ''] = store.keys('ledger').filter((each) => each.endsWith('/extraction.json'));
  return extractionReceipt.parse(JSON.parse(store.body('ledger', key).toString()));
}

function rejectsOf(store: MemoryStore): string[] {
  const files = store.keys('failed').filter((key) => key.startsWith('rejects/'));
  return files.flatMap((key) => store.body('failed', key).toString().trimEnd().split('\n'));
}

async function extracted(
  body: string | Uint8Array,
): Promise<{ store: MemoryStore; receipt: ExtractionReceipt }> {
  const store = new MemoryStore();
  putRaw(store, KEY, body);
  await extract(store, KEY, { registry });
  return { store, receipt: receiptOf(store) };
}

describe('an object with too many rejects', () => {
  it('is read no further than its dataset allows, and keeps the first rejects', async () => {
    declare({ records: 3 });
    const { store, receipt } = await extracted(ndjson([recipe(1), 1, 2, recipe(2), 3, 4, 5, recipe(3)]));
    expect(receipt).toMatchObject({
      fault: {
        code: 'too_many_rejects',
        message:
          '4 of its first 6 records are rejected, and it was not read any further; the dataset allows 3 (maxRejected). Upload a better file, or raise the limit and replay.',
      },
      read: 6,
      valid: 0,
      rejected: { wrong_type: 4, too_many_rejects: 2 },
      parts: [],
    });
    expect(rejectsOf(store).map((line) => JSON.parse(line).recordNumber)).toEqual([2, 3, 5, 6]);
    expect(store.keys('temp')).toEqual([]);
    expect(contradictions([receipt])).toEqual([]);
    const { read, rejected } = summarize([receipt]);
    expect(Object.values(rejected).reduce((sum, n) => sum + n)).toBe(read);
  });

  it('is accepted with exactly as many rejects as allowed', async () => {
    declare({ records: 3, share: 0.5 });
    const { receipt } = await extracted(ndjson([{}, 2, 3, recipe(1), recipe(2), recipe(3)]));
    expect(receipt).toMatchObject({ read: 6, valid: 3 });
    expect(receipt.fault).toBeUndefined();
  });

  /** Takes an object through extraction and transformation. @returns the outcome of the last part */
  async function prepared(body: string) {
    const store = new MemoryStore();
    const told: Announcement[] = [];
    const announce = async (events: readonly Announcement[]) => {
      told.push(...events);
    };
    putRaw(store, KEY, body);
    const options = { registry, announce, limits: { ...limits, partRecords: 2 } };
    await extract(store, KEY, options);
    expect(told).toEqual([]);
    let outcome: Outcome | undefined;
    for (const part of store.keys('temp')) outcome = await transform(store, part, options);
    return { store, told, outcome, entry: headsOf(store)[0] };
  }

  it('is judged by its share of rejects when all of it is processed, whatever comes first', async () => {
    declare({ share: 0.5 });
    const { store, told, outcome, entry } = await prepared(ndjson([{}, 2, 3, recipe(1), recipe(2)]));
    const fault = {
      code: 'too_many_rejects',
      message:
        '3 of its 5 records are rejected; the dataset allows a share of 0.5 (maxRejected). Upload a better file, or raise the limit and replay.',
    };
    expect(outcome).toMatchObject({ result: 'failed', fault });
    expect(entry).toMatchObject({ attempts: [{ status: 'rejected', parts: 1, fault }] });
    expect(entry?.current).toBeUndefined();
    const rejected = { missing_field: 1, wrong_type: 2 };
    expect(told).toMatchObject([
      { type: 'Version Failed', detail: { takesEffect: false, read: 5, rejected, fault } },
    ]);
    expect(store.keys('processed')).toEqual([]);
    expect(publications(store)).toEqual([]);
    const [note = ''] = store.keys('failed').filter((key) => key.startsWith('faults/'));
    expect(JSON.parse(store.body('failed', note).toString())).toMatchObject(fault);
  });

  it('is judged by the rejects of all stages', async () => {
    declare({ share: 0.5 }, 'keep', refusingTitle('Recipe 1'));
    const body = ndjson([{}, recipe(1), recipe(2), recipe(1), recipe(3)]);
    const { outcome, store } = await prepared(body);
    expect(outcome).toMatchObject({
      result: 'failed',
      fault: { message: expect.stringContaining('3 of its 5') },
    });
    expect(store.keys('processed')).toEqual([]);
    declare({ records: 2 }, 'keep', refusingTitle('Recipe 1'));
    expect((await prepared(body)).outcome).toMatchObject({
      fault: { message: expect.stringContaining('the dataset allows 2 (maxRejected)') },
    });
    declare({ share: 0.6, records: 3 }, 'keep', refusingTitle('Recipe 1'));
    const { entry } = await prepared(body);
    expect(entry).toMatchObject({ current: { versionId: 'v1' }, attempts: [] });
  });

  it('is reported as such even if it breaks off', async () => {
    declare({ share: 0.1 });
    const { entry } = await prepared(`[1, ${JSON.stringify(recipe(1))}, {"title`);
    expect(entry?.attempts[0]?.fault).toMatchObject({
      code: 'too_many_rejects',
      message: expect.stringContaining('and it ends in a fault, truncated: '),
    });
  });

  it('leaves the last good version in every sink if its dataset keeps it', async () => {
    declare({ share: 0.5 });
    const store = new MemoryStore();
    const { server, tables } = calmMysql();
    putRaw(store, KEY, ndjson([recipe(1), recipe(2)]));
    await runAll(store, KEY, { tables, registry });
    const before = await tableFiles(store);
    expect(before).toHaveLength(1);
    putRaw(store, KEY, ndjson([recipe(3), 1, 2]));
    const event = { versionId: 'v2', sequencer: '0B' };
    await extract(store, KEY, { tables, registry }, event);
    const [part = ''] = store.keys('temp').filter((key) => key.includes('/v2/'));
    expect(await transform(store, part, { registry })).toMatchObject({
      result: 'failed',
      fault: { code: 'too_many_rejects' },
    });
    expect(headsOf(store)[0]?.current?.versionId).toBe('v1');
    expect(dataFiles(store)).toEqual(before);
    expect(publications(store)).toHaveLength(1);
    const rows = server.rows('recipes', objectHash(KEY));
    expect(rows.map((row) => row['_sequencer'])).toEqual(['0A', '0A']);
  });

  it('loses its prepared files, also if whoever decided that died before', async () => {
    declare({ share: 0.5 });
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([recipe(1), 1, 2]));
    await extract(store, KEY, { registry });
    const [part = ''] = store.keys('temp');
    const dying = storeWith(store, { list: () => Promise.reject(new Error('It was killed.')) });
    await expect(transform(store, part, { registry, store: dying })).rejects.toThrow('killed');
    expect(dataFiles(store)).toHaveLength(1);
    expect(headsOf(store)[0]?.attempts).toMatchObject([{ status: 'rejected' }]);
    const again = { registry, receives: 2 };
    expect(await transform(store, part, again)).toMatchObject({ result: 'duplicate' });
    expect(dataFiles(store)).toEqual([]);
  });

  it('leaves no fault if a newer version took its place while that was decided', async () => {
    declare({ share: 0.5 });
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([recipe(1), 1, 2]));
    await extract(store, KEY, { registry });
    const [part = ''] = store.keys('temp');
    let newer: Promise<void> | undefined;
    const slow = storeWith(store, {
      async write(object) {
        if (object.key.startsWith('faults/')) {
          putRaw(store, KEY, ndjson([recipe(2)]));
          newer ??= extract(store, KEY, { registry }, { versionId: 'v2', sequencer: '0B' }).then(() =>
            drain(store, { registry }),
          );
          await newer;
        }
        return store.write(object);
      },
    });
    expect(await transform(store, part, { registry, store: slow })).toMatchObject({ result: 'stale' });
    expect(newer).toBeDefined();
    expect(headsOf(store)).toMatchObject([{ current: { versionId: 'v2' }, attempts: [], superseded: [] }]);
    expect(store.keys('failed')).toEqual([]);
  });

  it('loses the output of its parts that were processed before it was read any further', async () => {
    declare({ records: 3 });
    const store = new MemoryStore();
    const smaller = { ...limits, partRecords: 2 };
    const good = [recipe(1), recipe(2), recipe(3)];
    putRaw(store, KEY, ndjson([...good, 1, 2, 3, 4]));
    // Its first part is transformed while the rest is read.
    const write = store.write.bind(store);
    let passed = 0;
    store.write = async (object) => {
      const written = await write(object);
      if (object.bucket !== 'temp') return written;
      passed += 1;
      await transform(store, object.key, { registry });
      expect(dataFiles(store)).toHaveLength(1);
      return written;
    };
    await extract(store, KEY, { limits: smaller, registry });
    expect(passed).toBe(1);
    expect(store.keys('temp')).toEqual([]);
    expect(store.keys('processed')).toEqual([]);
    expect(publications(store)).toEqual([]);
    expect(receiptOf(store)).toMatchObject({ valid: 0, parts: [], rejected: { too_many_rejects: 3 } });
  });

  it('takes effect with the good records if its dataset replaces, and says what is amiss', async () => {
    declare({ share: 0.5 }, 'replace');
    const { entry, outcome, told, store } = await prepared(ndjson([recipe(1), 1, 2]));
    const fault = { code: 'too_many_rejects' };
    expect(entry).toMatchObject({ current: { versionId: 'v1', fault }, attempts: [] });
    expect(outcome).toMatchObject({ result: 'done', fault });
    expect(told).toMatchObject([{ detail: { takesEffect: true, fault } }]);
    expect(publications(store)).toHaveLength(1);
  });

  it('takes effect with the records that were read if its dataset replaces', async () => {
    declare({ records: 1 }, 'replace');
    const { store, receipt } = await extracted(ndjson([recipe(1), 1, 2, recipe(2)]));
    expect(receipt).toMatchObject({ fault: { code: 'too_many_rejects' }, read: 3, valid: 1 });
    expect(store.keys('temp')).toHaveLength(1);
    expect(contradictions([receipt]).filter(({ kind }) => kind === 'counts')).toEqual([]);
  });

  it('has a bounded cost, even as a kilobyte of gzip', async () => {
    const { store, receipt } = await extracted(gzipSync(`{}\n${'1\n'.repeat(500_000)}`));
    expect(receipt).toMatchObject({ fault: { code: 'too_many_rejects' }, read: 100_001 });
    const bytes = store.keys('failed').reduce((sum, key) => sum + store.body('failed', key).length, 0);
    expect(bytes).toBeLessThan(12e6);
  });
});
