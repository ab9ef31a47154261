import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseCompactedKey, parseDataKey } from '../../../domain/versions/key-layout.ts';
import { listObjects, listVersions } from '../../../store/listing.ts';
import { maintainedInDays } from '../../pipeline/maintained.ts';
import { startTestPipeline, type TestPipeline } from '../../pipeline/running-pipeline.ts';
import { tableFiles } from '../../pipeline/table-files.ts';
import { documents, sluice } from '../sluice.ts';

let pipeline: TestPipeline;

const keys = ['a', 'b', 'c'].map((name) => `recipes/${name}.ndjson`);
const recipe = (title: string) =>
  JSON.stringify({ title, ingredients: ['water'], directions: ['Boil for 10 minutes.'] });

async function run(...args: readonly string[]) {
  const ended = await sluice(pipeline.directory, args);
  expect(ended, ended.stdout + ended.stderr).toMatchObject({ status: 0 });
  return ended;
}

async function put(key: string, ...titles: readonly string[]): Promise<void> {
  const name = key.slice(key.indexOf('/') + 1);
  const path = join(pipeline.directory, name);
  writeFileSync(path, titles.map((title) => `${recipe(title)}\n`).join(''));
  await run('put', path, '--key', key, '--wait');
}

const query = async (sql: string) => {
  const { stdout } = await run('query', sql, '--json');
  return JSON.parse(stdout) as unknown[];
};

/** The files that versions have for themselves. */
async function smallFiles(): Promise<string[]> {
  const { target } = pipeline;
  const found: string[] = [];
  for await (const { Key } of listObjects(target, target.outputs.buckets.processed, 'recipes/data/'))
    if (parseDataKey(Key) !== undefined) found.push(Key);
  return found;
}

beforeAll(async () => {
  pipeline = await startTestPipeline();
  for (const key of keys) await put(key, `Soup of ${key}`, `Stew of ${key}`);
});
afterAll(() => pipeline.close());

test('compact makes one file of the small ones, of which every command knows whose rows it has', async () => {
  const planned = documents(await run('compact', '--dataset', 'recipes', '--dry-run', '--json'));
  expect(planned).toMatchObject([{ table: 'recipes', files: 3, into: 1, finished: true }]);
  expect(await tableFiles(pipeline.target, 'recipes')).toHaveLength(3);
  expect((await run('compact', '--dataset', 'recipes')).stdout).toContain('recipes');
  const [file = '', ...others] = await tableFiles(pipeline.target, 'recipes');
  expect(others).toEqual([]);
  expect(parseCompactedKey(file)).toMatchObject({ dataset: 'recipes' });
  const sources = 'select _source, count(*) as n from recipes group by 1 order by 1';
  expect(await query(sources)).toEqual(keys.map((_source) => ({ _source, n: 2 })));
  await run('reconcile');
  expect((await run('explain', keys[1] ?? '', '--record', '2')).stdout).toContain('Stew of recipes/b.ndjson');

  expect(await smallFiles()).toHaveLength(3);
  // Once no snapshot names the small files, they go, and no command misses them.
  for (const days of [10, 11]) await maintainedInDays(pipeline.target, days);
  expect(await smallFiles()).toEqual([]);
  await run('reconcile');
  const explained = await run('explain', keys[1] ?? '', '--record', '2');
  expect(explained.stdout).toContain('Stew of recipes/b.ndjson');
  expect(explained.stdout).toContain(file);

  await put(keys[0] ?? '', 'Another soup');
  expect(await query('select title from recipes order by title')).toEqual(
    ['Another soup', ...['b', 'c'].flatMap((name) => [`Soup of recipes/${name}.ndjson`])]
      .concat(['b', 'c'].map((name) => `Stew of recipes/${name}.ndjson`))
      .map((title) => ({ title })),
  );
  await run('reconcile');

  await run('compact');
  await run('erase', keys[1] ?? '', '--yes');
  expect(await query(sources)).toEqual([
    { _source: keys[0], n: 1 },
    { _source: keys[2], n: 2 },
  ]);
  await run('reconcile');
  const { target } = pipeline;
  const bucket = target.outputs.buckets.processed;
  const left: string[] = [];
  for await (const { key, deleted } of listVersions(target, bucket, 'recipes/data/compacted/'))
    if (!deleted) left.push(key);
  expect(left).toEqual(await tableFiles(target, 'recipes'));
});
