import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Column } from '../../domain/columns.ts';
import { instantText, microsecondsOf } from '../../domain/instant.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { ParquetFile } from '../../formats/parquet/file.ts';
import { listOf, tables } from './any-table.ts';
import {
  arrayBufferOf,
  base64OfShown,
  comparable,
  microseconds,
  readParquet,
  rowFromJson,
} from './parquet-rows.ts';

describe('a Parquet file', () => {
  it('has the rows of any table, of any types and depth, for another reader', async () => {
    await fc.assert(
      fc.asyncProperty(tables, async ({ columns, rows }) => {
        const read = await readParquet(fileOf(columns, rows));
        expect(read.map((row) => comparable(row, columns))).toEqual(
          rows.map((row) => comparable(row, columns)),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('keeps its rows over many pages and row groups', async () => {
    const columns: Column[] = [
      { name: 'n', type: { kind: 'int32' }, nullable: false },
      { name: 'texts', type: listOf({ kind: 'string' }), nullable: true },
    ];
    const rows = Array.from({ length: 60_000 }, (_, n) => ({
      n,
      texts: n % 7 === 0 ? null : Array.from({ length: n % 5 }, (_, i) => `the ${i}th text of row ${n}`),
    }));
    const file = fileOf(columns, rows);
    expect(parquetMetadata(arrayBufferOf(file)).row_groups).toHaveLength(2);
    expect(await readParquet(file)).toEqual(rows);
  });

  it('names its source and the ranges of its numbers in its footer', () => {
    const columns: Column[] = [{ name: 'score', type: { kind: 'double' }, nullable: true }];
    const file = fileOf(columns, [{ score: 2.5 }, { score: null }, { score: -0 }], { 'source-key': 'a/b' });
    const { key_value_metadata, row_groups, num_rows } = parquetMetadata(arrayBufferOf(file));
    expect(key_value_metadata).toEqual([{ key: 'source-key', value: 'a/b' }]);
    expect(num_rows).toBe(3n);
    expect(row_groups[0]?.columns[0]?.meta_data?.statistics).toMatchObject({
      min_value: -0,
      max_value: 2.5,
      null_count: 1n,
    });
  });

  it('has instants in microseconds of UTC, the very first and last among them', async () => {
    const columns: Column[] = [{ name: 't', type: { kind: 'timestamp' }, nullable: false }];
    const rows = [
      '0000-01-01T00:00:00.000001Z',
      '1969-12-31T23:59:59.999999Z',
      '2255-06-05T23:47:34.740993Z',
      '9999-12-31T23:59:59.999999Z',
    ];
    const file = fileOf(
      columns,
      rows.map((t) => ({ t })),
    );
    const { schema, row_groups } = parquetMetadata(arrayBufferOf(file));
    expect(schema[1]).toMatchObject({
      type: 'INT64',
      converted_type: 'TIMESTAMP_MICROS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    });
    expect(row_groups[0]?.columns[0]?.meta_data?.statistics?.max_value).toEqual(new Date(rows[3] as string));
    expect((await readParquet(file)).map(({ t }) => t)).toEqual(rows.map(microseconds));
  });

  it('gives the ids of columns, elements and fields to readers', () => {
    const columns: Column[] = [
      { name: 'n', type: { kind: 'int32' }, nullable: false },
      { name: 'texts', type: listOf({ kind: 'string' }), nullable: true },
      {
        name: 'size',
        type: { kind: 'struct', fields: [{ name: 'n', type: { kind: 'double' }, nullable: true }] },
        nullable: false,
      },
    ];
    const ids = {
      n: { id: 1, inner: {} },
      texts: { id: 7, inner: { element: { id: 8, inner: {} } } },
      size: { id: 3, inner: { n: { id: 200, inner: {} } } },
    };
    const { schema } = parquetMetadata(arrayBufferOf(new ParquetFile(columns, {}, ids).finish()));
    expect(schema.map(({ name, field_id }) => [name, field_id])).toEqual([
      ['schema', undefined],
      ['n', 1],
      ['texts', 7],
      ['list', undefined],
      ['element', 8],
      ['size', 3],
      ['n', 200],
    ]);
  });

  it('has each text of a column of runs once, and its range whole, for another reader', async () => {
    const columns: Column[] = [
      { name: 'n', type: { kind: 'int32' }, nullable: false },
      { name: 'source', type: { kind: 'string' }, nullable: true, inRuns: true },
    ];
    const runs = fc.array(
      fc.record({ text: fc.option(fc.string({ unit: 'binary' })), rows: fc.integer({ min: 1, max: 400 }) }),
      { maxLength: 300 },
    );
    await fc.assert(
      fc.asyncProperty(runs, fc.constantFrom(undefined, 1000), async (all, groupBytes) => {
        const file = new ParquetFile(columns, {}, { source: { id: 7, inner: {} } }, groupBytes);
        const rows = all.flatMap(({ text, rows: count }) => Array.from({ length: count }, () => text));
        for (const [n, source] of rows.entries()) file.add({ n, source });
        const read = await readParquet(file.finish());
        expect(read.map(({ source }) => source)).toEqual(rows);
        const sorted = rows.flatMap((text) => (text === null ? [] : [Buffer.from(text)]));
        sorted.sort(Buffer.compare);
        const [min, max] = [sorted[0], sorted.at(-1)];
        const nulls = rows.length - sorted.length;
        expect(file.statistics().leaves).toMatchObject([
          { id: 7, whole: true, nulls, range: min && max ? { min, max } : undefined },
        ]);
      }),
      { numRuns: 30 },
    );
  });

  it('has each instant of a column of runs once, and their range over all row groups, for another reader', async () => {
    const columns: Column[] = [
      { name: 'n', type: { kind: 'int32' }, nullable: false },
      { name: 'at', type: { kind: 'timestamp' }, nullable: true, inRuns: true },
    ];
    const instants = fc
      .bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })
      .map(instantText);
    const runs = fc.array(fc.record({ at: fc.option(instants), rows: fc.integer({ min: 1, max: 400 }) }), {
      maxLength: 100,
    });
    await fc.assert(
      fc.asyncProperty(runs, fc.constantFrom(undefined, 1000), async (all, groupBytes) => {
        const file = new ParquetFile(columns, {}, { at: { id: 7, inner: {} } }, groupBytes);
        const rows = all.flatMap(({ at, rows: count }) => Array.from({ length: count }, () => at));
        for (const [n, at] of rows.entries()) file.add({ n, at });
        const read = await readParquet(file.finish());
        expect(read.map(({ at }) => at)).toEqual(rows.map((at) => at && microseconds(at)));
        const sorted = rows.filter((at) => at !== null).toSorted();
        const encoded = (at: string | undefined) => {
          const plain = Buffer.alloc(8);
          plain.writeBigInt64LE(BigInt(microsecondsOf(at) ?? 0));
          return plain;
        };
        const range = { min: encoded(sorted[0]), max: encoded(sorted.at(-1)) };
        expect(file.statistics().leaves).toMatchObject([
          { id: 7, nulls: rows.length - sorted.length, range: sorted.length > 0 ? range : undefined },
        ]);
      }),
      { numRuns: 30 },
    );
  });

  it('needs next to nothing for a text that all rows share', () => {
    const column = { name: 'source', type: { kind: 'string' }, nullable: true } as const;
    const lengthOf = (columns: readonly Column[]) => {
      const file = new ParquetFile(columns, {});
      for (let n = 0; n < 20_000; n += 1) file.add({ source: 'recipes/2026/soups.ndjson' });
      return file.finish().length;
    };
    expect(lengthOf([{ ...column, inRuns: true }])).toBeLessThan(400);
    expect(() => new ParquetFile([{ ...column, inRuns: true }], {}).add({ source: 7 })).toThrow(TypeError);
  });

  it('tells of each column with an id how many values and which range it has, over all row groups', () => {
    const columns: Column[] = [
      { name: 'n', type: { kind: 'int32' }, nullable: true },
      { name: 'text', type: { kind: 'string' }, nullable: true },
      { name: 'flag', type: { kind: 'boolean' }, nullable: false },
      { name: 'list', type: listOf({ kind: 'string' }), nullable: false },
      { name: 'without', type: { kind: 'int32' }, nullable: false },
    ];
    const ids = Object.fromEntries(
      columns
        .slice(0, 4)
        .map(({ name }, i) => [name, { id: i + 1, inner: { element: { id: 9, inner: {} } } }]),
    );
    const file = new ParquetFile(columns, {}, ids);
    const rows = 60_000;
    for (let i = 0; i < rows; i += 1)
      file.add({
        n: i === 59_999 ? -5 : i % 2 ? i : null,
        text: i === 3 ? '\uFFFD' : i === 55_000 ? '😀' : i === 7 ? 'A' : i === 8 ? null : `b${i}`,
        flag: true,
        list: i % 2 ? ['a', 'b'] : [],
        without: 1,
      });
    const { length } = file.finish();
    const { leaves, splitOffsets } = file.statistics();
    expect(splitOffsets[0]).toBe(4);
    expect(splitOffsets).toHaveLength(2);
    const int = (value: number) => Buffer.from(Int32Array.of(value).buffer);
    expect(leaves).toMatchObject([
      { id: 1, entries: rows, nulls: rows / 2 - 0, range: { min: int(-5), max: int(59_997) } },
      // In the order of UTF-8, not of JavaScript, in which the emoji comes before U+FFFD.
      { id: 2, entries: rows, nulls: 1, range: { min: Buffer.from('A'), max: Buffer.from('😀') } },
      { id: 3, entries: rows, nulls: 0, range: { min: Buffer.of(1), max: Buffer.of(1) } },
      { id: 9, repeated: true, range: undefined },
    ]);
    const sizes = leaves.reduce((sum, { size }) => sum + size, 0);
    expect(sizes).toBeGreaterThan(1000);
    expect(sizes).toBeLessThan(length);
  });

  it('has the same bytes for the same rows', () => {
    fc.assert(
      fc.property(tables, ({ columns, rows }) => {
        expect(fileOf(columns, rows)).toEqual(fileOf(columns, rows));
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['int32', 2 ** 31],
    ['int32', 1.5],
    ['int64', 2 ** 53],
    ['double', '1'],
    ['string', 1],
    ['boolean', 'yes'],
    ['date', 'tomorrow'],
    ['timestamp', null],
    ['binary', 7],
  ] as const)('refuses what is no %s: %s', (kind, value) => {
    const file = new ParquetFile([{ name: 'a', type: { kind }, nullable: false }], {});
    expect(() => file.add({ a: value })).toThrow(TypeError);
  });
});

describe('DuckDB', () => {
  let directory: string;
  let duckdb: DuckDBInstance;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sluice-parquet-'));
    duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
  });

  afterAll(async () => {
    duckdb.closeSync();
    await rm(directory, { recursive: true, force: true });
  });

  it('reads every table as the other reader does', async () => {
    const connection = await duckdb.connect();
    await connection.run("set TimeZone = 'UTC'");
    let files = 0;
    await fc.assert(
      fc.asyncProperty(tables, async ({ columns, rows }) => {
        // A new file each time: DuckDB takes one of the same name and second for the one it has cached.
        files += 1;
        const path = join(directory, `table-${files}.parquet`);
        await writeFile(path, fileOf(columns, rows));
        const read = await connection.runAndReadAll(
          `select to_json(t)::varchar from read_parquet('${path}') t`,
        );
        const found = read.getRows().map(([json]) => rowFromJson(json));
        expect(found.map((row) => comparable(row, columns, base64OfShown))).toEqual(
          rows.map((row) => comparable(row, columns)),
        );
      }),
      { numRuns: 100 },
    );
    connection.closeSync();
  });

  it('finds rows by the ranges of numbers and dates', async () => {
    const connection = await duckdb.connect();
    const path = join(directory, 'ranges.parquet');
    const columns: Column[] = [
      { name: 'n', type: { kind: 'int64' }, nullable: false },
      { name: 'd', type: { kind: 'date' }, nullable: false },
      { name: 't', type: { kind: 'timestamp' }, nullable: false },
    ];
    const rows = [-(2 ** 40), -1, 0, 2 ** 40].map((n) => ({
      n,
      d: n < 0 ? '1969-12-31' : '2024-02-29',
      t: n < 0 ? '1969-12-31T23:59:59.999Z' : '2024-02-29T12:00:00Z',
    }));
    await writeFile(path, fileOf(columns, rows));
    const count = async (where: string) => {
      const found = await connection.runAndReadAll(
        `select count(*) from read_parquet('${path}') where ${where}`,
      );
      return found.getRows()[0]?.[0];
    };
    expect(await count('n < -1')).toBe(1n);
    expect(await count('n >= 1099511627776')).toBe(1n);
    expect(await count("d = date '2024-02-29'")).toBe(2n);
    expect(await count("t < timestamptz '1970-01-01 00:00:00+00'")).toBe(2n);
    connection.closeSync();
  });
});

function fileOf(
  columns: readonly Column[],
  rows: readonly Row[],
  metadata: Record<string, string> = {},
): Uint8Array {
  const file = new ParquetFile(columns, metadata);
  for (const row of rows) file.add(row);
  expect(file.rows).toBe(rows.length);
  return file.finish();
}

/** A row as readers give it back: instants as dates, long integers as such. */
