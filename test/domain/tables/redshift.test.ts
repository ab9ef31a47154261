import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { datasets } from '../../../datasets/index.ts';
import { passengers } from '../../../datasets/passengers.ts';
import { recipes } from '../../../datasets/recipes.ts';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { time } from '../../../domain/fields.ts';
import { Registry } from '../../../domain/registry.ts';
import { archiveGlueTable, type GlueTable, glueTable, ledgerGlueTable } from '../../../domain/tables/glue.ts';
import { glueDdl } from '../../../domain/tables/glue-ddl.ts';
import { parseHiveType } from '../../../domain/tables/hive-type.ts';
import { ledgerTables } from '../../../domain/tables/ledger-tables.ts';
import {
  archiveViewDdl,
  checkForSpectrum,
  externalSchemaDdl,
  redshiftDdl,
  spectrumFaults,
  typedViewDdl,
} from '../../../domain/tables/redshift.ts';

const row = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  day: z.iso.date(),
  count: z.int32(),
  bytes: z.int(),
  share: z.number().nullable(),
  ok: z.boolean(),
  tags: z.array(z.string()),
  steps: z.array(z.object({ text: z.string(), seconds: z.int32().nullable() })),
});
const readings = defineDataset({
  name: 'readings',
  source: { prefix: 'readings/', format: 'json' },
  record: row,
  transform: (record) => record,
  row,
  key: ['id'],
  partitionBy: ['day'],
  onDelete: 'retract',
  onReject: 'keep',
});

const table = (changes: Partial<GlueTable> = {}): GlueTable => ({
  ...glueTable(recipes as never),
  columns: [{ name: 'a', type: 'string' }],
  partitionKeys: [],
  ...changes,
});

describe('a table of the catalog', () => {
  test('has every column of the rows and the record number, with the partition columns apart', () => {
    const { columns, partitionKeys, parameters } = glueTable(readings as never);
    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
      id: 'string',
      at: 'timestamp',
      count: 'int',
      bytes: 'bigint',
      share: 'double',
      ok: 'boolean',
      tags: 'array<string>',
      steps: 'array<struct<text:string,seconds:int>>',
      _record: 'bigint',
      _source: 'string',
      _version: 'string',
      _loaded_at: 'timestamp',
    });
    expect(partitionKeys).toEqual([{ name: 'day', type: 'date' }]);
    expect(parameters['classification']).toBe('parquet');
  });

  test('of CSV has columns of text, since its serde does not accept empty numbers', () => {
    const { columns, serde, parameters } = glueTable(passengers as never);
    expect(new Set(columns.map(({ type }) => type))).toEqual(new Set(['string']));
    expect(serde.library).toBe('org.apache.hadoop.hive.serde2.OpenCSVSerde');
    // Neither the backslash nor the quote, which stands for it: both would take backslashes out of the
    // values.
    expect(serde.parameters).toEqual({ separatorChar: ',', quoteChar: '"', escapeChar: '\u0001' });
    for (const ddl of [glueDdl(passengers as never, 'x'), redshiftDdl(passengers as never, 'x')])
      expect(ddl).toContain(String.raw`'escapeChar'='\001'`);
    expect(parameters).toMatchObject({ classification: 'csv', 'skip.header.line.count': '1' });
  });
});

test('the table of a dataset is declared for Athena as an Iceberg table, which has its partition columns among the others', () => {
  expect(glueDdl(readings as never, 'lake')).toBe(`CREATE TABLE \`readings\` (
  \`id\` string,
  \`at\` timestamp,
  \`day\` date,
  \`count\` int,
  \`bytes\` bigint,
  \`share\` double,
  \`ok\` boolean,
  \`tags\` array<string>,
  \`steps\` array<struct<text:string,seconds:int>>,
  \`_record\` bigint,
  \`_source\` string,
  \`_version\` string,
  \`_loaded_at\` timestamp
)
PARTITIONED BY (\`day\`)
LOCATION 's3://lake/readings'
TBLPROPERTIES ('table_type'='ICEBERG', 'format'='parquet', 'write_compression'='zstd');`);
});

test('a table that is partitioned by days or months says so for Athena, and has them as columns of its archive', () => {
  const dataset = { ...readings, partitionBy: ['day(at)', 'month(day)'] } as never;
  expect(glueDdl(dataset, 'lake')).toContain('\nPARTITIONED BY (day(`at`), month(`day`))\n');
  const { columns, partitionKeys } = archiveGlueTable(dataset);
  expect(partitionKeys).toEqual([
    { name: 'at_day', type: 'date' },
    { name: 'day_month', type: 'string' },
  ]);
  expect(columns).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'at' })]));
  expect(archiveViewDdl(dataset).create).toContain('"at_day", "day_month"');
});

