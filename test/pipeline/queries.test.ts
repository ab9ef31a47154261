import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { DeletePartitionCommand } from '@aws-sdk/client-glue';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { parquetReadObjects } from 'hyparquet';
import Papa from 'papaparse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCatalog } from '../../cli/lake/catalog.ts';
import { queryLake } from '../../cli/lake/lake.ts';
import { projectDirectory } from '../../cli/target/directories.ts';
import { queueDepth } from '../../cli/target/queue-state.ts';
import { listObjects } from '../../store/listing.ts';
import { documents, sluice } from '../cli/sluice.ts';
import { maintainedInDays } from './maintained.ts';
import { settledState, startTestPipeline, type TestPipeline } from './running-pipeline.ts';
import { tableFiles } from './table-files.ts';

const recipes = [
  { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'], tags: ['vegan', 'quick'] },
  { title: 'Naïve 🍲 "stew"', ingredients: ['a', "b'c", 'd\ne'], directions: Array(9).fill('Stir.') },
  { title: 'Bread', ingredients: Array(20).fill('flour'), directions: ['Bake.', 'Eat.'], tags: [] },
];
const passengers = `PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked
1,1,3,"Braund, Mr. ""Owen""",male,22,1,0,A/5 21171,17.25,,S
2,1,1,"Cumings, Mrs. John",female,38.5,1,,PC 17599,71.2833,C85,C
3,0,3,"Gone, Mr. Long",male,30,0,0,1,8,,S
4,1,2,No Age,female,,0,0,1,8,,S
5,maybe,2,Not Read,female,1,0,0,1,8,,S
`;

let pipeline: TestPipeline;
const query = async (sql: string) => (await queryLake(pipeline.target, sql, () => {})).rows;

beforeAll(async () => {
  pipeline = await startTestPipeline();
  const put = async (Key: string, Body: string) => {
    const { VersionId } = await pipeline.target.s3.send(
      new PutObjectCommand({ Bucket: pipeline.target.outputs.buckets.raw, Key, Body }),
    );
    await settledState(pipeline.target, Key, VersionId);
  };
  await Promise.all([
    put('recipes/some.json', JSON.stringify(recipes)),
    put('passengers/some.csv', passengers),
  ]);
}, 60_000);
afterAll(() => pipeline.close());

describe('a query', () => {
  test('a query finds the rows of a version as soon as it is settled, without a crawl', async () => {
    expect(await query('select count(*) from recipes')).toEqual([[3]]);
    expect(await query('select count(*) from lake.passengers')).toEqual([[2]]);
  });

  test('a query finds the rows that another reader finds in the files, nulls and nested lists included', async () => {
    const { target } = pipeline;
    const found: Record<string, unknown>[] = [];
    for await (const { Key } of listObjects(target, target.outputs.buckets.processed, 'recipes/data/')) {
      const bytes = await read(Key);
      const rows = await parquetReadObjects({
        file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
        compressors: { ZSTD: (input) => zstdDecompressSync(input) },
      });
      found.push(...rows);
    }
    const { columns, rows } = await queryLake(
      target,
      'select * from lake.recipes order by _record',
      () => {},
    );
    const queried = rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
    const plain = found
      .map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)])))
      .sort((a, b) => Number(a['_record']) - Number(b['_record']));
    expect(queried).toEqual(plain);
    expect(queried).toHaveLength(recipes.length);
    expect(queried[1]).toMatchObject({
      title: recipes[1]?.title,
      ingredients: recipes[1]?.ingredients,
      tags: [],
    });

    const text = (
      await Promise.all(
        (await keys('passengers/table/')).map(async (key) => Buffer.from(await read(key)).toString()),
      )
    ).join('');
    const { data } = Papa.parse<Record<string, string>>(text, { header: true, skipEmptyLines: true });
    expect(await objects('select * from lake.passengers order by _record')).toEqual(data);
    expect(await objects('select * from passengers order by _record')).toMatchObject([
      { passenger_id: 1, survived: true, name: 'Braund, Mr. "Owen"', age: 22, cabin: null, fare: 17.25 },
      { passenger_id: 2, survived: true, parch: null, age: 38.5, cabin: 'C85' },
    ]);
  });

  test('a query returns the types that the catalog declares', async () => {
    const types: Record<string, string> = {};
    for (const { name, columns, partitionKeys } of await readCatalog(pipeline.target)) {
      for (const column of [...columns, ...partitionKeys]) types[`${name}.${column.name}`] = column.type;
    }
    const described = await query(
      `select table_name || '.' || column_name, data_type from information_schema.columns where table_schema = 'lake'`,
    );
    const asInCatalog = (type: unknown) =>
      String(type)
        .toLowerCase()
        .replaceAll('varchar', 'string')
        .replaceAll('integer', 'int')
        .replace(/^(.*)\[\]$/, 'array<$1>');
    expect(Object.fromEntries(described.map(([name, type]) => [name, asInCatalog(type)]))).toEqual(types);
  });
});

