import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveKey, csvTableKey, dataKey, versionPath } from '../../domain/versions/key-layout.ts';
import { partitionPath } from '../../domain/versions/partition-path.ts';
import { ParquetFile } from '../../formats/parquet/file.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { dataFiles, ndjson, putRaw, recipe, runAll, tableFiles } from './flow.ts';

let folder: string;
let duckdb: DuckDBConnection;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-lake-'));
  duckdb = await (await DuckDBInstance.create(':memory:')).connect();
});

afterAll(async () => {
  duckdb.closeSync();
  await rm(folder, { recursive: true });
});

async function save(key: string, body: Uint8Array): Promise<void> {
  const file = join(folder, key);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, body);
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  return (await duckdb.runAndReadAll(sql)).getRowObjectsJson();
}

const archive = (dataset: string): string =>
  `read_parquet('${folder}/archive/${dataset}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)`;

describe('the lake', () => {
  it.each(['lake', 'archive'])('has the rows of the recipes, for a query engine: %s', async (which) => {
    const store = new MemoryStore();
    const recipes = [
      recipe(1),
      { ...recipe(2, 6), ingredients: ['crème 👩‍🍳', '𠮷野家'], tags: ['"a"', ''.padEnd(3, 'é')] },
      recipe(3, 13),
    ];
    putRaw(store, 'recipes/a.ndjson', ndjson(recipes));
    await runAll(store, 'recipes/a.ndjson');
    for (const key of store.keys('archive')) await save(`archive/${key}`, store.body('archive', key));
    const files = await tableFiles(store);
    for (const key of files) await save(key, store.body('processed', key));
    const shown = `read_parquet([${files.map((key) => `'${folder}/${key}'`).join()}], hive_partitioning = false)`;

    expect(
      await query(
        `select * exclude (recipe_id, _record) from ${which === 'lake' ? shown : archive('recipes')} order by title`,
      ),
    ).toEqual(
      recipes.map(({ title, ingredients, directions, ...rest }, i) => ({
        title,
        ingredients,
        directions,
        tags: 'tags' in rest ? rest.tags : [],
        complexity_score: [1.4, 4.4, 8.6][i],
        time_estimate_s: [60, 720, 2340][i],
        difficulty: ['easy', 'medium', 'hard'][i],
      })),
    );
  });

  it('has the accepted passengers as CSV, with their record numbers', async () => {
    const store = new MemoryStore();
    const header = 'PassengerId,Survived,Pclass,Name,Sex,Age,Cabin';
    const lines = [
      '1,0,3,"Braund, Mr.",male,22,',
      '2,1,1,"Cumings,\nMrs. ""Florence""",female,38,C85',
      '3,1,3,No age,female,,',
    ];
    putRaw(store, 'passengers/titanic.csv', [header, ...lines, ''].join('\r\n'));
    await runAll(store, 'passengers/titanic.csv');
    const [data = ''] = dataFiles(store);
    const key = csvTableKey(data);
    expect(store.keys('processed').sort()).toEqual([data, key].sort());
    expect(key).toMatch(/^passengers\/table\/part-00000~.*\.csv$/);
    expect(Buffer.from(store.body('processed', key)).toString()).toBe(
      '_record,passenger_id,survived,pclass,name,sex,age,sib_sp,parch,ticket,fare,cabin,embarked\r\n' +
        '2,2,true,1,"Cumings,\nMrs. ""Florence""",female,38,,,,,C85,\r\n',
    );
  });

  it('has its archive partitioned by any text so that other readers of Hive partitions understand it', async () => {
    const values = [
      'plain',
      'a/b',
      'a=b',
      '50 %',
      'crème brûlée',
      '𠮷 👩‍🍳',
      "o'clock",
      'a:b',
      'tab\there',
      '..',
      '%2F',
      null,
    ];
    for (const [n, value] of values.entries()) {
      const file = new ParquetFile([{ name: 'n', type: { kind: 'int32' }, nullable: false }], {});
      file.add({ n });
      const path = versionPath({ dataset: 'labels', key: `labels/${n}`, versionId: 'v' });
      const name = { codeVersion: 'c', extension: 'parquet' };
      const key = archiveKey(dataKey(path, 0, partitionPath([['label', value]]), name));
      await save(`archive/${key}`, file.finish());
    }
    expect(await query(`select n, label from ${archive('labels')} order by n`)).toEqual(
      values.map((label, n) => ({ n, label })),
    );
  });
});
