import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CatalogTable } from '../../../cli/lake/catalog.ts';
import { loadDuckDb } from '../../../cli/lake/lake.ts';
import { createSchemas, createViews } from '../../../cli/lake/lake-views.ts';
import type { Column } from '../../../domain/columns.ts';
import { scaledBy } from '../../../domain/decimal.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import type { DataFile } from '../../../formats/iceberg/manifest/data-file.ts';
import { currentSchema, parseMetadata } from '../../../formats/iceberg/metadata/metadata.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { fieldIds } from '../../../formats/iceberg/schema/fields.ts';
import { openParquet } from '../../../formats/parquet/read.ts';
import { columnsIn } from '../../../lake/compaction/columns.ts';
import { hiveType } from '../../../lake/glue-catalog.ts';
import { anyInstant } from '../../formats/any-table.ts';
import { checkFields } from '../../formats/iceberg/check-fields.ts';
import { comparable } from '../../formats/parquet-rows.ts';
import { everyType } from './every-type.ts';
import { comparing, PipelineTable, type Shown } from './pipeline-table.ts';

const DAY_MS = 86_400_000;
let folder: string;
let duckdb: DuckDBConnection;
let views = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-pruning-'));
  const { DuckDBInstance } = await loadDuckDb();
  duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  await createSchemas(duckdb);
});
afterAll(async () => {
  duckdb.closeSync();
  await rm(folder, { recursive: true });
});

const label = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40, size: 'max' }).map((each) => each.replaceAll('\0', '')),
  fc.string({
    unit: fc.constantFrom('a', '\u{10FFFF}', '\uD7FF', '\uFFFF', '😀'),
    maxLength: 24,
    size: 'max',
  }),
);
const day = fc
  .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((each) => each.toISOString());
const dateOf = day.map((each) => each.slice(0, 10));
const exact = (precision: number, scale: number) =>
  fc
    .bigInt({ min: 1n - 10n ** BigInt(precision), max: 10n ** BigInt(precision) - 1n })
    .map((whole) => scaledBy(whole, scale));
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => each || 0);

/** Of the first form of the dataset. */
const record: fc.Arbitrary<Row> = fc.record({
  id: fc.integer(),
  category: fc.constantFrom('easy', null),
  day: fc.constantFrom('1582-10-10', '2026-11-27', null),
  label: fc.option(label),
  amount: exact(9, 2),
  total: fc.option(exact(18, 4)),
  huge: fc.option(exact(38, 10)),
  number: fc.option(long),
  score: fc.option(double),
  is_good: fc.option(fc.boolean()),
  at: fc.option(day),
  exactly: fc.option(anyInstant),
  photo: fc.option(
    fc.uint8Array({ maxLength: 24, size: 'max' }).map((each) => Buffer.from(each).toString('base64')),
  ),
  tags: fc.option(fc.array(fc.option(label), { maxLength: 2 })),
  amounts: fc.array(exact(12, 3), { maxLength: 2 }),
  matrix: fc.array(fc.array(long, { maxLength: 2 }), { maxLength: 2 }),
  steps: fc.array(fc.record({ text: fc.constant('stir'), minutes: fc.option(fc.integer()), at: day }), {
    maxLength: 2,
  }),
  place: fc.option(
    fc.record({
      name: fc.constantFrom('here', 'there'),
      lat: fc.option(double),
      since: fc.option(dateOf),
      inner: fc.record({ ok: fc.boolean(), codes: fc.array(fc.option(fc.integer()), { maxLength: 2 }) }),
    }),
  ),
});

/** Of the second one, with values that the first has no room for. */
const wider = fc.record({ record, id: long, amount: exact(12, 2), extra: fc.option(fc.integer()) });

