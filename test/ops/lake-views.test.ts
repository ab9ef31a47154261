import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Column, ColumnType } from '../../domain/columns.ts';
import { glueType } from '../../domain/tables/glue.ts';
import type { Row } from '../../domain/transformation.ts';
import { ParquetFile } from '../../handlers/edges/parquet/file.ts';
import type { CatalogTable } from '../../ops/catalog.ts';
import { createSchemas, createViews } from '../../ops/lake-views.ts';
import { tables } from '../handlers/any-table.ts';
import { comparable, readParquet } from '../handlers/parquet-rows.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-views-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

it('shows of tables of any types what another reader finds in their files, as the types that the catalog declares', async () => {
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
          partition: { values: [values[i] ?? null], prefix: `t/${i}/` },
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
      const shown = read.getRows().map(([json]) => comparable(JSON.parse(String(json)) as Row, all));
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

it('shows of a CSV table what was written before a column was added at its end', async () => {
  const partition = { values: [], prefix: 't/' };
  const [before, after] = ['before.csv', 'after.csv'].map((name) => join(directory, name));
  await writeFile(before ?? '', '_record,a\r\n1,x\r\n');
  await writeFile(after ?? '', '_record,a,b\r\n2,y,z\r\n');
  const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await duckdb.connect();
  await createSchemas(connection);
  const columns = ['_record', 'a', 'b'].map((name) => ({ name, type: 'string' }));
  const table = {
    name: 't',
    format: 'csv',
    bucket: 'lake',
    prefix: 't/',
    columns,
    partitionKeys: [],
    partitions: [],
  };
  const files = [before, after].map((path = '') => ({ path, origin: `s3://lake/${path}`, partition }));
  await createViews(connection, table, undefined, files);
  const read = await connection.runAndReadAll('select * from t order by _record');
  expect(read.getRows()).toEqual([
    ['1', 'x', null],
    ['2', 'y', 'z'],
  ]);
  connection.closeSync();
  duckdb.closeSync();
});

/** A column's type in DuckDB's words. */
function inDuckDb(type: ColumnType): string {
  switch (type.kind) {
    case 'list':
      return `${inDuckDb(type.element)}[]`;
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${field.name} ${inDuckDb(field.type)}`).join(', ')})`;
    case 'string':
      return 'VARCHAR';
    case 'int32':
      return 'INTEGER';
    case 'int64':
      return 'BIGINT';
    default:
      return type.kind.toUpperCase();
  }
}
