// @module-tag mysql
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { loadDuckDb, rowsOf as queriedRows } from '../../../cli/lake/lake.ts';
import { createSchemas, createViews } from '../../../cli/lake/lake-views.ts';
import { recordColumn, revisionColumns, tableColumns } from '../../../domain/columns.ts';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { decimal, int64, text, timestamp } from '../../../domain/fields.ts';
import { jsonOf } from '../../../domain/long.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { Registry } from '../../../domain/registry.ts';
import { glueTable, glueType } from '../../../domain/tables/glue.ts';
import { csvTableKey } from '../../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import { currentSchema } from '../../../formats/iceberg/metadata/metadata.ts';
import { readLakeFile } from '../../../formats/lake-file.ts';
import { readParquetRows } from '../../../formats/parquet/read.ts';
import { hiveType } from '../../../lake/glue-catalog.ts';
import { openMysql } from '../../../mysql/connection.ts';
import { MysqlTableStore } from '../../../mysql/mysql-table-store.ts';
import { type MysqlServer, startMysqlServer } from '../../mysql/mysql-server.ts';
import { createTables, storedRows } from '../../mysql/tables.ts';
import { MemoryStore } from '../../store/memory-store.ts';
import { dataFiles, drain, extract, metadataOf, putRaw, tableFiles, transform } from '../flow.ts';
import { type TestedType, types } from './types.ts';

let server: MysqlServer;
let look: Connection;
let tables: MysqlTableStore;
let duckdb: DuckDBConnection;
let folder: string;

const cases = (['json', 'csv'] as const).flatMap((format) =>
  (['parquet', 'csv'] as const).map((processedAs) => ({
    format,
    processedAs,
    dataset: everything(format, processedAs),
  })),
);

beforeAll(async () => {
  server = await startMysqlServer();
  look = await openMysql({ url: server.url });
  await createTables(
    look,
    cases.map(({ dataset }) => dataset),
  );
  tables = new MysqlTableStore(() => openMysql({ url: server.url }));
  const { DuckDBInstance } = await loadDuckDb();
  duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  await duckdb.run("set timezone = 'UTC'");
  folder = await mkdtemp(join(tmpdir(), 'sluice-types-'));
});

afterAll(async () => {
  duckdb.closeSync();
  await tables.close();
  await look.end();
  await server.close();
  await rm(folder, { recursive: true });
});

/** A dataset with two columns of each type, one of which may be empty. */
function everything(format: 'json' | 'csv', processedAs: 'parquet' | 'csv'): Dataset {
  const names = namesOf(format, processedAs);
  const shape = (which: 'record' | 'row', orNothing: (type: z.ZodType) => z.ZodType) =>
    z.object({
      part: text(),
      ...Object.fromEntries(
        names.flatMap((name) => {
          const type = (types[name] as TestedType)[which];
          return [
            [name, type],
            [`${name}_or_null`, orNothing(type)],
          ];
        }),
      ),
    });
  const row = shape('row', (type) => type.nullable());
  return defineDataset({
    name: `every_${format}_${processedAs}`,
    source: { prefix: `every/${format}/${processedAs}/`, format },
    record: shape('record', (type) => (format === 'csv' ? type.optional() : type.nullable())),
    transform: (record) =>
      Object.fromEntries(
        Object.keys(row.shape).map((name) => [name, (record as Row)[name] ?? null]),
      ) as never,
    row,
    key: ['part'],
    partitionBy: ['part'],
    indexes: [['title'], ['timestamp', 'time', 'title_or_null', 'decimal38']] as never,
    processedAs,
    onDelete: 'retract',
    onReject: 'replace',
  });
}

function namesOf(format: 'json' | 'csv', processedAs: 'parquet' | 'csv'): string[] {
  return Object.keys(types).filter(
    (name) => !(types[name]?.isNested && (format === 'csv' || processedAs === 'csv')),
  );
}

