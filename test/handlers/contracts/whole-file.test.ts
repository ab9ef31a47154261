import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { MOST_RECORDS } from '../../../domain/records/contracts/key-hashes.ts';
import { limits } from '../../../domain/records/part.ts';
import { Registry } from '../../../domain/registry.ts';
import type { Announcement } from '../../../domain/versions/announcement.ts';
import { verdictOf } from '../../../domain/versions/publishing/verdict.ts';
import { MemoryStore, storeWith } from '../../store/memory-store.ts';
import { drain, extract, headsOf, ndjson, putRaw, recipe, tableFiles, transform } from '../flow.ts';

const KEY = 'recipes/a.ndjson';
const many = (n: number, from = 0) => Array.from({ length: n }, (_, i) => recipe(from + i));

/** The pipeline with one dataset, whose files have two records a part. */
function pipelineOf(rules: Partial<Dataset>) {
  const store = new MemoryStore();
  const told: Announcement[] = [];
  const announce = async (events: readonly Announcement[]) => {
    told.push(...events.filter(({ type }) => type === 'Version Failed'));
  };
  const registry = new Registry([{ ...recipes, onReject: 'keep', ...rules }]);
  const options = { registry, announce, limits: { ...limits, partRecords: 2, inPlaceBytes: 0 } };
  let version = 0;
  return {
    store,
    told,
    options,
    /** @returns the entry when the version is through all stages */
    async put(records: readonly unknown[]) {
      version += 1;
      putRaw(store, KEY, ndjson(records));
      await extract(store, KEY, options, { versionId: `v${version}`, sequencer: `0${version}` });
      await drain(store, options);
      return headsOf(store)[0];
    },
    faults: () =>
      store
        .keys('failed')
        .filter((key) => key.startsWith('faults/'))
        .map((key) => JSON.parse(store.body('failed', key).toString()) as { code: string }),
  };
}

describe('a version with fewer records than its dataset demands', () => {
  it('takes no effect, and the version before it stays in the table', async () => {
    const { store, put, told, faults } = pipelineOf({ minRecords: 3 });
    expect((await put(many(3)))?.current?.versionId).toBe('v1');
    expect(told).toEqual([]);
    const before = await tableFiles(store);
    const entry = await put(many(2));
    expect(entry).toMatchObject({
      current: { versionId: 'v1' },
      attempts: [{ versionId: 'v2', status: 'rejected', fault: { code: 'too_few_records' } }],
    });
    expect(await tableFiles(store)).toEqual(before);
    expect(faults()).toMatchObject([{ code: 'too_few_records' }]);
    expect(told).toMatchObject([
      { type: 'Version Failed', detail: { takesEffect: false, fault: { code: 'too_few_records' } } },
    ]);
  });

  it('is one without a record, too', async () => {
    const { put } = pipelineOf({ minRecords: 1 });
    await put(many(1));
    expect(await put([])).toMatchObject({
      current: { versionId: 'v1' },
      attempts: [{ versionId: 'v2', fault: { code: 'too_few_records' } }],
    });
  });

  it('takes effect with its fault if the dataset replaces', async () => {
    const { put } = pipelineOf({ minRecords: 3, onReject: 'replace' });
    expect(await put(many(2))).toMatchObject({
      current: { versionId: 'v1', fault: { code: 'too_few_records' } },
      attempts: [],
    });
  });
});

describe('a version that has fewer records than the active one', () => {
  it('takes no effect beyond the share, until the active one is as small', async () => {
    const { put, faults } = pipelineOf({ maxShrink: 0.5 });
    expect((await put(many(6)))?.current).toMatchObject({ versionId: 'v1', records: 6 });
    expect((await put(many(3)))?.current).toMatchObject({ versionId: 'v2', records: 3 });
    expect(faults()).toEqual([]);
    expect(await put(many(1))).toMatchObject({
      current: { versionId: 'v2' },
      attempts: [{ versionId: 'v3', fault: { code: 'shrunk' } }],
    });
    expect(faults()).toMatchObject([{ code: 'shrunk' }]);
    expect((await put(many(2)))?.current).toMatchObject({ versionId: 'v4', records: 2 });
  });

  it('takes effect if nobody counted the active one', async () => {
    const { store, put } = pipelineOf({ maxShrink: 0 });
    await put(many(6));
    const [head = ''] = store.keys('ledger').filter((key) => key.startsWith('heads/'));
    const old = JSON.parse(store.body('ledger', head).toString());
    delete old.current.records;
    store.put({ bucket: 'ledger', key: head, body: JSON.stringify(old), contentType: 'application/json' });
    expect((await put(many(1)))?.current).toMatchObject({ versionId: 'v2', records: 1 });
  });

  it('is compared with the one that takes effect while it is decided about', async () => {
    const { store, options, told, faults } = pipelineOf({ maxShrink: 0.5 });
    const versions = [many(4), many(4), many(1)];
    const extracted = async (i: number) => {
      putRaw(store, KEY, ndjson(versions[i] ?? []));
      await extract(store, KEY, options, { versionId: `v${i + 1}`, sequencer: `0${i + 1}` });
    };
    for (const i of [1, 2]) await extracted(i);
    const [v2 = '', ...rest] = store.keys('temp');
    const [v2b = '', v3 = ''] = rest;
    expect([v2, v2b, v3].map((key) => key.split('/')[2])).toEqual(['v2', 'v2', 'v3']);
    // Of a large object, all parts but the first are read from the object.
    putRaw(store, KEY, ndjson(versions[1] ?? []));
    await transform(store, v2, options);
    // The other version takes effect just before the decision about this one is stored.
    let isFirst = true;
    const during = storeWith(store, {
      async replace(object, etag) {
        if (isFirst && object.key.startsWith('heads/')) {
          isFirst = false;
          await transform(store, v2b, options);
        }
        return store.replace(object, etag);
      },
    });
    await transform(during, v3, options);
    expect(headsOf(store)[0]).toMatchObject({
      current: { versionId: 'v2', records: 4 },
      attempts: [{ versionId: 'v3', fault: { code: 'shrunk' } }],
    });
    expect(told).toMatchObject([{ detail: { versionId: 'v3', takesEffect: false } }]);
    expect(faults()).toMatchObject([{ code: 'shrunk' }]);
  });

  it('is not said to have failed if the object is deleted before it while it is transformed', async () => {
    const { store, put, options, told, faults } = pipelineOf({ maxShrink: 0.5 });
    await put(many(4));
    putRaw(store, KEY, ndjson(many(1)));
    await extract(store, KEY, options, { versionId: 'v3', sequencer: '03' });
    const part = store.keys('temp').find((key) => key.split('/')[2] === 'v3') ?? '';
    let isFirst = true;
    const during = storeWith(store, {
      async create(object) {
        if (isFirst && object.key.includes('/transformation/')) {
          isFirst = false;
          await extract(store, KEY, options, { type: 'deleted', versionId: 'v2', sequencer: '02' });
        }
        return store.create(object);
      },
    });
    await transform(during, part, options);
    expect(isFirst).toBe(false);
    expect(headsOf(store)[0]).toMatchObject({ current: { versionId: 'v3', records: 1 }, attempts: [] });
    expect(told).toEqual([]);
    expect(faults()).toEqual([]);
  });
});

