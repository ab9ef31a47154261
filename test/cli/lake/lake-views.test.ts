import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import type { CatalogTable } from '../../../cli/lake/catalog.ts';
import type { LakeFile } from '../../../cli/lake/lake-files.ts';
import { createSchemas, createViews } from '../../../cli/lake/lake-views.ts';
import { passengers } from '../../../datasets/passengers.ts';
import { type Column, type ColumnType, storedColumns } from '../../../domain/columns.ts';
import type { Dataset, LakeFormat } from '../../../domain/dataset.ts';
import { binary, decimal, int64, timestamp } from '../../../domain/fields.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { glueTable, glueType } from '../../../domain/tables/glue.ts';
import { schemaAfter } from '../../../domain/tables/schema/schema-after.ts';
import { partitionPath } from '../../../domain/versions/partition-path.ts';
import { fieldIds } from '../../../formats/iceberg/schema/fields.ts';
import { newLakeFile, readLakeFile } from '../../../formats/lake-file.ts';
import { ParquetFile } from '../../../formats/parquet/file.ts';
import { hiveType } from '../../../lake/glue-catalog.ts';
import { flatTables, tables } from '../../formats/any-table.ts';
import { base64OfShown, comparable, readParquet, rowFromJson } from '../../formats/parquet-rows.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-views-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

test('a view of Parquet files of any types has the rows that another reader finds, in the types of the catalog', async () => {
  let tried = 0;
  const withParts = fc.tuple(tables, fc.constantFrom('plain', "o'clock", null));
  await fc.assert(
    fc.asyncProperty(withParts, async ([{ columns, rows }, part]) => {
      tried += 1;
      const numbered = rows.map((row, n) => ({ ...row, n }));
      const stored: Column[] = [...columns, { name: 'n', type: { kind: 'int32' }, nullable: false }];
      const all: Column[] = [...stored, { name: 'part', type: { kind: 'string' }, nullable: true }];
      const files = [numbered.filter(({ n }) => n % 2 === 0), numbered.filter(({ n }) => n % 2 > 0)];
      const values = [part, 'other'];
      const lakeFiles = [];
      const expected: Row[] = [];
      for (const [i, rowsOfFile] of files.entries()) {
        const file = new ParquetFile(stored, {});
        for (const row of rowsOfFile) file.add(row);
        const bytes = file.finish();
        const path = join(directory, `table-${tried}-${i}.parquet`);
        await writeFile(path, bytes);
        lakeFiles.push({
          path,
          origin: `s3://lake/t/${i}`,
          partition: {
            values: [values[i] ?? null],
            prefix: `t/${partitionPath([['part', values[i] ?? null]])}`,
          },
        });
        expected.push(
          ...(await readParquet(bytes)).map((row) => ({
            ...comparable(row, stored),
            part: values[i] ?? null,
          })),
        );
      }
      const catalogued: CatalogTable = {
        name: 't',
        format: 'parquet',
        bucket: 'lake',
        prefix: 't/',
        columns: stored.map(({ name, type }) => ({ name, type: glueType(type) })),
        partitionKeys: [{ name: 'part', type: 'string' }],
        partitions: lakeFiles.map(({ partition }) => partition),
      };
      const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
      const connection = await duckdb.connect();
      await createSchemas(connection);
      await createViews(connection, catalogued, undefined, lakeFiles);

      const read = await connection.runAndReadAll('select to_json(v)::varchar from lake.t v order by n');
      const shown = read.getRows().map(([json]) => comparable(rowFromJson(json), all, base64OfShown));
      expect(shown).toEqual(expected.sort((a, b) => Number(a['n']) - Number(b['n'])));

      const described = await connection.runAndReadAll('describe lake.t');
      const types = described.getRows().map(([name, type]) => [name, String(type)]);
      expect(types).toEqual(all.map(({ name, type }) => [name, inDuckDb(type)]));
      connection.closeSync();
      duckdb.closeSync();
    }),
    { numRuns: 60 },
  );
});

