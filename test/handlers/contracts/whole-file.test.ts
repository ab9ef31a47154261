import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { limits } from '../../../domain/records/part.ts';
import { Registry } from '../../../domain/registry.ts';
import type { Announcement } from '../../../domain/versions/announcement.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { drain, extract, headsOf, ndjson, putRaw, recipe, tableFiles } from '../flow.ts';

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
  const options = { registry, announce, limits: { ...limits, partRecords: 2 } };
  let version = 0;
  return {
    store,
    told,
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

describe('a rule that is none', () => {
  it.each<[Partial<Dataset>, string]>([
    [{ minRecords: -1 }, 'minRecords must be a whole number, 0 or more.'],
    [{ minRecords: 1.5 }, 'minRecords must be a whole number, 0 or more.'],
  ])('is refused at start: %o', (rules, message) => {
    expect(() => defineDataset({ ...recipes, ...rules })).toThrow(message);
  });
});