describe('a version with two rows of the same key', () => {
  const titles = (...names: string[]) => names.map((title, i) => ({ ...recipe(i), title }));

  it('takes no effect, and the fault names their records, also of different parts', async () => {
    const { put, faults } = pipelineOf({ unique: ['title'] });
    expect((await put(titles('a', 'b', 'c')))?.current?.versionId).toBe('v1');
    const entry = await put([{ no: 'recipe' }, ...titles('a', 'b', 'a', 'b', 'a')]);
    const message =
      '3 of its rows have the title of another one: records 2 and 4, 3 and 5, and others. Upload a file in which each title is there once (unique).';
    expect(entry).toMatchObject({
      current: { versionId: 'v1' },
      attempts: [{ versionId: 'v2', fault: { code: 'duplicate_keys', message } }],
    });
    expect(faults()).toMatchObject([{ code: 'duplicate_keys', message }]);
  });

  it('takes as many requests as without the rule', async () => {
    const requests = async (rules: Partial<Dataset>) => {
      const { store, options, put } = pipelineOf(rules);
      const counted: string[] = [];
      const counting = new Proxy(store, {
        get(target, name) {
          const operation: unknown = Reflect.get(target, name);
          if (typeof operation !== 'function') return operation;
          return (...args: unknown[]) => {
            counted.push(String(name));
            return operation.apply(target, args);
          };
        },
      });
      await put(titles('z'));
      putRaw(store, KEY, ndjson(titles('a', 'b', 'c')));
      await extract(counting, KEY, options, { versionId: 'v2', sequencer: '02' });
      for (const part of store.keys('temp')) await transform(counting, part, options);
      return counted;
    };
    const plain = await requests({});
    expect(plain.length).toBeGreaterThan(10);
    for (const rules of [{ unique: ['title'] }, { minRecords: 1, maxShrink: 0, unknown: 'reject' as const }])
      expect(await requests(rules)).toEqual(plain);
  });

  it('is left alone if older code transformed a part of it', async () => {
    const { store, options } = pipelineOf({ unique: ['title'] });
    putRaw(store, KEY, ndjson(titles('a', 'b', 'a')));
    await extract(store, KEY, options);
    const [first = '', second = ''] = store.keys('temp');
    await transform(store, first, { ...options, registry: new Registry([recipes]) });
    await transform(store, second, options);
    expect(headsOf(store)[0]).toMatchObject({ current: { versionId: 'v1' }, attempts: [] });
  });

  it('is never accepted if it has more records than can be compared', () => {
    const rules = { onReject: 'keep', unique: ['id'] } as const;
    const sums = { read: MOST_RECORDS + 1, written: MOST_RECORDS + 1, filtered: 0, rejected: 0 };
    expect(verdictOf(sums, rules)).toMatchObject({ accepted: false, fault: { code: 'too_many_keys' } });
  });
});

describe('a rule that is none', () => {
  it.each<[Partial<Dataset>, string]>([
    [{ minRecords: -1 }, 'minRecords must be a whole number, 0 or more.'],
    [{ unique: [] }, 'unique names no column.'],
    [{ unique: ['colour'] }, 'unique: colour is not a column of its row.'],
    [{ unique: ['ingredients'] }, 'unique: ingredients has values that can’t be compared'],
    [{ maxShrink: 1.1 }, 'maxShrink must be from 0 to 1.'],
    [{ minRecords: 1.5 }, 'minRecords must be a whole number, 0 or more.'],
  ])('is refused at start: %o', (rules, message) => {
    expect(() => defineDataset({ ...recipes, ...rules })).toThrow(message);
  });
});
