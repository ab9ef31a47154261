// @module-tag mysql
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { loadDuckDb } from '../../cli/lake/lake.ts';
import { datasets, registry } from '../../datasets/index.ts';
import { storedColumns, tableColumns } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { longOf } from '../../domain/long.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { csvTableKey } from '../../domain/versions/key-layout.ts';
import { newLakeFile } from '../../formats/lake-file.ts';
import { openMysql } from '../../mysql/connection.ts';
import { MysqlTableStore } from '../../mysql/mysql-table-store.ts';
import { base64OfShown } from '../formats/parquet-rows.ts';
import { type MysqlServer, startMysqlServer } from '../mysql/mysql-server.ts';
import { createTables, emptyTables, numbered, storedRows, thing, things } from '../mysql/tables.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { dataFiles, ndjson, putRaw, runAll, tableFiles } from './flow.ts';

// Each sink is read by its own program, and none of them is ours: the lake and the archive by DuckDB, the
// tables by mysql2.
let server: MysqlServer;
let look: Connection;
let tables: MysqlTableStore;
let duckdb: DuckDBConnection;
let folder: string;
const all = [...datasets, things];

beforeAll(async () => {
  server = await startMysqlServer();
  look = await openMysql({ url: server.url });
  await createTables(look, all);
  tables = new MysqlTableStore(() => openMysql({ url: server.url }));
  const { DuckDBInstance } = await loadDuckDb();
  duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  await duckdb.run("set timezone = 'UTC'");
});

afterAll(async () => {
  duckdb.closeSync();
  await tables.close();
  await look.end();
  await server.close();
});

beforeEach(async () => {
  await emptyTables(look, all);
  folder = await mkdtemp(join(tmpdir(), 'sluice-sinks-'));
  return () => rm(folder, { recursive: true });
});

const nasties = [
  "'; drop table passengers; -- ",
  '"; drop table recipes; --',
  '𝄞🍲👩‍🍳 食譜 Öl',
  "o'clock, \\' and \\\\",
  '\uFEFFmark',
  'two\nlines, and\r\nthree',
  '  spaces  ',
  'NULL',
  '0001-01-01',
  '%_\t;|',
  'é'.repeat(300),
];

it('recipes are the same in MySQL, in the lake and in the archive, with every element of their lists', async () => {
  const recipes = Array.from({ length: 400 }, (_, n) => {
    const text = nasties[n % nasties.length] ?? '';
    const texts = (count: number) => Array.from({ length: count }, (_, i) => `${text} ${n}.${i}`);
    return {
      title: `${text} ${n}`,
      ingredients: texts(1 + (n % 7)),
      directions: [...texts(1 + (n % 13)), `Stir for ${n % 90} minutes.`],
      ...(n % 3 > 0 && { tags: n % 3 === 1 ? [] : [text, text] }),
    };
  });
  const key = 'recipes/nasty.ndjson';
  const { mysql, lake, archive } = await sinksOf(key, ndjson(recipes));
  expect(
    mysql.map(({ title, ingredients, directions, tags }) => [title, ingredients, directions, tags]),
  ).toEqual(
    recipes.map(({ title, ingredients, directions, tags = [] }) => [title, ingredients, directions, tags]),
  );
  expect(lake).toEqual(mysql);
  expect(archive).toEqual(mysql);
});

it('passengers are the same in MySQL, in the lake as CSV and in the archive as Parquet', async () => {
  const header = ['PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked'];
  const numbers = ['0.42', '22', '512.3292', '0.1', '1234567.125', '1e-7'];
  const expected: unknown[] = [];
  const lines = Array.from({ length: 400 }, (_, n) => {
    const text = nasties[n % nasties.length] ?? '';
    const quoted = `"${text.replaceAll('"', '""')}"`;
    const optional = n % 4 === 0 ? '' : quoted;
    const number = numbers[n % numbers.length] ?? '';
    expected.push([n, text, Number(number), optional === '' ? null : text]);
    return [n, 1, 1, quoted, quoted, number, '', 2, optional, n % 2 ? number : '', optional, optional].join();
  });
  const { mysql, lake, archive } = await sinksOf('passengers/nasty.csv', [...header, ...lines].join('\r\n'));
  expect(mysql.map(({ passenger_id, name, age, ticket }) => [passenger_id, name, age, ticket])).toEqual(
    expected,
  );
  expect(lake).toEqual(mysql);
  expect(archive).toEqual(mysql);
});

