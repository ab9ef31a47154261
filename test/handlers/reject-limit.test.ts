import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { recipes } from '../../datasets/recipes.ts';
import { contradictions, summarize } from '../../domain/operations/reconciliation.ts';
import { limits } from '../../domain/records/part.ts';
import type { RejectLimit } from '../../domain/records/reject-limit.ts';
import { Registry } from '../../domain/registry.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import { type ExtractionReceipt, extractionReceipt } from '../../domain/versions/receipt.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { MemoryStore } from '../store/memory-store.ts';
import {
  dataFiles,
  extract,
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

const declare = (maxRejected: RejectLimit, onReject: 'keep' | 'replace' = 'keep') => {
  registry = new Registry([{ ...recipes, maxRejected, onReject }]);
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

  it('is judged by its share of rejects after it was read to its end, whatever comes first', async () => {
    declare({ share: 0.5 });
    const { receipt } = await extracted(ndjson([{}, 2, 3, recipe(1), recipe(2)]));
    expect(receipt).toMatchObject({
      fault: {
        code: 'too_many_rejects',
        message: expect.stringContaining('3 of its 5 records are rejected; '),
      },
      read: 5,
      rejected: { missing_field: 1, wrong_type: 2, too_many_rejects: 2 },
    });
  });

  it('is reported as such even if it breaks off', async () => {
    declare({ share: 0.1 });
    const { receipt } = await extracted(`[1, ${JSON.stringify(recipe(1))}, {"title`);
    expect(receipt.fault).toMatchObject({
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
    expect(await extract(store, KEY, { tables, registry }, event)).toMatchObject({
      result: 'failed',
      fault: { code: 'too_many_rejects' },
    });
    for (const part of store.keys('temp').filter((key) => key.includes('/v2/')))
      await transform(store, part, { registry });
    expect(dataFiles(store)).toEqual(before);
    expect(publications(store)).toHaveLength(1);
    const rows = server.rows('recipes', objectHash(KEY));
    expect(rows.map((row) => row['_sequencer'])).toEqual(['0A', '0A']);
  });

  it('loses the output of its parts that were processed before that was known', async () => {
    declare({ share: 0.5 });
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
