import { describe, expect, it } from 'vitest';
import { passengers } from '../../datasets/passengers.ts';
import { recipes } from '../../datasets/recipes.ts';
import { type Dataset, Filtered, filtered } from '../../domain/dataset.ts';
import { limits } from '../../domain/records/part.ts';
import { rejectLine } from '../../domain/records/reject.ts';
import { Registry } from '../../domain/registry.ts';
import { objectHash } from '../../domain/tables/row-identity.ts';
import type { StageContext } from '../../handlers/stages/context.ts';
import { readParquet } from '../formats/parquet-rows.ts';
import { calmMysql } from '../simulation/services/calm-mysql.ts';
import { MemoryStore, storeWith } from '../store/memory-store.ts';
import {
  commit,
  extract,
  load,
  ndjson,
  publications,
  putRaw,
  recipe,
  tableFiles,
  transform,
} from './flow.ts';

type Transform = Dataset['transform'];

/** Code with this transform. */
function code(codeVersion: string, of: Transform): Pick<StageContext, 'codeVersion' | 'registry'> {
  return { codeVersion, registry: new Registry([{ ...recipes, transform: of }]) };
}

const KEY = 'recipes/a.ndjson';
const sources = [recipe(1), recipe(2), recipe(3), recipe(4, 13)];

/** Other titles, a record filtered, one refused, one in another partition, and one in the same. */
const other: Transform = (record, origin) => {
  if (origin.recordNumber === 1) return filtered('is the first');
  if (origin.recordNumber === 2) throw new Error('is the second');
  const row = recipes.transform(record, origin);
  if (row instanceof Filtered) return row;
  const difficulty = origin.recordNumber === 3 ? 'medium' : row['difficulty'];
  return { ...row, title: String(row['title']).toUpperCase(), difficulty };
};

/** Of the rows in the lake's table, and in the archive. */
async function titles(store: MemoryStore, sink: 'processed' | 'archive'): Promise<string[]> {
  const keys = sink === 'archive' ? store.keys(sink) : await tableFiles(store);
  const rows = await Promise.all(keys.map((key) => readParquet(store.body(sink, key))));
  return rows
    .flat()
    .map((row) => String(row['title']))
    .sort();
}

async function settle(store: MemoryStore, changes: Partial<StageContext>): Promise<void> {
  for (const key of publications(store)) {
    await commit(store, key, changes);
    await load(store, key, changes);
  }
}