it('no query about a column misses a row, whatever the statistics of the files that the pipeline made hide', async () => {
  const records = fc.array(record, { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      records,
      records,
      fc.array(wider, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      fc.constantFrom(undefined, ['day(exactly)', 'month(day)'], ['month(at)', 'category'], ['day(at)']),
      async (a, b, c, isCompacted, partitionBy) => {
        const forms = everyType('nullable', partitionBy);
        const table = new PipelineTable(forms.first.dataset);
        await table.apply(['a', a], ['b', b]);
        table.deploy(forms.wider.dataset, forms.wider.after);
        const records = c.map(({ record: first, ...more }) => ({ ...forms.wider.after(first), ...more }));
        await table.atOnce([
          ['c', records],
          ['d', records],
        ]);
        table.deploy(forms.renamed.dataset, forms.renamed.after);
        if (isCompacted) await table.compact();
        await table.apply(['b', 'deleted'], ['e', records.map(forms.renamed.after)]);
        const shown = table.shown('all');
        await checkManifests(shown);
        await checkQueries(shown);
      },
    ),
    { numRuns: 10 },
  );
});

/** Expects the manifests to tell of each file what it has. */
async function checkManifests({ path, files, columns, rows }: Shown): Promise<void> {
  const metadata = parseMetadata(files.get(path) as Buffer);
  const schema = currentSchema(metadata);
  const all: Row[] = [];
  for (const file of await liveFiles(metadata, async (uri) => files.get(uri) as Buffer)) {
    const open = await openParquet(new Uint8Array(files.get(file.filePath) as Buffer).buffer);
    const own: Row[] = [];
    for await (const some of open.rows(columnsIn(open.columns, columns, fieldIds(schema)))) own.push(...some);
    const whole = own.map((row) => withNulls(row, columns));
    expect(file.recordCount).toBe(whole.length);
    checkFields(file, schema, columns, whole);
    checkPartition(file, whole);
    all.push(...whole);
  }
  const sorted = all.map((row) => comparable(row, columns)).toSorted(comparing);
  expect(sorted).toEqual(rows.map((row) => comparable(row, columns)));
}

/** Expects all rows of a file to be of its partition: of a day or a month of UTC. */
function checkPartition({ partition }: DataFile, rows: readonly Row[]): void {
  for (const [field, value] of Object.entries(partition)) {
    const [, column = field, transform] = /^(.*)_(day|month)$/.exec(field) ?? [];
    const found = rows.map((row) => {
      const day = row[column] === null ? null : new Date(String(row[column]));
      if (transform === undefined) return column === 'day' ? day && day.getTime() / DAY_MS : row[column];
      if (transform === 'day') return day && Math.floor(day.getTime() / DAY_MS);
      return day && (day.getUTCFullYear() - 1970) * 12 + day.getUTCMonth();
    });
    expect(new Set(found)).toEqual(new Set([value]));
  }
}

/** A row with the columns that its file does not have. */
function withNulls(row: Row, columns: readonly Column[]): Row {
  return Object.fromEntries(
    columns.map(({ name, type }) => {
      const value = row[name] ?? null;
      return [name, type.kind === 'struct' && value !== null ? withNulls(value as Row, type.fields) : value];
    }),
  );
}

/** Expects DuckDB, which skips row groups by their statistics, to find the rows with each value. */
async function checkQueries({ path, files, columns, rows }: Shown): Promise<void> {
  const metadata = parseMetadata(files.get(path) as Buffer);
  const live = await liveFiles(metadata, async (uri) => files.get(uri) as Buffer);
  views += 1;
  const name = `table_${views}`;
  const stored = live.map(({ filePath }, i) => ({
    uri: filePath,
    path: join(folder, `${name}-${i}.parquet`),
  }));
  for (const { uri, path: at } of stored) await writeFile(at, files.get(uri) as Buffer);
  const table: CatalogTable = {
    name,
    format: 'iceberg',
    bucket: 'processed',
    prefix: '',
    columns: currentSchema(metadata).fields.map((each) => ({ ...each, type: hiveType(each.type) })),
    partitionKeys: [],
    partitions: [],
  };
  const partition = { values: [], prefix: '' };
  await createViews(
    duckdb,
    table,
    undefined,
    stored.map(({ path: at }) => ({ path: at, partition })) as never,
  );
  for (const { column, type, values } of leavesOf(rows, columns)) {
    const [text = '', value] =
      new Map(values.map((each) => [String(each), each])).entries().next().value ?? [];
    const quoted = `'${text.replaceAll("'", "''")}'`;
    const typed = type === 'blob' ? `from_base64(${quoted})` : `cast(${quoted} as ${type})`;
    const literal = value === null ? 'null' : typed;
    const query = `select count(*) from lake.${name} where ${column} is not distinct from ${literal}`;
    const [[found] = []] = (await duckdb.runAndReadAll(query)).getRows();
    expect([query, Number(found)]).toEqual([query, values.filter((each) => String(each) === text).length]);
  }
}

const duckDbTypes = {
  string: 'varchar',
  int32: 'integer',
  int64: 'bigint',
  double: 'double',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamp',
  binary: 'blob',
} as const;

interface Leaf {
  readonly column: string;
  /** DuckDB's. */
  readonly type: string;
  readonly values: readonly unknown[];
}

/** The columns that are in no list and no map, each with its value in every row. */
function leavesOf(rows: readonly (Row | null)[], columns: readonly Column[], parent = ''): Leaf[] {
  return columns.flatMap(({ name, type }): Leaf[] => {
    const values = rows.map((row) => row?.[name] ?? null);
    const column = `${parent}"${name}"`;
    if (type.kind === 'list' || type.kind === 'map') return [];
    if (type.kind === 'struct') return leavesOf(values as (Row | null)[], type.fields, `${column}.`);
    const kind =
      type.kind === 'decimal' ? `decimal(${type.precision}, ${type.scale})` : duckDbTypes[type.kind];
    return [{ column, type: kind, values }];
  });
}
