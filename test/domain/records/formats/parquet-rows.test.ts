import fc from 'fast-check';
import type { DecodedArray, SchemaElement, SchemaTree } from 'hyparquet';
import { assembleLists } from 'hyparquet/src/assemble.js';
import { describe, expect, test } from 'vitest';
import { PageRows } from '../../../../domain/records/decoding/parquet/rows.ts';

/** The path to a column whose groups repeat so. */
const pathOf = (...repetitions: readonly SchemaElement['repetition_type'][]): SchemaTree[] =>
  (['REQUIRED', ...repetitions] as const).map((repetition) => ({
    element: { name: 'a', repetition_type: repetition ?? 'REQUIRED' },
    path: [],
    children: [],
    count: 0,
  }));
const list = pathOf('OPTIONAL', 'REPEATED', 'OPTIONAL');

/** Rows of nullable lists of nullable numbers, as a page stores them. */
function storedLists(rows: readonly (readonly (number | null)[] | null)[]) {
  const [definitionLevels, repetitionLevels, values] = [[] as number[], [] as number[], [] as number[]];
  for (const row of rows) {
    const entries = row === null || row.length === 0 ? [undefined] : row;
    entries.forEach((entry, i) => {
      repetitionLevels.push(i === 0 ? 0 : 1);
      definitionLevels.push(row === null ? 0 : entry === undefined ? 1 : entry === null ? 2 : 3);
      if (typeof entry === 'number') values.push(entry);
    });
  }
  return { values, definitionLevels, repetitionLevels };
}

function takeAll(rows: PageRows, counts: readonly number[]): unknown[] {
  const taken: unknown[] = [];
  for (let i = 0; rows.left > 0; i += 1) {
    const count = Math.min(rows.left, counts[i % counts.length] ?? 1);
    const next = rows.take(count);
    expect(next).toHaveLength(count);
    taken.push(...next);
  }
  return taken;
}

const counts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 });
const doubled = (values: DecodedArray): DecodedArray => Array.from(values, (value) => Number(value) * 2);

describe('the rows of a page', () => {
  test('are the same however many are taken at once, with lists and nulls in them', () => {
    const number = fc.option(fc.integer());
    const lists = fc.array(fc.option(fc.array(number, { maxLength: 4 })), { minLength: 1 });
    fc.assert(
      fc.property(lists, counts, (rows, each) => {
        const page = storedLists(rows);
        const { definitionLevels, repetitionLevels } = page;
        const whole = assembleLists([], definitionLevels, repetitionLevels, doubled(page.values), list);
        const taken = new PageRows(page, list, doubled);
        expect(taken.left).toBe(rows.length);
        expect(takeAll(taken, each)).toEqual(whole);
      }),
    );
  });

  test('are the same however many are taken at once, of a column without lists', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer()), { minLength: 1 }), counts, (rows, each) => {
        const values = rows.filter((row) => row !== null);
        const definitionLevels = values.length < rows.length ? rows.map((row) => (row === null ? 0 : 1)) : [];
        const taken = new PageRows(
          { values, definitionLevels, repetitionLevels: [] },
          pathOf('OPTIONAL'),
          doubled,
        );
        expect(takeAll(taken, each)).toEqual(rows.map((row) => (row === null ? null : row * 2)));
      }),
    );
  });

  test('are made when they are taken, and no sooner', () => {
    const made: DecodedArray[] = [];
    const rows = new PageRows(
      { values: BigInt64Array.of(1n, 2n, 3n), definitionLevels: [], repetitionLevels: [] },
      pathOf('REQUIRED'),
      (values) => {
        made.push(values);
        return values;
      },
    );
    expect(made).toEqual([]);
    expect(rows.take(2)).toEqual([1n, 2n]);
    expect(made).toEqual([BigInt64Array.of(1n, 2n)]);
    expect(rows.left).toBe(1);
  });
});