describe('a part that two code versions worked on, one of which died', () => {
  const outcomes = new Map<Transform, { readonly left: readonly string[]; readonly rejects: number }>([
    [recipes.transform, { left: ['Recipe 1', 'Recipe 2', 'Recipe 3', 'Recipe 4'], rejects: 0 }],
    [other, { left: ['RECIPE 3', 'RECIPE 4'], rejects: 1 }],
  ]);
  const attempts = [
    { code: 'a', first: recipes.transform, second: other },
    { code: 'b', first: other, second: recipes.transform },
  ];
  // As many calls as an attempt makes.
  const calls = Array.from({ length: 11 }, (_, i) => i + 1);
  const cases = attempts.flatMap((each) =>
    calls.flatMap((call) => [true, false].map((afterEffect) => ({ ...each, call, afterEffect }))),
  );

  it.each(cases)(
    'is one of them’s in every sink, where code $code dies at call $call (after its effect: $afterEffect)',
    async ({ first, second, call, afterEffect }) => {
      const store = new MemoryStore();
      const { server, tables } = calmMysql();
      putRaw(store, KEY, ndjson(sources));
      await extract(store, KEY);
      const [part = ''] = store.keys('temp');

      store.crash = { call: store.calls.length + call, afterEffect };
      await transform(store, part, code('one', first)).catch(() => {});
      store.crash = undefined;
      const isDone = store.keys('ledger').some((key) => key.includes('/transformation/'));
      await settle(store, { tables, ...code('one', first) });
      if (!isDone) expect([...publications(store), ...store.keys('archive')]).toEqual([]);

      await transform(store, part, { ...code('two', second), receives: 2 });
      await settle(store, { tables, ...code('two', second) });

      const { left, rejects = 0 } = outcomes.get(isDone ? first : second) ?? {};
      expect(await titles(store, 'processed')).toEqual(left);
      expect(await titles(store, 'archive')).toEqual(left);
      expect(
        server
          .rows('recipes', objectHash(KEY))
          .map((row) => row['title'])
          .sort(),
      ).toEqual(left);
      expect(store.keys('failed').filter((key) => key.startsWith('rejects/'))).toHaveLength(rejects);
    },
  );

  it('has the output of the one whose receipt is first if both live and one writes its files late', async () => {
    const store = new MemoryStore();
    const { server, tables } = calmMysql();
    putRaw(store, KEY, ndjson(sources));
    await extract(store, KEY);
    const [part = ''] = store.keys('temp');
    const isDone = Promise.withResolvers<void>();
    const late = storeWith(store, {
      write: (object) => isDone.promise.then(() => store.write(object)),
    });
    const slow = transform(store, part, { store: late, ...code('one', recipes.transform) });
    await transform(store, part, code('two', other));
    await settle(store, { tables, ...code('two', other) });
    isDone.resolve();
    await slow;
    await settle(store, { tables, ...code('two', other) });
    for (const sink of ['processed', 'archive'] as const)
      expect(await titles(store, sink)).toEqual(['RECIPE 3', 'RECIPE 4']);
    expect(server.rows('recipes', objectHash(KEY))).toHaveLength(2);
  });

  it('has the rejects of the one whose receipt is first, even if the other one rejects other records of it later', async () => {
    const refusing = (recordNumber: number): Transform => {
      return (record, origin) => {
        if (origin.recordNumber === recordNumber) throw new Error(`is number ${recordNumber}`);
        return recipes.transform(record, origin);
      };
    };
    const store = new MemoryStore();
    putRaw(store, KEY, ndjson([...sources, { title: 'no recipe' }]));
    await extract(store, KEY);
    const [part = ''] = store.keys('temp');
    const isDone = Promise.withResolvers<void>();
    const late = storeWith(store, {
      write: (object) => isDone.promise.then(() => store.write(object)),
    });
    const slow = transform(store, part, { store: late, ...code('one', refusing(1)) });
    await transform(store, part, code('two', refusing(2)));
    isDone.resolve();
    expect(await slow).toMatchObject({ result: 'duplicate' });
    const rejected = store
      .keys('failed')
      .flatMap((key) => store.body('failed', key).toString().trimEnd().split('\n'))
      .map((line) => JSON.parse(line).recordNumber);
    expect(rejected).toEqual([2, 5]);
  });
});

it('the parts of a large object have the records that their extraction has cut, whatever the format is by now', async () => {
  const key = 'passengers/large.csv';
  const store = new MemoryStore();
  const header = 'PassengerId,Survived,Pclass,Name,Sex,Age';
  const lines = Array.from({ length: 40 }, (_, n) =>
    [n + 1, 1, 3, n < 20 ? `"Last,\nFirst"` : 'Name', 'female', 30].join(),
  );
  putRaw(store, key, [header, ...lines, ''].join('\n'));
  const small = { limits: { ...limits, partRecords: 7, blockBytes: 100 } };
  await extract(store, key, small);
  const source = { ...passengers.source, format: 'csv', quote: null } as const;
  const newer = { ...small, codeVersion: 'newer', registry: new Registry([{ ...passengers, source }]) };
  const read: (number | undefined)[] = [];
  for (const part of store.keys('temp')) read.push((await transform(store, part, newer)).written);
  expect(read).toEqual([0, 0, 1, 7, 7, 5]);
  const rejected = store
    .keys('failed')
    .flatMap((each) => store.body('failed', each).toString().trimEnd().split('\n'))
    .map((line) => rejectLine.parse(JSON.parse(line)).recordNumber);
  expect(rejected.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
});
