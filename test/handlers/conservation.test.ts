import { describe, expect, it } from 'vitest';
import { recipes } from '../../datasets/recipes.ts';
import { rejectLine } from '../../domain/records/reject.ts';
import { Registry } from '../../domain/registry.ts';
import { type Receipt, receipt } from '../../domain/versions/receipt.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { dataFiles, extract, ndjson, putRaw, recipe, transform } from './flow.ts';

const KEY = 'recipes/a.ndjson';

function receiptOf<Stage extends Receipt['stage']>(store: MemoryStore, stage: Stage) {
  const [key = ''] = store.keys('ledger').filter((each) => each.includes(`/${stage}`));
  const found = receipt.parse(JSON.parse(store.body('ledger', key).toString()));
  if (found.stage !== stage) throw new Error(`${key} is a receipt of the ${found.stage}.`);
  return found as Extract<Receipt, { readonly stage: Stage }>;
}

const rejectsIn = (store: MemoryStore, key: string) =>
  store
    .body('failed', key)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => rejectLine.parse(JSON.parse(line)));

describe('no record is lost', () => {
  it('if the rows of a part fall into too many partitions: the surplus is rejected', async () => {
    const registry = new Registry([{ ...recipes, partitionBy: ['title'] }]);
    const store = new MemoryStore();
    // The 1,001st title is one too many; the last record’s has its file.
    putRaw(store, KEY, ndjson([...Array.from({ length: 1001 }, (_, i) => recipe(i)), recipe(7)]));
    await extract(store, KEY, { registry });
    const [part = ''] = store.keys('temp');
    await transform(store, part, { registry });

    const { read, written, rejected, outputs, rejects } = receiptOf(store, 'transformation');
    expect({ read, written, rejected }).toEqual({ read: 1002, written: 1001, rejected: { invalid_row: 1 } });
    expect(outputs).toHaveLength(1000);
    expect(dataFiles(store)).toHaveLength(1000);
    expect(rejects).toHaveLength(1);
    expect(rejectsIn(store, rejects[0]?.key ?? '')).toMatchObject([
      {
        recordNumber: 1001,
        path: 'title',
        code: 'invalid_row',
        message: expect.stringContaining('1000 partitions'),
        record: recipe(1000),
      },
    ]);
  });

  it('if there are more rejects than one file holds: each is in exactly one of several files', async () => {
    const store = new MemoryStore();
    const title = 'x'.repeat(400_000);
    const bad = Array.from({ length: 30 }, (_, n) => ({ title, n }));
    putRaw(store, KEY, ndjson([...bad, recipe(1)]));
    await extract(store, KEY);
    for (const part of store.keys('temp')) await transform(store, part);

    const { rejects, rejected } = receiptOf(store, 'transformation');
    expect(rejected).toEqual({ missing_field: 30 });
    expect(rejects.length).toBeGreaterThan(1);
    const keys = rejects.map(({ key }) => key);
    expect(store.keys('failed')).toEqual(keys);
    for (const { key, records, bytes } of rejects) {
      expect(rejectsIn(store, key)).toHaveLength(records);
      expect(store.body('failed', key)).toHaveLength(bytes);
    }
    const numbers = keys.flatMap((key) => rejectsIn(store, key)).map(({ recordNumber }) => recordNumber);
    expect(numbers).toEqual(bad.map((_, i) => i + 1));
  });

  it('if a version was deleted before it was read: the one before stays active, even if the dataset replaces', async () => {
    const registry = new Registry([{ ...recipes, onReject: 'replace' }]);
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([recipe(1)]));
    await extract(store, KEY, { registry });
    for (const part of store.keys('temp')) await transform(store, part, { registry });
    const parts = store.keys('temp');
    store.objects.delete(`raw/${KEY}`);
    const gone = await extract(store, KEY, { registry }, { versionId: 'v2', sequencer: '0B' });
    expect(gone).toMatchObject({ fault: { code: 'version_not_found' } });
    expect(store.keys('temp')).toEqual(parts);
    const [entry = ''] = store.keys('ledger').filter((key) => key.startsWith('heads/'));
    expect(JSON.parse(store.body('ledger', entry).toString())).toMatchObject({
      current: { versionId: 'v1' },
    });
  });
});
