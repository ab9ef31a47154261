import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { registry } from '../../datasets/index.ts';
import { recipes } from '../../datasets/recipes.ts';
import { type Column, withOrigin } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { partitionPath } from '../../domain/versions/partition-path.ts';
import { CsvFile } from '../../formats/csv/file.ts';
import { readCsvRows } from '../../formats/csv/read.ts';
import { newLakeFile, readLakeFile } from '../../formats/lake-file.ts';
import { ParquetFile } from '../../formats/parquet/file.ts';
import { readParquetRows } from '../../formats/parquet/read.ts';
import { flatTables, tables } from './any-table.ts';

function csvOf(columns: readonly Column[], rows: readonly Row[]): Uint8Array {
  const file = new CsvFile(columns);
  for (const row of rows) file.add(row);
  expect(file.rows).toBe(rows.length);
  return file.finish();
}

function parquetOf(columns: readonly Column[], rows: readonly Row[]): Uint8Array {
  const file = new ParquetFile(columns, {});
  for (const row of rows) file.add(row);
  return file.finish();
}

const text: Column = { name: 'text', type: { kind: 'string' }, nullable: true };
const number: Column = { name: 'number', type: { kind: 'int32' }, nullable: false };

/** Written by an earlier release: int64 with the annotation TIMESTAMP_MILLIS alone. */
const inMilliseconds = Buffer.from(
  [
    'UEFSMRUAFRwVLiwVBBUAFQYVBgAAKLUv/SAOcQAAAgAAAAMBe27gHKIBAAAVABUoFTosFQQVABUGFQYAACi1L/0gFKEAAAIAAAAE',
    'AAIAAAADAf//////////FQIZXEgGc2NoZW1hFQQAFQQlAhgBdCUSADUAGAFkFQIVBkw8AAAANQQYBGxpc3QVAgAVBCUAGAdlbGVt',
    'ZW50JRIAFgQZHBksJggcFQQZJQAGGRgBdBUMFgQWPhZQJgg8NgIoCHtu4ByiAQAAGAh7buAcogEAAAAAACZYHBUEGSUABhk4AWQE',
    'bGlzdAdlbGVtZW50FQwWBBZKFlwmWDw2AigI//////////8YCP//////////AAAAFogBFgQmCBasAQAZDBgGc2x1aWNlGSwcAAAc',
    'AAAA1QAAAFBBUjE=',
  ].join(''),
  'base64',
);