const rowsOf = (names: readonly string[]) =>
  fc.array(
    fc.record<Row>({
      part: fc.constantFrom('a', 'b'),
      ...Object.fromEntries(
        names.flatMap((name) => {
          const { values } = types[name] as TestedType;
          return [
            [name, values],
            [`${name}_or_null`, fc.option(values)],
          ];
        }),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  );

const typeOf = (column: string) => types[column.replace(/_or_null$/, '')];

function jsonLine(row: Row): string {
  const fields = Object.entries(row).map(([name, value]) => {
    const { json = jsonOf } = typeOf(name) ?? {};
    return `${JSON.stringify(name)}:${value === null ? 'null' : json(value as never)}`;
  });
  return `{${fields.join()}}`;
}

function csvOf(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) =>
    names.map((name) => (row[name] === null ? '' : (typeOf(name)?.csv ?? String)(row[name] as never))).join(),
  );
  return [names.join(), ...lines].join('\n');
}

describe.each(cases)(
  'every type, from $format to files of $processedAs,',
  ({ format, processedAs, dataset }) => {
    let runs = 0;
    const nextKey = () => {
      runs += 1;
      return `${dataset.source.prefix}${runs}.${format}`;
    };
    const names = namesOf(format, processedAs);
    const columns = tableColumns(dataset);

    it('is the same in the lake, the archive and MySQL, after an overwrite and after a replay', async () => {
      await fc.assert(
        fc.asyncProperty(rowsOf(names), rowsOf(names), async (first, second) => {
          const store = new MemoryStore();
          const changes = { registry: new Registry([dataset]), tables };
          const key = nextKey();
          let now = 0;
          const run = async (rows: readonly Row[], event: Partial<ObjectEvent>) => {
            now += 1;
            putRaw(store, key, format === 'csv' ? csvOf(rows) : rows.map(jsonLine).join('\n'));
            await extract(store, key, { ...changes, now: () => now }, event);
            await drain(store, changes);
            expect(store.keys('failed').map((file) => store.body('failed', file).toString())).toEqual([]);
            const expected = rows.map(plain);
            expect(await rowsIn(dataset, store, 'processed')).toEqual(expected);
            expect(await rowsIn(dataset, store, 'archive')).toEqual(expected);
            const inMysql = await storedRows(look, dataset, key);
            expect(inMysql.map(({ row }) => plain(row))).toEqual(expected);
            const version = `${event.versionId}${event.revision === undefined ? '' : '!0001'}`;
            const from = `${key} ${version} 1970-01-01T00:00:00.00${now}000Z`;
            const origins = rows.map((_, i) => `${i + 1} ${from}`);
            expect(await originsInMysql(dataset, key)).toEqual(origins);
            if (processedAs === 'csv') return;
            for (const bucket of ['processed', 'archive'] as const)
              expect(await originsIn(dataset, store, bucket)).toEqual(origins);
          };
          await run(first, { versionId: 'v1', sequencer: '0A' });
          await run(second, { versionId: 'v2', sequencer: '0B' });
          await run(second, { versionId: 'v2', sequencer: '0B', revision: 1 });
        }),
        { numRuns: 15 },
      );
    });

    it('is what another program reads', async () => {
      await fc.assert(
        fc.asyncProperty(rowsOf(names), async (rows) => {
          const store = new MemoryStore();
          const changes = { registry: new Registry([dataset]) };
          const key = nextKey();
          const inOne = rows.map((row) => ({ ...row, part: 'a' }));
          putRaw(store, key, format === 'csv' ? csvOf(inOne) : inOne.map(jsonLine).join('\n'));
          await extract(store, key, changes);
          await drain(store, changes);
          expect(store.keys('failed')).toEqual([]);
          const [file = ''] = await filesOf(dataset, store, 'processed');
          const path = join(folder, `file.${processedAs}`);
          await writeFile(path, store.body('processed', file));
          const from = processedAs === 'csv' ? `read_csv('${path}', all_varchar = true)` : `'${path}'`;
          const shown = columns
            .filter(({ name }) => typeOf(name)?.isNested === undefined && typeOf(name) !== undefined)
            .map(({ name, type }) => ({
              name,
              sql:
                (processedAs === 'parquet' && typeOf(name)?.sql?.(name)) ||
                `"${name}"::${duckDbType(glueType(type))}::varchar`,
            }));
          const read = await duckdb.runAndReadAll(
            `select ${shown.map(({ sql }) => sql).join()} from ${from} order by _record::bigint`,
          );
          const values = read
            .getRows()
            .map((row) =>
              row.map((each, i) => each && (typeOf(shown[i]?.name ?? '')?.read ?? String)(String(each))),
            );
          expect(values).toEqual(
            inOne.map((row: Row) => shown.map(({ name }) => (row[name] === null ? null : String(row[name])))),
          );
          expect(
            await queried(
              dataset,
              store,
              path,
              shown.map(({ name }) => name),
            ),
          ).toEqual(values);
        }),
        { numRuns: 15 },
      );
    });
  },
);

it('a value that a column has no room for is rejected, with its digits', async () => {
  const store = new MemoryStore();
  const record = z.object({
    id: int64(),
    price: decimal(9, 2),
    total: decimal(38, 10),
    at: timestamp(),
    title: text({ length: 4 }),
  });
  const payments = defineDataset({
    name: 'payments',
    source: { prefix: 'payments/', format: 'json' },
    record,
    transform: (each) => each,
    row: record,
    key: ['id'],
    partitionBy: [],
    onDelete: 'retract',
    onReject: 'replace',
  });
  const good = { id: 1, price: '1', total: '1', at: '2026-01-31T10:30:00Z', title: 'Emma' };
  const lines = [
    jsonOf(good),
    jsonOf({ ...good, id: 2n ** 63n }),
    jsonOf({ ...good, price: 0.125 }),
    jsonOf({ ...good, price: 12345678.9 }),
    jsonOf({ ...good, total: 12345678901234567890123456789n }),
    jsonOf({ ...good, at: '2026-01-31T10:30:00' }),
    jsonOf({ ...good, at: '2026-01-31T10:30:00.0000001Z' }),
    jsonOf({ ...good, title: 'Moby-Dick' }),
  ];
  putRaw(store, 'payments/bad.json', lines.join('\n'));
  const registry = new Registry([payments]);
  await extract(store, 'payments/bad.json', { registry });
  for (const part of store.keys('temp')) await transform(store, part, { registry });
  const [file = ''] = store.keys('failed');
  const rejects = store.body('failed', file).toString().trim().split('\n');
  expect(rejects.map((line) => /"path":"(\w+)","code":"(\w+)"/.exec(line)?.slice(1))).toEqual([
    ['id', 'too_large'],
    ['price', 'inexact_number'],
    ['price', 'too_large'],
    ['total', 'too_large'],
    ['at', 'invalid_value'],
    ['at', 'invalid_value'],
    ['title', 'too_large'],
  ]);
  expect(rejects.map((line) => line.slice(line.indexOf('"record":') + 9, -1))).toEqual(lines.slice(1));
});

/** What `npx sluice query` shows of the columns of a table that has this file alone. */
async function queried(dataset: Dataset, store: MemoryStore, path: string, names: readonly string[]) {
  const duckdb = await loadDuckDb();
  const connection = await (await duckdb.DuckDBInstance.create(':memory:')).connect();
  await createSchemas(connection);
  const metadata = metadataOf(store, dataset.name);
  const { columns, partitionKeys } = glueTable(dataset);
  const shape =
    metadata === undefined
      ? { format: 'csv', columns, partitionKeys }
      : {
          format: 'iceberg',
          columns: currentSchema(metadata).fields.map(({ id, name, type }) => ({
            id,
            name,
            type: hiveType(type),
          })),
          partitionKeys: [],
        };
  const table = { name: dataset.name, bucket: 'lake', prefix: 't/', partitions: [], ...shape };
  const partition =
    metadata === undefined ? { values: ['a'], prefix: 't/part=a/' } : { values: [], prefix: 't/' };
  if (metadata !== undefined)
    expect(shape.columns.map(({ type }) => type)).toEqual(
      tableColumns(dataset).map(({ type }) => glueType(type)),
    );
  await createViews(connection, table, dataset, [{ path, origin: path, partition }]);
  const quoted = names.map((name) => `"${name}"`).join();
  const reader = await connection.runAndReadAll(`select ${quoted} from ${dataset.name} order by _record`);
  const rows = queriedRows(reader, duckdb);
  connection.closeSync();
  return rows.map((row) =>
    row.map((each, i) => (each === null ? null : (typeOf(names[i] ?? '')?.read ?? String)(String(each)))),
  );
}

/** As a file's text or value is read; a timestamp of Parquet would have its zone. */
const duckDbType = (type: string) => ({ string: 'varchar', int: 'integer', binary: 'blob' })[type] ?? type;

async function filesOf(
  dataset: Dataset,
  store: MemoryStore,
  bucket: 'processed' | 'archive',
): Promise<string[]> {
  if (bucket === 'archive') return store.keys('archive');
  return dataset.processedAs === 'csv'
    ? dataFiles(store)
        .map(csvTableKey)
        .filter((file) => store.keys('processed').includes(file))
    : tableFiles(store, dataset.name);
}

/** The rows of files, in the order of their records. */
async function rowsIn(dataset: Dataset, store: MemoryStore, bucket: 'processed' | 'archive') {
  const rows: Row[] = [];
  for (const file of await filesOf(dataset, store, bucket)) {
    const partitionPath = /part=[^/]*\//.exec(file)?.[0] ?? '';
    const extension = file.slice(file.lastIndexOf('.') + 1);
    for await (const batch of readLakeFile(dataset, { extension, partitionPath }, store.body(bucket, file)))
      rows.push(...batch);
  }
  return rows.sort((a, b) => Number(a['_record']) - Number(b['_record'])).map(plain);
}

/** Where the rows of files are from, and when that was taken up, in the order of their records. */
async function originsIn(dataset: Dataset, store: MemoryStore, bucket: 'processed' | 'archive') {
  const found: Row[] = [];
  for (const file of await filesOf(dataset, store, bucket))
    for await (const rows of readParquetRows([recordColumn, ...revisionColumns], store.body(bucket, file)))
      found.push(...rows);
  return found
    .sort((a, b) => Number(a['_record']) - Number(b['_record']))
    .map(({ _record, _source, _version, _loaded_at }) => `${_record} ${_source} ${_version} ${_loaded_at}`);
}

/** The same of the rows in MySQL. */
async function originsInMysql(dataset: Dataset, key: string): Promise<string[]> {
  const [rows] = await look.query<RowDataPacket[]>(
    `SELECT CONCAT(_record, ' ', _source, ' ', _version, ' ', REPLACE(_loaded_at, ' ', 'T'), 'Z') AS text
     FROM ${dataset.name}_provenance WHERE _source = ? ORDER BY _record`,
    [key],
  );
  return rows.map(({ text }) => text);
}

/** The values of the dataset's own columns, in which it is all the same how a whole number is written. */
function plain(row: Row): Row {
  const own = Object.entries(row).filter(([name]) => !name.startsWith('_'));
  return Object.fromEntries(own.map(([name, value]) => [name, withTexts(value)]));
}

function withTexts(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return `${value}`;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withTexts(each)]));
}