describe('a file of the lake', () => {
  const put = (Key: string, Body: string) => {
    const Bucket = pipeline.target.outputs.buckets.processed;
    return pipeline.target.s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  };
  const remove = (Key: string) => {
    const Bucket = pipeline.target.outputs.buckets.processed;
    return pipeline.target.s3.send(new DeleteObjectCommand({ Bucket, Key }));
  };
  const foreign = {
    'passengers/table/foreign.csv': '_record,survived\r\n',
    'passengers/table/lost/foreign.csv': 'x',
    'junk/other.txt': 'x',
    'recipes/lost.parquet': 'x',
  };
  const check = async () => {
    const ran = await sluice(pipeline.directory, ['catalog', '--check', '--json']);
    return { status: ran.status, told: documents(ran) };
  };

  test('that the pipeline did not write is listed with its differences, unless it is among prepared files', async () => {
    const { processed: bucket, archive } = pipeline.target.outputs.buckets;
    const archived = await Array.fromAsync(listObjects(pipeline.target, archive));
    const files =
      (await keys('recipes/data/')).length + (await keys('passengers/table/')).length + archived.length;
    expect(await check()).toEqual({
      status: 0,
      told: [{ compared: files, differ: 0, unread: 0, unknown: [] }],
    });
    for (const [key, body] of Object.entries(foreign)) await put(key, body);
    await put('recipes/data/soup.json~0/v/part-00000~c.parquet', 'not published');
    const { status, told } = await check();
    expect(status).toBe(1);
    expect(told.pop()).toEqual({ compared: files + 4, differ: 4, unread: 0, unknown: [] });
    expect(told).toEqual([
      { table: 'no table', bucket, file: 'junk/other.txt', differences: ['it belongs to no table'] },
      {
        table: 'passengers',
        bucket,
        file: 'passengers/table/foreign.csv',
        differences: expect.arrayContaining(['it has no column passenger_id']),
      },
      {
        table: 'passengers',
        bucket,
        file: 'passengers/table/lost/foreign.csv',
        differences: ['it is in no partition'],
      },
      { table: 'no table', bucket, file: 'recipes/lost.parquet', differences: ['it belongs to no table'] },
    ]);
    expect(await query("select count(*) from lake.passengers where name <> ''")).toEqual([[2]]);
    expect(await query('select count(*) from recipes')).toEqual([[3]]);
    for (const key of Object.keys(foreign)) await remove(key);
    expect((await check()).status).toBe(0);
  });

  test('that the current snapshot shows and that is not as its manifest says is listed, and only fails queries of its table', async () => {
    const [key = ''] = await keys('recipes/data/');
    const whole = await read(key);
    await put(key, 'damaged');
    rmSync(join(pipeline.target.directory, 'lake'), { recursive: true });
    expect(await check()).toMatchObject({
      status: 1,
      told: [{ table: 'recipes', file: key, differences: [/can't be read as parquet/] }, { differ: 1 }],
    });
    await expect(query('select count(*) from recipes')).rejects.toThrow(
      /^The files of recipes can't be read: .*s3:\/\/[^/]+\/recipes\/data\/[\s\S]*catalog --check$/,
    );
    expect(await query('select count(*) from passengers')).toEqual([[2]]);
    await remove(key);
    rmSync(join(pipeline.target.directory, 'lake'), { recursive: true });
    await expect(query('select count(*) from recipes')).rejects.toThrow(`${key} of recipes is gone.`);
    expect((await check()).told[0]).toEqual({
      table: 'recipes',
      bucket: pipeline.target.outputs.buckets.processed,
      file: key,
      differences: ['it is gone, and the current snapshot shows it'],
    });
    await pipeline.target.s3.send(
      new PutObjectCommand({ Bucket: pipeline.target.outputs.buckets.processed, Key: key, Body: whole }),
    );
    rmSync(join(pipeline.target.directory, 'lake'), { recursive: true });
    expect((await check()).status).toBe(0);
  });
});

describe('the archive', () => {
  const archive = () => pipeline.target.outputs.buckets.archive;
  const catalogued = async () => {
    const run = await sluice(pipeline.directory, ['catalog', '--json']);
    return JSON.parse(run.stdout) as { waiting: number; findings: number; drift: string[]; tables: Table[] };
  };
  interface Table {
    readonly name: string;
    readonly partitions: readonly { readonly values: readonly string[] }[];
  }
  const partitionsOf = ({ tables }: { tables: Table[] }) =>
    tables
      .find(({ name }) => name === 'recipes_archive')
      ?.partitions.flatMap(({ values }) => values)
      .sort();

  test('has a table, whose partitions a crawl registers, and whose rows are those of the lake', async () => {
    const difficulties = (await query('select distinct difficulty from recipes order by 1')).flat();
    const before = await catalogued();
    expect(partitionsOf(before)).toEqual([]);
    expect(before.waiting).toBeGreaterThan(0);
    const { unseen } = await queryLake(pipeline.target, 'select * from recipes_archive', () => {});
    expect(unseen).toEqual([{ table: 'recipes_archive', files: difficulties.length }]);
    expect((await queryLake(pipeline.target, 'select * from recipes', () => {})).unseen).toEqual([]);
    // The first crawl lists everything, the next one takes the changes that wait.
    for (const _ of [1, 2]) expect((await sluice(pipeline.directory, ['crawl', '--wait'])).status).toBe(0);
    const after = await catalogued();
    expect(partitionsOf(after)).toEqual(difficulties);
    expect(after).toMatchObject({ waiting: 0, findings: 0, drift: [] });
    for (const table of ['recipes', 'passengers'])
      expect(await objects(`select * from ${table}_archive order by _record`)).toEqual(
        await objects(`select * from ${table} order by _record`),
      );
  });

  test('has its drift found by a crawl and by the comparison, which both leave the other tables in peace', async () => {
    const { s3 } = pipeline.target;
    const foreign = { Bucket: archive(), Key: 'recipes/lost/foreign.parquet' };
    await s3.send(new PutObjectCommand({ ...foreign, Body: 'x' }));
    await sluice(pipeline.directory, ['crawl', '--wait']);
    expect((await catalogued()).findings).toBe(1);
    const checked = await sluice(pipeline.directory, ['catalog', '--check', '--json']);
    const [told] = documents(checked);
    expect(told).toEqual({
      table: 'recipes_archive',
      bucket: archive(),
      file: foreign.Key,
      differences: ['it is in no partition'],
    });
    await s3.send(new DeleteObjectCommand(foreign));
    await sluice(pipeline.directory, ['catalog', '--clear']);
  });

  test('has partitions that were lost registered again without a crawl', async () => {
    const { glue, outputs } = pipeline.target;
    const [difficulty = ''] = partitionsOf(await catalogued()) ?? [];
    const of = { DatabaseName: outputs.catalog.database, TableName: 'recipes_archive' };
    await glue.send(new DeletePartitionCommand({ ...of, PartitionValues: [difficulty] }));
    expect(partitionsOf(await catalogued())).not.toContain(difficulty);
    const run = await sluice(pipeline.directory, ['catalog', '--register']);
    expect(run.stdout).toContain('Added 1 partition.');
    expect(partitionsOf(await catalogued())).toContain(difficulty);
  });

  test('has files in Glacier, which are not compared, and of which a query says how to restore them', async () => {
    const { s3 } = pipeline.target;
    const [file] = await Array.fromAsync(listObjects(pipeline.target, archive(), 'recipes/'));
    const Key = file?.Key ?? '';
    const { Body: stored } = await s3.send(new GetObjectCommand({ Bucket: archive(), Key }));
    const Body = (await stored?.transformToByteArray()) ?? '';
    await s3.send(new PutObjectCommand({ Bucket: archive(), Key, Body, StorageClass: 'GLACIER' }));
    rmSync(join(pipeline.target.directory, 'lake'), { recursive: true, force: true });
    await expect(query('select count(*) from recipes_archive')).rejects.toThrow(
      /recipes_archive is in GLACIER of S3, .*aws s3api restore-object --bucket \S+ --key '\S+'/,
    );
    expect(await query('select count(*) from recipes')).toEqual([[3]]);
    const checked = await sluice(pipeline.directory, ['catalog', '--check']);
    expect(checked.status).toBe(0);
    expect(checked.stdout).toContain('1 file of the archive is in a class of S3 that must be restored');
    await s3.send(new PutObjectCommand({ Bucket: archive(), Key, Body }));
  });
});

test('the catalog shows of an Iceberg table its snapshots and files, and of a CSV table its columns of text', async () => {
  const run = await sluice(pipeline.directory, ['catalog', '--json']);
  const { tables, drift }: { tables: { name: string }[]; drift: string[] } = JSON.parse(run.stdout);
  expect(drift).toEqual([]);
  const files = (await keys('recipes/data/')).filter((key) => key.endsWith('.parquet')).length - 1;
  expect(tables.find(({ name }) => name === 'recipes')).toMatchObject({
    format: 'iceberg',
    summary: {
      partitionedBy: ['difficulty'],
      rows: 3,
      files,
      smallFiles: files,
      committedAt: expect.any(String),
    },
  });
  expect(tables.find(({ name }) => name === 'passengers')).not.toHaveProperty('summary');
  const shown = (await sluice(pipeline.directory, ['catalog'])).stdout;
  expect(shown).toMatch(/recipes +iceberg +\d+ +difficulty +– +\d+ +\d+ +\d+ +3 +20/);
  expect(shown).toMatch(/passengers +csv +\d+ +– +– +– +– +– +– +–/);
});

test('a dead-lettered change of the archive is named by `catalog`, and `catalog --register` leaves none', async () => {
  const { catalog } = pipeline.target.outputs;
  const run = async (...args: string[]) => (await sluice(pipeline.directory, ['catalog', ...args])).stdout;
  expect(await run()).not.toContain('dead-lettered');
  const QueueUrl = catalog.crawlDeadLetterQueue;
  await pipeline.target.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{"Records":[]}' }));
  expect(await run()).toContain(
    '1 change of the archive was dead-lettered, so partitions may be missing. To add them: npx sluice catalog --register',
  );
  expect(await run('--register')).not.toContain('dead-lettered');
  expect((await queueDepth(pipeline.target, QueueUrl)).waiting).toBe(0);
});

describe('the queries in docs/queries.md', () => {
  const document = readFileSync(join(projectDirectory, 'docs/queries.md'), 'utf8');
  const statements = [...document.matchAll(/```sql\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block.split(';'),
  );

  test.each(statements.map((sql) => [sql.trim()]))('the documented query runs: %s', async (sql) => {
    expect((await query(sql)).length).toBeGreaterThan(0);
  });

  test('each documented query for Redshift has one for DuckDB beside it', () => {
    const pairs = [...document.matchAll(/```redshift\n[^`]*```\n\n```sql\n/g)];
    expect(pairs.length).toBe([...document.matchAll(/```redshift\n/g)].length);
    expect(pairs.length).toBeGreaterThan(2);
  });
});

describe('the maintenance', () => {
  const snapshots = async () =>
    documents(await sluice(pipeline.directory, ['snapshots', 'recipes', '--json']));

  test('forgets old snapshots, then removes what only they have, and the table still reads', async () => {
    const { target } = pipeline;
    const shownBefore = await tableFiles(target, 'recipes');
    const { VersionId } = await target.s3.send(
      new PutObjectCommand({
        Bucket: target.outputs.buckets.raw,
        Key: 'recipes/some.json',
        Body: JSON.stringify(recipes.slice(0, 2)),
      }),
    );
    await settledState(target, 'recipes/some.json', VersionId);
    const before = await snapshots();
    // Of a table that is young, the deployed function leaves all as it is.
    const ran = await sluice(pipeline.directory, ['maintain', '--json']);
    expect(documents(ran), ran.stderr).toContainEqual({
      table: 'recipes',
      snapshots: 0,
      files: 0,
      bytes: 0,
      compacted: { files: 0, bytes: 0, into: 0 },
      finished: true,
    });
    expect(await snapshots()).toEqual(before);

    expect(await maintainedInDays(pipeline.target, 10)).toMatchObject({
      snapshots: before.length - 1,
      finished: true,
    });
    expect(await snapshots()).toHaveLength(1);
    // A query of the past that began before still finds its files.
    expect(await keys('recipes/data/')).toEqual(expect.arrayContaining(shownBefore));
    const second = await maintainedInDays(pipeline.target, 10);
    expect(second?.snapshots).toBe(0);
    expect(second?.files).toBeGreaterThan(shownBefore.length);
    const left = await keys('recipes/data/');
    expect(left.filter((key) => shownBefore.includes(key))).toEqual([]);
    expect(left).toEqual(expect.arrayContaining(await tableFiles(target, 'recipes')));
    expect(await query('select count(*) from recipes')).toEqual([[2]]);
    expect(await query('select count(*) from passengers')).toEqual([[2]]);
  });

  test('prints what went of each table', async () => {
    const shown = (await sluice(pipeline.directory, ['maintain', '--dry-run'])).stdout;
    expect(shown).toMatch(/^TABLE +SNAPSHOTS +FILES +SIZE +COMPACTED\n/);
    expect(shown).toMatch(/\nrecipes +0 +0 +0 B +0\n/);
    expect(shown).toContain('That would go. Nothing was changed.');
    const logged = (await sluice(pipeline.directory, ['logs', 'maintenance'])).stdout;
    expect(logged).toContain('The table is maintained');
  });
});

const keys = (prefix: string) =>
  Array.fromAsync(
    listObjects(pipeline.target, pipeline.target.outputs.buckets.processed, prefix),
    ({ Key }) => Key,
  );

async function read(key: string): Promise<Uint8Array> {
  const { Body } = await pipeline.target.s3.send(
    new GetObjectCommand({ Bucket: pipeline.target.outputs.buckets.processed, Key: key }),
  );
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}

async function objects(sql: string) {
  const { columns, rows } = await queryLake(pipeline.target, sql, () => {});
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
}

/** As a query shows it. */
function shown(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (!(value instanceof Date)) return value;
  // A fraction has no zeros at its end.
  return value
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, '');
}