describe('a CSV file of the lake', () => {
  it('returns every row unchanged', () => {
    fc.assert(
      fc.property(flatTables, ({ columns, rows }) => {
        expect([...readCsvRows(columns, csvOf(columns, rows))].flat()).toEqual(rows);
      }),
      { numRuns: 300 },
    );
  });

  it('follows RFC 4180, so that another parser finds the same fields', () => {
    fc.assert(
      fc.property(flatTables, ({ columns, rows }) => {
        const content = Buffer.from(csvOf(columns, rows)).toString();
        const { data, errors } = Papa.parse<string[]>(content, { delimiter: ',', newline: '\r\n' });
        expect(errors).toEqual([]);
        const strings = columns.flatMap(({ type }, i) => (type.kind === 'string' ? [i] : []));
        // A lone empty field and the end of the file look alike to it.
        const found = data.slice(1, -1).map((fields) => strings.map((i) => fields[i]));
        expect(found).toEqual(rows.map((row) => strings.map((i) => row[`c${i}`] ?? '')));
      }),
      { numRuns: 100 },
    );
  });

  it('writes any text as UTF-8, in quotes exactly where it must be', () => {
    const units = fc.array(fc.oneof(fc.nat(0xffff), fc.constantFrom(...',"\r\na+é€𝒳')));
    const texts = units.map((all) =>
      all.map((each) => (typeof each === 'string' ? each : String.fromCharCode(each))).join(''),
    );
    fc.assert(
      fc.property(texts, (value) => {
        const isQuoted = value === '' || /[",\r\n]/.test(value);
        const field = isQuoted ? `"${value.replaceAll('"', '""')}"` : value;
        const bytes = csvOf([text, number], [{ text: value, number: 1 }]);
        expect(Buffer.from(bytes)).toEqual(Buffer.from(`text,number\r\n${field},1\r\n`));
      }),
      { numRuns: 2000 },
    );
  });

  it('distinguishes empty text from NULL, and leaves formulas unchanged', () => {
    const rows = ['', null, ' ', '=1+1', '"', 'a,b', '\r\n'].map((value, i) => ({ text: value, number: i }));
    expect(Buffer.from(csvOf([text, number], rows)).toString()).toBe(
      'text,number\r\n"",0\r\n,1\r\n ,2\r\n=1+1,3\r\n"""",4\r\n"a,b",5\r\n"\r\n",6\r\n',
    );
  });

  it('is read by DuckDB with the same values', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-csv-'));
    const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await duckdb.connect();
    const columns: Column[] = [text, number];
    const values = [
      '',
      null,
      ' a ',
      '"',
      '""',
      'a,b',
      '\r\n',
      '\r',
      '\n',
      '\\',
      '\\"',
      "'",
      '👩‍🍳',
      '"'.repeat(1024 ** 2),
    ];
    const rows = values.map((value, i) => ({ text: value, number: i }));
    const path = join(directory, 'file.csv');
    await writeFile(path, csvOf(columns, rows));
    const found = await connection.runAndReadAll(
      `select * from read_csv('${path}', auto_detect = false, header = true, new_line = '\\r\\n', quote = '"', escape = '"',
        nullstr = '', allow_quoted_nulls = false, max_line_size = 4194304, columns = {text: 'varchar', number: 'integer'})`,
    );
    expect(found.getRowObjects()).toEqual(rows);
    connection.closeSync();
    duckdb.closeSync();
    await rm(directory, { recursive: true });
  });

  it.each([
    ['a NULL that must not be', { text: 'a', number: null }],
    ['text for a number', { text: 'a', number: '1' }],
    ['no number', { text: 'a', number: Number.NaN }],
  ])('refuses %s', (_, row) => {
    expect(() => csvOf([text, number], [row])).toThrow(TypeError);
  });

  it.each([
    ['a column that lacks', 'text\r\na\r\n'],
    ['a row that is too short', 'text,number\r\na\r\n'],
    ['an open quote', 'text,number\r\n"a,1\r\n'],
    ['a record that breaks off', 'text,number\r\na,1'],
    ['something behind a quote', 'text,number\r\n"a"b,1\r\n'],
    ['another line ending', 'text,number\r\na\rb,1\r\n'],
    ['text for a number', 'text,number\r\na,b\r\n'],
    ['nothing for a number', 'text,number\r\na,\r\n'],
  ])('with %s is not one of ours', (_, content) => {
    expect(() => [...readCsvRows([text, number], Buffer.from(content))]).toThrow(Error);
  });

  it('from before a column was added has NULL in it', () => {
    const rows = [...readCsvRows([text, number], csvOf([number], [{ number: 1 }]))].flat();
    expect(rows).toEqual([{ text: null, number: 1 }]);
  });
});

describe('a Parquet file of the lake', () => {
  it('returns every row unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(tables, async ({ columns, rows }) => {
        const batches = await Array.fromAsync(readParquetRows(columns, parquetOf(columns, rows)));
        expect(batches.flat()).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });

  it('is read a row group at a time', async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => ({ number: i }));
    const batches = await Array.fromAsync(readParquetRows([number], parquetOf([number], rows)));
    expect(batches.map(({ length }) => length)).toEqual([50_000, 10_000]);
    expect(batches.flat()).toEqual(rows);
  });

  it('from before a column was added has NULL in it, and is refused if the column is required', async () => {
    const fileOf = (column: Column) => parquetOf([column], [{ [column.name]: 1 }]);
    expect(await Array.fromAsync(readParquetRows([text, number], fileOf(number)))).toEqual([
      [{ text: null, number: 1 }],
    ]);
    const other: Column = { ...number, name: 'other' };
    await expect(Array.fromAsync(readParquetRows([number], fileOf(other)))).rejects.toThrow(
      'no column number',
    );
  });

  it('from when instants were in milliseconds has the same instants', async () => {
    const timestamp = { kind: 'timestamp' } as const;
    const columns: Column[] = [
      { name: 't', type: timestamp, nullable: true },
      { name: 'd', type: { kind: 'list', element: timestamp, nullable: false }, nullable: false },
    ];
    expect(await Array.fromAsync(readParquetRows(columns, inMilliseconds))).toEqual([
      [
        { t: '2026-11-27T12:00:00.123000Z', d: ['1969-12-31T23:59:59.999000Z'] },
        { t: null, d: [] },
      ],
    ]);
  });

  it('that is not Parquet is refused', async () => {
    await expect(Array.fromAsync(readParquetRows([number], Buffer.from('PAR1')))).rejects.toThrow();
  });
});

