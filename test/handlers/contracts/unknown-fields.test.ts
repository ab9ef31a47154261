import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import type { Dataset } from '../../../domain/dataset.ts';
import { added, unknownText } from '../../../domain/records/contracts/unknown-tally.ts';
import { limits } from '../../../domain/records/part.ts';
import { Registry } from '../../../domain/registry.ts';
import { transformationReceipt } from '../../../domain/versions/receipt.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { extract, headsOf, ndjson, putRaw, recipe, transform } from '../flow.ts';

const KEY = 'recipes/a.ndjson';

/** Takes records through extraction and transformation. */
async function done(records: readonly unknown[], unknown?: Dataset['unknown'], partRecords = 2) {
  const store = new MemoryStore();
  putRaw(store, KEY, ndjson(records));
  const registry = new Registry([{ ...recipes, ...(unknown && { unknown }) }]);
  const options = { registry, limits: { ...limits, partRecords } };
  await extract(store, KEY, options);
  const outcomes = [];
  for (const part of store.keys('temp')) outcomes.push(await transform(store, part, options));
  const receipts = store
    .keys('ledger')
    .filter((key) => key.includes('/transformation/'))
    .map((key) => transformationReceipt.parse(JSON.parse(store.body('ledger', key).toString())));
  return { store, outcomes, receipts };
}

describe('fields that the dataset does not name', () => {
  it('are counted by name in the receipt of each part, and as a number in its outcome', async () => {
    const { receipts, outcomes } = await done([
      { ...recipe(1), colour: 'red', size: 1 },
      { ...recipe(2), colour: 'blue' },
      recipe(3),
    ]);
    expect(receipts.map(({ unknown }) => unknown)).toEqual([
      {
        fields: [
          { field: 'colour', records: 2 },
          { field: 'size', records: 1 },
        ],
        others: 0,
      },
      undefined,
    ]);
    expect(outcomes.map(({ unknown }) => unknown)).toEqual([3, undefined]);
  });

  it('cost no more than 50 names of 101 characters, whatever names the records have', async () => {
    const names = ['__proto__', 'constructor', '\u001b]0;owned\u0007', 'x'.repeat(5000)];
    const hostile = names.map((name) => JSON.parse(`{${JSON.stringify(name)}:1}`) as object);
    const many = Array.from({ length: 70 }, (_, i) => ({ [`field${i}`]: 1 }));
    const [first, ...rest] = [...hostile, ...many].map((each, i) =>
      Object.defineProperties({ ...recipe(i) }, Object.getOwnPropertyDescriptors(each)),
    );
    const { receipts } = await done([first, ...rest], undefined, 1000);
    const unknown = receipts[0]?.unknown;
    expect(unknown?.fields).toHaveLength(50);
    expect(unknown?.others).toBe(24);
    expect(unknown?.fields.slice(0, 2).map(({ field }) => field)).toEqual(['__proto__', 'constructor']);
    expect(Math.max(...(unknown?.fields ?? []).map(({ field }) => field.length))).toBe(101);
    const [one, other] = [unknown, unknown].map((each) => each ?? { fields: [], others: 0 });
    const sum = added(one ?? { fields: [], others: 0 }, other ?? { fields: [], others: 0 });
    expect(sum.fields.slice(0, 1)).toEqual([{ field: '__proto__', records: 2 }]);
    expect(sum.others).toBe(48);
    expect(unknownText(sum)).toContain('__proto__ 2, constructor 2, ');
    expect(unknownText(sum)).toMatch(/, and 138 of other names$/);
  });

  it('reject their records, if the dataset says so', async () => {
    const { receipts, store } = await done([{ ...recipe(1), colour: 'red' }, recipe(2)], 'reject');
    expect(receipts[0]).toMatchObject({
      ...{ read: 2, written: 1, rejected: { unknown_field: 1 } },
      unknown: { fields: [{ field: 'colour', records: 1 }] },
    });
    const [file = ''] = store.keys('failed').filter((key) => key.startsWith('rejects/'));
    expect(JSON.parse(store.body('failed', file).toString())).toMatchObject({
      ...{ recordNumber: 1, path: 'colour', code: 'unknown_field' },
      record: { colour: 'red' },
    });
    expect(headsOf(store)[0]?.current).toBeDefined();
  });
});
