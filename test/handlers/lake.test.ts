import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ICEBERG } from '../../cli/lake/catalog.ts';
import { createSchemas, createViews } from '../../cli/lake/lake-views.ts';
import { recipes as recipesDataset } from '../../datasets/recipes.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { Registry } from '../../domain/registry.ts';
import { type LakeLayout, planLayouts } from '../../domain/tables/layout.ts';
import { archiveKey, csvTableKey, dataKey, versionPath } from '../../domain/versions/key-layout.ts';
import { partitionPath } from '../../domain/versions/partition-path.ts';
import { currentSchema } from '../../formats/iceberg/metadata/metadata.ts';
import { ParquetFile } from '../../formats/parquet/file.ts';
import { hiveType } from '../../lake/glue-catalog.ts';
import { recordedSchemas } from '../../lake/table-schema.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { dataFiles, metadataOf, ndjson, putRaw, recipe, runAll, tableFiles } from './flow.ts';

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
  it('reads a column that was renamed from the files of before by its id', async () => {
    const row = z.object({ id: z.int32(), size: z.int32().nullable() });
    const before: Dataset = {
      ...recipesDataset,
      name: 'things',
      source: { prefix: 'things/', format: 'json' },
      record: row,
      row,
      transform: (record) => record as never,
      key: ['id'],
      partitionBy: [],
    };
    const renamed = { width: 'size' };
    const after: Dataset = {
      ...before,
      record: z.unknown(),
      row: z.object({ id: z.int32(), width: z.int32().nullable() }),
      renamed,
    };
    const store = new MemoryStore();
    let layouts: readonly LakeLayout[] = [];
    for (const [name, dataset] of Object.entries({ before, after })) {
      layouts = planLayouts(layouts, [dataset]) ?? layouts;
      const changes = {
        registry: new Registry([dataset]),
        tableSchema: recordedSchemas(layouts),
        codeVersion: name,
      };
      const record = name === 'before' ? { id: 1, size: 7 } : { id: 2, width: 8 };
      putRaw(store, `things/${name}.ndjson`, ndjson([record]));
      await runAll(store, `things/${name}.ndjson`, changes);
    }
    const metadata = metadataOf(store, 'things');
    if (metadata === undefined) throw new Error('The table was not made.');
    const columns = currentSchema(metadata).fields.map(({ id, name, type }) => ({
      id,
      name,
      type: hiveType(type),
    }));
    const files = await tableFiles(store, 'things');
    for (const key of files) await save(key, store.body('processed', key));
    const origin = { values: [], prefix: 'things/' };
    const table = {
      name: 'things',
      format: ICEBERG,
      bucket: 'lake',
      prefix: 'things/',
      columns,
      partitionKeys: [],
      partitions: [],
    };
    await createSchemas(duckdb);
    await createViews(
      duckdb,
      table,
      after,
      files.map((key) => ({ path: join(folder, key), origin: key, partition: origin })),
    );
    expect(await query('select id, width from things order by id')).toEqual([
      { id: 1, width: 7 },
      { id: 2, width: 8 },
    ]);
  });

  it.each(['lake', 'archive'])('has the rows of the recipes, for a query engine: %s', async (which) => {
    const store = new MemoryStore();
    const recipes = [
      recipe(1),
      { ...recipe(2, 6), ingredients: ['crème 👩‍🍳', '𠮷野家'], tags: ['"a"', ''.padEnd(3, 'é')] },
      recipe(3, 13),
    ];
    putRaw(store, 'recipes/a.ndjson', ndjson(recipes));
    await runAll(store, 'recipes/a.ndjson', { now: () => Date.UTC(2026, 10, 27, 20) });
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
        _source: 'recipes/a.ndjson',
        _version: 'v1',
        _loaded_at: '2026-11-27 20:00:00+00',
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