describe('a file of the lake', () => {
  const values = {
    passengers: {
      passenger_id: 2,
      survived: true,
      pclass: 1,
      name: 'Cumings, "Mrs."\nJohn',
      sex: 'female',
      age: 0.42,
      sib_sp: 1,
      parch: null,
      ticket: '',
      fare: 71.2833,
      cabin: null,
      embarked: 'C',
      _record: 7,
    },
    recipes: {
      recipe_id: 'a',
      title: 'Soup',
      ingredients: ['water'],
      directions: [],
      tags: ['', '👩‍🍳'],
      complexity_score: 0.4,
      difficulty: 'easy',
      time_estimate_s: 300,
      _record: 7,
    },
  };

  it.each([
    ['passengers', 'csv', ''],
    ['passengers', 'parquet', ''],
    ['recipes', 'parquet', 'difficulty=easy/'],
  ] as const)(
    'of %s as %s has the columns of the dataset and its record number, and the archive gives the same',
    async (name, format, path) => {
      const dataset = registry.named(name);
      if (dataset === undefined) throw new Error(`There is no dataset ${name}.`);
      const read = (extension: string, bytes: Uint8Array) =>
        Array.fromAsync(readLakeFile(dataset, { extension, partitionPath: path }, bytes));
      const file = newLakeFile(dataset, format, {});
      const origin = { key: `${name}/a`, versionId: 'v1!0001', loadedAt: '2026-11-27T20:00:00.123000Z' };
      file.add(withOrigin(values[name], origin, 7));
      const batches = await read(format, file.finish());
      expect(batches).toEqual([[values[name]]]);

      const archive = newLakeFile(dataset, 'parquet', {});
      for (const row of batches.flat()) archive.add(row);
      expect(await read('parquet', archive.finish())).toEqual(batches);
    },
  );

  it.each([
    [['difficulty'], 'title=Soup/', 'title does not partition recipes'],
    [[], 'difficulty=easy/', 'difficulty does not partition recipes'],
    [['difficulty'], '', 'difficulty partitions recipes'],
  ] as const)('is refused if code made it that partitions otherwise: %j, %j', async (by, path, why) => {
    const file = newLakeFile(recipes, 'parquet', {});
    file.add(withOrigin(values.recipes, { key: 'recipes/a', versionId: 'v1' }, 7));
    const dataset = { ...recipes, partitionBy: by };
    const read = Array.fromAsync(
      readLakeFile(dataset, { extension: 'parquet', partitionPath: path }, file.finish()),
    );
    await expect(read).rejects.toThrow(why);
  });

  it('has the values of its partition, in their types', async () => {
    const row = z.object({ id: z.int32(), at: z.iso.datetime().nullable(), n: z.number() });
    const dataset = {
      ...recipes,
      name: 'events',
      row,
      partitionBy: ['at', 'n'],
      processedAs: 'csv' as const,
    };
    for (const at of ['2026-01-01T00:00:00.000000Z', null]) {
      const file = newLakeFile(dataset, 'csv', {});
      file.add({ id: 1, at, n: 1.5, _record: 3 });
      const path = partitionPath([
        ['at', at],
        ['n', '1.5'],
      ]);
      const rows = await Array.fromAsync(
        readLakeFile(dataset, { extension: 'csv', partitionPath: path }, file.finish()),
      );
      expect(rows).toEqual([[{ id: 1, at, n: 1.5, _record: 3 }]]);
    }
  });
});