test('a view of CSV files of any types and texts has the rows that were written, like the archive and the pipeline’s own reader', async () => {
  let tried = 0;
  await fc.assert(
    fc.asyncProperty(
      flatTables,
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(1, 2, 8),
      async ({ columns, rows }, count, threads) => {
        tried += 1;
        const dataset = tabular(columns, 'csv');
        const all = storedColumns(dataset);
        const numbered = rows.map((row, n) => ({ ...row, _record: n }));
        const paths: { csv: string; parquet: string }[] = [];
        const readBack: Row[] = [];
        for (let i = 0; i < count; i += 1) {
          const csv = newLakeFile(dataset, 'csv', {});
          const parquet = newLakeFile(dataset, 'parquet', {});
          for (const row of numbered.filter(({ _record }) => _record % count === i))
            for (const file of [csv, parquet]) file.add(row);
          const path = join(directory, `flat-${tried}-${i}`);
          const bytes = csv.finish();
          await writeFile(`${path}.csv`, bytes);
          await writeFile(`${path}.parquet`, parquet.finish());
          paths.push({ csv: `${path}.csv`, parquet: `${path}.parquet` });
          for await (const batch of readLakeFile(dataset, { extension: 'csv', partitionPath: '' }, bytes))
            readBack.push(...batch);
        }
        const expected = numbered.map((row) => comparable(row, all));
        const ordered = readBack.sort((a, b) => Number(a['_record']) - Number(b['_record']));
        expect(ordered.map((row) => comparable(row, all))).toEqual(expected);
        for (const format of ['csv', 'parquet'] as const) {
          const shown = await shownOf(
            tabular(columns, format),
            paths.map((path) => path[format]),
            threads,
          );
          expect(shown.map((row) => comparable(row, all, base64OfShown))).toEqual(expected);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a view shows a line break in a field of a CSV file that is the only one of its table', async () => {
  const file = newLakeFile(passengers, 'csv', {});
  const none = { sib_sp: null, parch: null, fare: null, cabin: null, embarked: null };
  file.add({
    ...{
      _record: 1,
      passenger_id: 1,
      survived: true,
      pclass: 1,
      name: 'A\nB',
      sex: 'f',
      age: 30,
      ticket: 't',
    },
    ...none,
  });
  const path = join(directory, 'nl.csv');
  await writeFile(path, file.finish());
  expect(await shownOf(passengers, [path], 2)).toMatchObject([
    { passenger_id: '1', name: 'A\nB', ticket: 't', cabin: null },
  ]);
});

test('a view shows all rows of a CSV file that several threads could read, even if its texts look like rows', async () => {
  const dataset = tabular([{ name: 'a', type: { kind: 'string' }, nullable: false }], 'csv');
  const pieces = ['"', '""', ',', '\r\n', '\n', '\r', '1,2\r\n', '"\r\n7,a\r\n"', '\0', 'é', 'word'];
  let chance = 1;
  const below = (limit: number) => {
    chance = (chance * 1_103_515_245 + 12_345) & 0x7fffffff;
    return Math.floor((chance / 0x80000000) * limit);
  };
  const texts = Array.from({ length: 60_000 }, () =>
    Array.from({ length: below(100) }, () => pieces[below(pieces.length)]).join(''),
  );
  const file = newLakeFile(dataset, 'csv', {});
  for (const [_record, a] of texts.entries()) file.add({ _record, a });
  const path = join(directory, 'large.csv');
  await writeFile(path, file.finish());
  const rows = await ask(dataset, [path], 4, 'select a from t order by _record');
  expect(rows.length).toBe(texts.length);
  expect(rows.findIndex(([a], i) => a !== texts[i])).toBe(-1);
});

test('a view shows a CSV row that is longer than any that a record of 1 MiB becomes', async () => {
  const dataset = tabular([{ name: 'a', type: { kind: 'string' }, nullable: false }], 'csv');
  const a = '"'.repeat(4_000_000);
  const file = newLakeFile(dataset, 'csv', {});
  file.add({ _record: 1, a });
  const path = join(directory, 'long.csv');
  await writeFile(path, file.finish());
  const [[found] = []] = await ask(dataset, [path], 2, 'select a from t');
  expect(found === a).toBe(true);
});

test('a view shows CSV files that were written before a column was added, wherever it was added', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map(
    (name): Column => ({ name, type: { kind: 'string' }, nullable: true }),
  );
  if (a === undefined || b === undefined || c === undefined) throw new Error('There are three columns.');
  const paths: string[] = [];
  for (const [_record, columns] of [[a, c], [a, b, c], [c, a], [a]].entries()) {
    const file = newLakeFile(tabular(columns, 'csv'), 'csv', {});
    file.add({ _record, ...Object.fromEntries(columns.map(({ name }) => [name, `${name}\n`])) });
    const path = join(directory, `header-${_record}.csv`);
    await writeFile(path, file.finish());
    paths.push(path);
  }
  expect(await shownOf(tabular([a, b, c], 'csv'), paths, 2)).toEqual([
    { _record: '0', a: 'a\n', b: null, c: 'c\n' },
    { _record: '1', a: 'a\n', b: 'b\n', c: 'c\n' },
    { _record: '2', a: 'a\n', b: null, c: 'c\n' },
    { _record: '3', a: 'a\n', b: null, c: null },
  ]);
});

test('a view shows the values of the partition that a file was written to, even if its table is now partitioned differently', async () => {
  const dataset = { ...tabular([], 'csv'), partitionBy: ['sensor'] };
  const table: CatalogTable = {
    ...cataloguedAs(dataset),
    columns: ['_record', 'day'].map((name) => ({ name, type: 'string' })),
    partitionKeys: [{ name: 'sensor', type: 'string' }],
  };
  const files = [
    ['t/day=1/', '_record,sensor\r\n1,a\r\n'],
    ['t/sensor=b/', '_record,day\r\n2,2\r\n'],
  ].map(([prefix = '', body = ''], i) => {
    const path = join(directory, `moved-${i}.csv`);
    return { path, body, origin: `s3://lake/${path}`, partition: { prefix, values: [prefix] } };
  });
  for (const { path, body } of files) await writeFile(path, body);
  const read = await queried(table, undefined, files, 1, 'select _record, day, sensor from t order by 1');
  expect(read).toEqual([
    ['1', '1', 'a'],
    ['2', '2', 'b'],
  ]);
});

test('a view of an Iceberg table finds each column by its id in older and newer files, and a file that lacks it has none', async () => {
  const column = (name: string, type: ColumnType): Column => ({ name, type, nullable: true });
  const struct = (...fields: Column[]): ColumnType => ({ kind: 'struct', fields });
  const older = [
    column('n', { kind: 'int32' }),
    column('title', { kind: 'string' }),
    column('size', struct(column('width', { kind: 'int32' }))),
    column('gone', { kind: 'string' }),
    column('at', { kind: 'timestamp' }),
  ];
  const newer = [
    column('title', { kind: 'date' }),
    column('n', { kind: 'int64' }),
    column('name', { kind: 'string' }),
    column('size', struct(column('height', { kind: 'int32' }), column('width', { kind: 'int32' }))),
    column('at', { kind: 'timestamp' }),
  ];
  const before = schemaAfter(undefined, older);
  // As if `title` had been renamed to `name`, and another column had got the name `title`.
  const after = schemaAfter(before, newer.slice(1), { name: 'title' });
  const last = schemaAfter(after, newer);
  const rows = [
    { n: 1, title: 'Soup', size: { width: 3 }, gone: 'x', at: '2026-11-22T10:00:00.123Z' },
    { title: '2026-11-23', n: 2 ** 40, name: 'Stew', size: { height: 1, width: 2 }, at: null },
  ];
  const files = [
    new ParquetFile(older, {}, fieldIds(before.schema)),
    new ParquetFile(newer, {}, fieldIds(last.schema)),
  ].map((file, i) => {
    file.add(rows[i] as Row);
    const path = join(directory, `ids-${i}.parquet`);
    return { path, bytes: file.finish(), origin: `s3://lake/${i}`, partition: { values: [], prefix: 't/' } };
  });
  for (const { path, bytes } of files) await writeFile(path, bytes);
  const table: CatalogTable = {
    name: 't',
    format: 'iceberg',
    bucket: 'lake',
    prefix: 't/',
    columns: last.schema.fields.map(({ id, name, type }) => ({ id, name, type: hiveType(type) })),
    partitionKeys: [],
    partitions: [],
  };
  for (const order of [files, files.toReversed()])
    expect(
      await queried(table, undefined, order, 1, 'select to_json(v)::varchar from lake.t v order by n'),
    ).toEqual(
      [
        { title: null, n: 1, name: 'Soup', size: { height: null, width: 3 }, at: '2026-11-22 10:00:00.123' },
        { title: '2026-11-23', n: 2 ** 40, name: 'Stew', size: { height: 1, width: 2 }, at: null },
      ].map((row) => [JSON.stringify(row)]),
    );
});

/** A dataset of these columns, with only what its files and its table need. */
function tabular(columns: readonly Column[], processedAs: LakeFormat): Dataset {
  return { ...passengers, name: 't', row: rowOf(columns), processedAs };
}

function rowOf(columns: readonly Column[]) {
  const schemas = {
    string: z.string(),
    int32: z.int32(),
    int64: int64(),
    double: z.number(),
    boolean: z.boolean(),
    date: z.iso.date(),
    timestamp: timestamp(),
    binary: binary(),
  };
  return z.object(
    Object.fromEntries(
      columns.map(({ name, type, nullable }) => {
        const schema =
          type.kind === 'decimal'
            ? decimal(type.precision, type.scale)
            : schemas[type.kind as keyof typeof schemas];
        return [name, nullable ? schema.nullable() : schema];
      }),
    ),
  );
}

function cataloguedAs(dataset: Dataset): CatalogTable {
  const { columns, partitionKeys, format } = glueTable(dataset);
  return { name: dataset.name, format, bucket: 'lake', prefix: 't/', columns, partitionKeys, partitions: [] };
}

/** All rows of a table of these files, in the order of their records. */
async function shownOf(dataset: Dataset, paths: readonly string[], threads: number): Promise<Row[]> {
  const sql = `select to_json(v)::varchar from ${dataset.name} v order by _record`;
  return (await ask(dataset, paths, threads, sql)).map(([json]) => rowFromJson(json));
}

function ask(dataset: Dataset, paths: readonly string[], threads: number, sql: string) {
  const partition = { values: [], prefix: 't/' };
  const files = paths.map((path) => ({ path, origin: `s3://lake/${path}`, partition }));
  return queried(cataloguedAs(dataset), dataset, files, threads, sql);
}

async function queried(
  table: CatalogTable,
  dataset: Dataset | undefined,
  files: readonly LakeFile[],
  threads: number,
  sql: string,
) {
  const duckdb = await DuckDBInstance.create(':memory:', { threads: String(threads) });
  const connection = await duckdb.connect();
  try {
    await createSchemas(connection);
    await createViews(connection, table, dataset, files);
    return (await connection.runAndReadAll(sql)).getRows();
  } finally {
    connection.closeSync();
    duckdb.closeSync();
  }
}

/** A column's type as DuckDB names it. */
function inDuckDb(type: ColumnType): string {
  switch (type.kind) {
    case 'list':
      return `${inDuckDb(type.element)}[]`;
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${field.name} ${inDuckDb(field.type)}`).join(', ')})`;
    case 'map':
      return `MAP(VARCHAR, ${inDuckDb(type.value)})`;
    case 'string':
      return 'VARCHAR';
    case 'int32':
      return 'INTEGER';
    case 'int64':
      return 'BIGINT';
    case 'binary':
      return 'BLOB';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    default:
      return type.kind.toUpperCase();
  }
}