describe('a table that Redshift Spectrum can’t read', () => {
  test('does not exist in this project', () => {
    for (const dataset of datasets) expect(spectrumFaults(glueTable(dataset))).toEqual([]);
    for (const each of Object.values(ledgerTables)) expect(spectrumFaults(ledgerGlueTable(each))).toEqual([]);
  });

  test.each([
    [
      'an upper-case name',
      { columns: [{ name: 'Title', type: 'string' }] },
      /Title: a name must be lower-case/,
    ],
    [
      'an upper-case field',
      { columns: [{ name: 'a', type: 'struct<B:int>' }] },
      /a\.B: a name must be lower-case/,
    ],
    [
      'a partition column listed twice',
      { partitionKeys: [{ name: 'a', type: 'string' }] },
      /a: a partition column must not be among the columns/,
    ],
    [
      'a column that is there twice, but for its case',
      {
        columns: [
          { name: 'a', type: 'int' },
          { name: 'A', type: 'int' },
        ],
      },
      /a: it is there twice/,
    ],
    [
      'a partition by a list',
      { partitionKeys: [{ name: 'b', type: 'array<int>' }] },
      /b: a partition column must be a scalar/,
    ],
    [
      'a list of lists',
      { columns: [{ name: 'a', type: 'array<array<int>>' }] },
      /a: an array must hold scalars or structs/,
    ],
    [
      'a list of maps within a struct',
      { columns: [{ name: 'a', type: 'struct<b:array<map<string,int>>>' }] },
      /a\.b: an array must hold scalars or structs/,
    ],
    [
      'a map by struct',
      { columns: [{ name: 'a', type: 'map<struct<b:int>,int>' }] },
      /a: a map's key must be a scalar/,
    ],
    [
      'an unknown type',
      { columns: [{ name: 'a', type: 'uuid' }] },
      /a: Spectrum does not know the type uuid/,
    ],
    ['an unknown type within', { columns: [{ name: 'a', type: 'array<tinyint>' }] }, /a\[\]: .*tinyint/],
    ['what is not a type', { columns: [{ name: 'a', type: 'array<int' }] }, /a: .* is not a type/],
    ['no column at all', { columns: [] }, /no column besides/],
    [
      'a partition for each instant',
      { partitionKeys: [{ name: 'p', type: 'timestamp' }] },
      /p: a partition column must be a scalar and no timestamp/,
    ],
    [
      'timestamps in nanoseconds',
      { columns: [{ name: 'a', type: 'array<timestamp>' }], timestampUnit: 'nanos' },
      /nanoseconds are misread/,
    ],
    [
      'more columns than it has room for',
      { columns: Array.from({ length: 1_599 }, (_, i) => ({ name: `c${i}`, type: 'int' })) },
      /more than 1598 columns/,
    ],
  ] satisfies [string, Partial<GlueTable>, RegExp][])('is refused: %s', (_what, changes, message) => {
    expect(() => checkForSpectrum(table(changes))).toThrow(message);
  });

  test.each(['int', 'decimal(10, 2)', 'varchar(20)', 'map<string,array<int>>', 'struct<a:struct<b:date>>'])(
    'is not %s',
    (type) => {
      expect(spectrumFaults(table({ columns: [{ name: 'a', type }] }))).toEqual([]);
    },
  );
});