it('values of every type are the same in MySQL and in Parquet', async () => {
  const rows = numbered(
    thing('nothing'),
    thing('empty', { note: '', marks: [], place: { x: 0, y: 0 } }),
    ...['0001-01-01', '1582-10-10', '1969-12-31', '2024-02-29', '9999-12-31'].map((day, i) =>
      thing(day, { day, at: `${day}T23:59:59.${i}99999Z`, fresh: i % 2 === 0 }),
    ),
    ...[0.1, -1e300, 5e-324, Number.MAX_VALUE, 1 / 3].map((ratio) => thing(`${ratio}`, { ratio })),
    ...[2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n].map((id64) => thing(`${id64}`, { id64 })),
    ...['9999999.99', '-9999999.99', '-0.01', '0.00'].map((price) => thing(price, { price })),
    ...[`-${'9'.repeat(28)}.${'9'.repeat(10)}`, '0.0000000001'].map((total) => thing(total, { total })),
    ...['', 'AA==', '//4=', 'XG4nIg=='].map((bytes) => thing('bytes', { bytes })),
    ...nasties.map((text) =>
      thing('text', {
        note: text,
        small: -(2 ** 31),
        large: Number.MIN_SAFE_INTEGER,
        words: [text, ''],
        marks: [1, null, 2 ** 31 - 1],
        sizes: [
          { name: text, width: 0.5 },
          { name: '', width: null },
        ],
        place: { x: 1.5, y: -2 },
        sums: ['-0.01', '9999999999999999.99'],
      }),
    ),
  );
  const key = 'things/all';
  const loaded = await tables.load({ dataset: things, key, sequencer: '01', versionId: 'v1', rows });
  expect(loaded).toMatchObject({ written: rows.length });
  const file = newLakeFile(things, 'parquet', {});
  for (const { record, row } of rows) file.add({ ...row, _record: record });
  await save('kind=plain/all.parquet', file.finish());
  expect(await read(things, folder, 'parquet')).toEqual(await inMysql(things, key));
});

/** The rows of an object in each sink, once it has gone through all stages. */
async function sinksOf(key: string, body: string): Promise<Record<'mysql' | 'lake' | 'archive', Row[]>> {
  const [name = ''] = key.split('/');
  const dataset = registry.named(name);
  if (dataset === undefined) throw new Error(`There is no dataset ${name}.`);
  const store = new MemoryStore();
  putRaw(store, key, body);
  await runAll(store, key, { tables });
  const format = dataset.processedAs ?? 'parquet';
  const shown = format === 'csv' ? dataFiles(store).map(csvTableKey) : await tableFiles(store, name);
  for (const file of shown) await save(join('lake', file), store.body('processed', file));
  for (const file of store.keys('archive')) await save(join('archive', file), store.body('archive', file));
  return {
    mysql: await inMysql(dataset, key),
    lake: await read(dataset, join(folder, 'lake', name), format),
    archive: await read(dataset, join(folder, 'archive', name), 'parquet'),
  };
}

async function inMysql(dataset: Dataset, key: string): Promise<Row[]> {
  return (await storedRows(look, dataset, key)).map(({ record, row }) => ({ _record: record, ...row }));
}

async function save(path: string, body: Uint8Array): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, body);
}

/** The types of the columns of CSV, which says nothing of them. */
const types: Readonly<Record<string, string>> = {
  int32: 'integer',
  int64: 'bigint',
  double: 'double',
  boolean: 'boolean',
};

/** All rows of the files in a directory, as DuckDB finds them, in the order of their records. */
async function read(dataset: Dataset, directory: string, format: 'parquet' | 'csv'): Promise<Row[]> {
  const files = `'${directory}/**/*.${format}'`;
  const columns = storedColumns(dataset).map(
    ({ name, type }) => `'${name}': '${types[type.kind] ?? 'varchar'}'`,
  );
  const from =
    format === 'parquet'
      ? `read_parquet(${files}, hive_partitioning = true, hive_types_autocast = false)`
      : `read_csv(${files}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', ` +
        `new_line = '\\r\\n', nullstr = '', allow_quoted_nulls = false, columns = {${columns.join()}})`;
  const answer = await duckdb.runAndReadAll(`select * from ${from} order by _record`);
  return answer.getRowObjectsJson().map((row) => {
    // MySQL names the object otherwise.
    const { _source, _version, _loaded_at, ...plain }: Record<string, unknown> = row;
    for (const { name, type } of tableColumns(dataset)) {
      if (!(name in plain)) continue;
      const value = row[name] ?? null;
      if (value !== null && type.kind === 'int64') plain[name] = longOf(BigInt(String(value)));
      if (value !== null && type.kind === 'timestamp') {
        const [seconds, fraction = ''] = String(value).replace(' ', 'T').replace(/\+00$/, '').split('.');
        plain[name] = `${seconds}.${fraction.padEnd(6, '0')}Z`;
      }
      if (value !== null && type.kind === 'binary') plain[name] = base64OfShown(String(value));
    }
    return plain;
  });
}
