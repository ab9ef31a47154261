// @module-tag mysql
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import type { CatalogTable } from '../../cli/lake/catalog.ts';
import { createSchemas, createViews } from '../../cli/lake/lake-views.ts';
import { type Dataset, defineDataset } from '../../domain/dataset.ts';
import { limits } from '../../domain/records/part.ts';
import { type Row, transformRecord } from '../../domain/records/transformation.ts';
import { glueTable } from '../../domain/tables/glue.ts';
import {
  archiveKey,
  csvTableKey,
  csvTablePrefix,
  parseDataKey,
  versionPath,
} from '../../domain/versions/key-layout.ts';
import { NULL_PARTITION } from '../../domain/versions/partition-path.ts';
import { newLakeFile, readLakeFile } from '../../formats/lake-file.ts';
import { PartitionedFiles } from '../../handlers/stages/transformation/partitioned-files.ts';
import { recordedSchemas } from '../../lake/table-schema.ts';
import { openMysql } from '../../mysql/connection.ts';
import { MysqlTableStore } from '../../mysql/mysql-table-store.ts';
import { type MysqlServer, startMysqlServer } from '../mysql/mysql-server.ts';
import { createTables, storedRows } from '../mysql/tables.ts';
import { MemoryStore } from '../store/memory-store.ts';

const labels = (kind: string, value: z.ZodType, processedAs: 'csv' | 'parquet') =>
  defineDataset({
    name: `by_${kind}`,
    source: { prefix: `by_${kind}/`, format: 'json' },
    record: z.unknown(),
    transform: (record) => record as never,
    row: z.object({ id: z.int32(), value: value.nullable() }),
    key: ['id'],
    partitionBy: ['value'],
    processedAs,
    onDelete: 'retract',
    onReject: 'keep',
  });

const text = fc.oneof(
  fc.constantFrom(
    '',
    NULL_PARTITION,
    'null',
    '.',
    '..',
    '%2F',
    '\0',
    '\ud800',
    '\ufeff',
    'a'.repeat(101),
    ' ',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom('/', '=', '%', "'", '"', '\n', '\\', '🍲', '\udc00', '_'),
    maxLength: 6,
  }),
);
const day = fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
/** Each kind of column that can partition a table, with its values. */
const cases: readonly (readonly [Dataset, fc.Arbitrary<unknown>])[] = [
  [labels('string', z.string(), 'parquet'), text],
  [labels('text_in_csv', z.string(), 'csv'), text],
  [labels('int32', z.int32(), 'csv'), fc.integer()],
  [labels('int64', z.int(), 'parquet'), fc.maxSafeInteger()],
  // SQL takes both zeros for one value.
  [
    labels('double', z.number(), 'parquet'),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
  ],
  [labels('boolean', z.boolean(), 'csv'), fc.boolean()],
  [labels('date', z.iso.date(), 'parquet'), day.map((date) => date.toISOString().slice(0, 10))],
];
const datasets = cases.map(([dataset]) => dataset);

let server: MysqlServer;
let look: Connection;
let tables: MysqlTableStore;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-partitions-'));
  server = await startMysqlServer();
  look = await openMysql({ url: server.url });
  await createTables(look, datasets);
  tables = new MysqlTableStore(() => openMysql({ url: server.url }));
}, 60_000);

afterAll(async () => {
  await tables.close();
  await look.end();
  await server.close();
  await rm(folder, { recursive: true });
});