describe('the statements for Redshift', () => {
  test('declare a table of CSV with its partitions, and no Iceberg table, which the catalog alone declares', () => {
    expect(
      redshiftDdl({ ...readings, processedAs: 'csv' } as never, "it's"),
    ).toBe(`CREATE EXTERNAL TABLE lake."readings" (
  "_record" varchar(65535),
  "id" varchar(65535),
  "at" varchar(65535),
  "count" varchar(65535),
  "bytes" varchar(65535),
  "share" varchar(65535),
  "ok" varchar(65535),
  "tags" varchar(65535),
  "steps" varchar(65535)
)
PARTITIONED BY (
  "day" date
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
WITH SERDEPROPERTIES ('separatorChar'=',', 'quoteChar'='"', 'escapeChar'='\\001')
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://it''s/readings/table/'
TABLE PROPERTIES ('classification'='csv', 'skip.header.line.count'='1');`);
    expect(redshiftDdl(readings as never, 'x')).toBe(`${typedViewDdl(readings as never).create};`);
  });

  test('show an instant of an Iceberg table as a timestamp of UTC', () => {
    expect(typedViewDdl(readings as never).create).toContain(
      `SELECT "id", "at" AT TIME ZONE 'UTC' AS "at", "day", `,
    );
    const { create } = typedViewDdl({ ...readings, processedAs: 'csv' } as never);
    expect(create).toContain(`CAST(nullif("at", '') AS timestamp) AS "at"`);
  });

  test('show the text of a time of the day as a time, which Redshift has and Spectrum has not', () => {
    const opens = { ...readings, row: row.extend({ opens: time() }) };
    expect(glueTable(opens as never).columns).toContainEqual({ name: 'opens', type: 'string' });
    expect(typedViewDdl(opens as never).create).toContain('"ok", CAST("opens" AS time) AS "opens", ');
    const { create } = typedViewDdl({ ...opens, processedAs: 'csv' } as never);
    expect(create).toContain(`CAST(nullif("opens", '') AS time) AS "opens"`);
  });

  test('make a view of the scalar columns, typed where the files hold text', () => {
    const [revision] = /^.{18} /.exec(typedViewDdl(recipes as never).create) ?? [];
    expect(revision).toMatch(/^\/\* [0-9a-f]{12} \*\/ $/);
    expect(typedViewDdl(recipes as never)).toEqual({
      drop: `${revision}DROP VIEW IF EXISTS public."recipes"`,
      create: `${revision}CREATE VIEW public."recipes" AS SELECT "recipe_id", "title", "complexity_score", "difficulty", "time_estimate_s", "_record", "_source", "_version", "_loaded_at" AT TIME ZONE 'UTC' AS "_loaded_at" FROM lake."recipes" WITH NO SCHEMA BINDING`,
      grant: `${revision}GRANT SELECT ON public."recipes" TO PUBLIC`,
    });
    const { create: view } = typedViewDdl(passengers as never);
    expect(view).toContain(`CAST(nullif("age", '') AS double precision) AS "age"`);
    expect(view).toContain(`(nullif("survived", '') = 'true') AS "survived"`);
    expect(view).toContain(`nullif("cabin", '') AS "cabin"`);
  });

  test('create a schema for the catalog, but no database', () => {
    expect(externalSchemaDdl('sluice_dev', 'arn:aws:iam::1:role/r', 'eu-central-1')).toBe(
      "CREATE EXTERNAL SCHEMA IF NOT EXISTS lake FROM DATA CATALOG DATABASE 'sluice_dev' REGION 'eu-central-1' IAM_ROLE 'arn:aws:iam::1:role/r'",
    );
  });
});

test('nested types of the catalog are parsed', () => {
  expect(parseHiveType('struct<a:array<string>,b:map<int,decimal(10,2)>>')).toEqual({
    kind: 'struct',
    fields: [
      { name: 'a', type: { kind: 'array', element: { kind: 'scalar', name: 'string' } } },
      {
        name: 'b',
        type: {
          kind: 'map',
          key: { kind: 'scalar', name: 'int' },
          value: { kind: 'scalar', name: 'decimal(10,2)' },
        },
      },
    ],
  });
  for (const text of ['', 'array<', 'struct<a>', 'int>', 'list<int>', 'array<int>x'])
    expect(() => parseHiveType(text), text).toThrow('is not a type');
});

describe('the table of an archive', () => {
  test('has the types of the rows, whatever the format of the lake, and no text for numbers', () => {
    const { name, columns, partitionKeys, parameters } = archiveGlueTable(passengers as never);
    expect(name).toBe('passengers_archive');
    expect(columns).toContainEqual({ name: 'passenger_id', type: 'int' });
    expect(columns).toContainEqual({ name: '_record', type: 'bigint' });
    expect(partitionKeys).toEqual([]);
    expect(parameters).toEqual({ EXTERNAL: 'TRUE', classification: 'parquet' });
    for (const dataset of datasets) expect(spectrumFaults(archiveGlueTable(dataset))).toEqual([]);
  });

  test('has a view of its scalar columns, partitions included, without a cast', () => {
    const { create } = archiveViewDdl(recipes as never);
    expect(create).toMatch(/^\/\* \w+ \*\/ CREATE VIEW public\."recipes_archive" AS SELECT "recipe_id", /);
    expect(create).toContain(
      ', "_record", "_source", "_version", "_loaded_at", "difficulty" FROM lake."recipes_archive" WITH NO SCHEMA BINDING',
    );
    expect(create).not.toMatch(/CAST|nullif|"ingredients"/);
  });

  test('keeps its name: no dataset may have it', () => {
    const named = (name: string) => ({ ...(recipes as Dataset), name });
    expect(() => new Registry([named('soups_archive'), named('soups')])).toThrow(
      /^Dataset "soups_archive": the catalog has a table of this name, which shows the archive of soups .*choose another name\.$/,
    );
    expect(new Registry([named('soups_archive')]).all).toHaveLength(1);
  });
});