it.each(cases.map(([dataset, values]) => [dataset.name, dataset, values] as const))(
  'a value that partitions a table is the same in the lake, the archive and MySQL, or its record is rejected: %s',
  async (_, dataset, values) => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(values), { minLength: 1, maxLength: 12 }), async (given) => {
        tried += 1;
        const key = `${dataset.name}/${tried}`;
        const path = versionPath({ dataset: dataset.name, key, versionId: 'v' });
        const header = { dataset: dataset.name, key, versionId: 'v', sequencer: '01', part: 0 };
        const context = { codeVersion: 'c', limits, tableSchema: recordedSchemas([]) };
        const files = new PartitionedFiles(dataset, path, header as never, context);
        const accepted: [number, unknown][] = [];
        for (const [id, value] of given.entries()) {
          const made = transformRecord(dataset, { id, value }, { key, recordNumber: id + 1 });
          if ('row' in made) {
            expect(files.add(made.row, id + 1)).toBe(true);
            accepted.push([id, value]);
          } else expect(made).toMatchObject({ reject: { path: 'value', code: 'invalid_row' } });
        }
        const store = new MemoryStore();
        await files.store(store, 'lake');

        const rows: { record: number; row: Row }[] = [];
        for (const file of store.keys('lake')) {
          const parsed = parseDataKey(file);
          if (parsed === undefined) throw new Error(`${file} is no key of the lake.`);
          const archive = newLakeFile(dataset, 'parquet', {});
          for await (const batch of readLakeFile(dataset, parsed, store.body('lake', file))) {
            for (const row of batch) archive.add(row);
            rows.push(
              ...batch.map(({ _record, _source, _version, ...row }) => ({ record: Number(_record), row })),
            );
          }
          const body = archive.finish();
          await store.write({
            bucket: 'archive',
            key: archiveKey(file),
            body,
            contentType: '',
            metadata: {},
          });
        }
        rows.sort((a, b) => a.record - b.record);
        await tables.load({ dataset, key, sequencer: '01', versionId: 'v1', rows });

        const stored = await storedRows(look, dataset, key);
        expect(stored.map(({ row }) => [row['id'], row['value']])).toEqual(accepted);
        const isCsv = dataset.processedAs === 'csv';
        const inLake = store.keys('lake').map((file) => [isCsv ? csvTableKey(file) : file, file] as const);
        const lake = isCsv
          ? { ...tableOf(dataset), prefix: csvTablePrefix(dataset.name) }
          : icebergTable(dataset);
        expect(await queried(dataset, lake, store, inLake, tried)).toEqual(accepted);
        const inParquet = { ...dataset, processedAs: 'parquet' } as const;
        const archived = store.keys('archive').map((file) => [file, file] as const);
        expect(await queried(inParquet, tableOf(inParquet), store, archived, tried)).toEqual(accepted);
      }),
      { numRuns: 15 },
    );
  },
);

/** As a crawler finds it. */
function tableOf(dataset: Dataset): CatalogTable {
  const { columns, partitionKeys, format } = glueTable(dataset);
  const place = { name: dataset.name, bucket: '', prefix: `${dataset.name}/`, partitions: [] };
  return { ...place, format, columns, partitionKeys };
}

/** The files of such a table have all columns, wherever they lie. */
function icebergTable(dataset: Dataset): CatalogTable {
  const { columns, partitionKeys, ...table } = tableOf(dataset);
  return { ...table, columns: [...columns, ...partitionKeys], partitionKeys: [] };
}

/**
 * Id and value of each row, as `query` shows them. @param keys where each file lies, and its key in the store
 */
async function queried(
  dataset: Dataset,
  table: CatalogTable,
  store: MemoryStore,
  keys: readonly (readonly [string, string])[],
  n: number,
): Promise<unknown[]> {
  const bucket = store.keys('archive').includes(keys[0]?.[1] ?? '') ? 'archive' : 'lake';
  const files = [];
  for (const [origin, key] of keys) {
    const path = join(folder, `${bucket}-${dataset.name}-${n}-${files.length}`);
    await writeFile(path, store.body(bucket, key));
    const isPartitioned = table.partitionKeys.length > 0;
    const prefix = isPartitioned ? origin.slice(0, origin.lastIndexOf('/') + 1) : table.prefix;
    files.push({ path, origin, partition: { prefix, values: [] } });
  }
  const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await duckdb.connect();
  try {
    await createSchemas(connection);
    await createViews(connection, table, dataset, files);
    const read = await connection.runAndReadAll(
      `select to_json([id, value])::varchar from (select id::json as id, to_json(value) as value from ${dataset.name}) order by id::int`,
    );
    return read.getRows().map(([json]) => JSON.parse(String(json)));
  } finally {
    connection.closeSync();
    duckdb.closeSync();
  }
}
