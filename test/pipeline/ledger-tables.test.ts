import { zstdDecompressSync } from 'node:zlib';
import { paginateGetPartitions } from '@aws-sdk/client-glue';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyState } from '../../cli/ledger/states/key-state.ts';
import { TroubleFinder } from '../../cli/ledger/states/trouble.ts';
import { ledgerTables } from '../../domain/tables/ledger-tables.ts';
import { rejectsPrefix, transformationReceiptKey, versionPath } from '../../domain/versions/key-layout.ts';
import { total } from '../../domain/versions/receipt.ts';
import { latestOf, listObjects } from '../../store/listing.ts';
import { documents, type Run, sluice } from '../cli/sluice.ts';
import { eventually, settledState, startTestPipeline, type TestPipeline } from './running-pipeline.ts';

let pipeline: TestPipeline;
let empty: Readonly<Record<'rejects' | 'objects' | 'published', Run>>;

const run = (...args: string[]) => sluice(pipeline.directory, args);
const rowsIn = ({ stdout }: Run) => JSON.parse(stdout) as Row[];
const rowsOf = async (sql: string) => rowsIn(await run('query', '--json', sql));
type Row = Readonly<Record<string, unknown>>;

const soup = JSON.stringify({
  title: 'Soup',
  ingredients: ['water'],
  directions: ['Boil for 10 minutes.'],
});
// A quote, line breaks, NUL, a character beyond the BMP, a name of JavaScript's own, and a name twice.
const hostile = String.raw`{"title":"","__proto__":{"x":1},"a":"\"'\n\r\u0000😀','","a":",\"record\":1","n":12345678901234567890.10}`;
/** Redshift can't hold it, and the end of what Redshift holds is within a character. */
const long = `{"title":"","xy":"${'😀'.repeat(30_000)}"}`;
const header = 'PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked';
const john = `2,maybe,1,"Cumings, ""Mrs."" John; drop table 😀",female,38,1,0,PC 17599,71.2833,C85,C`;
const owen = `1,1,3,"Braund, Mr. Owen",male,22,1,0,A/5 21171,7.25,,S`;

const keys = {
  mixed: 'recipes/mixed.ndjson',
  /** Its object id begins with an underscore. */
  hidden: 'recipes/_(hidden).ndjson',
  kept: 'recipes/kept.ndjson',
  overwritten: 'recipes/overwritten.ndjson',
  faulty: 'recipes/faulty.json',
  unknown: 'unsorted/list.txt',
  csv: 'passengers/few.csv',
  deleted: 'passengers/gone.csv',
};

async function put(key: string, ...records: string[]): Promise<string> {
  const { VersionId = '' } = await pipeline.target.s3.send(
    new PutObjectCommand({
      Bucket: pipeline.target.outputs.buckets.raw,
      Key: key,
      Body: records.map((record) => `${record}\n`).join(''),
    }),
  );
  await settledState(pipeline.target, key, VersionId);
  return VersionId;
}

const versions: Record<string, string> = {};

beforeAll(async () => {
  pipeline = await startTestPipeline();
  empty = {
    rejects: await run('query', '--json', 'select * from rejects'),
    objects: await run('query', '--json', 'select count(*) as n from lake.objects'),
    published: await run('catalog', '--publish'),
  };
  await put(keys.mixed, soup, hostile, '=not json \u0001 😀', '{"title":[]}');
  await put(keys.hidden, soup, long);
  await put(keys.kept, soup, '{}');
  versions['rejected'] = await put(keys.kept, '{}', '[]');
  versions['superseded'] = await put(keys.overwritten, soup, '{}');
  await put(keys.overwritten, soup, soup);
  await put(keys.faulty, 'not json');
  await put(keys.unknown, 'milk');
  await put(keys.csv, header, owen, john);
  versions['retracted'] = await put(keys.deleted, header, owen, '3,1');
  const { raw, failed } = pipeline.target.outputs.buckets;
  await pipeline.target.s3.send(new DeleteObjectCommand({ Bucket: raw, Key: keys.deleted }));
  const gone = [
    rejectsPrefix(
      versionPath({ dataset: 'passengers', key: keys.deleted, versionId: versions['retracted'] }),
    ),
    rejectsPrefix(
      versionPath({ dataset: 'recipes', key: keys.overwritten, versionId: versions['superseded'] }),
    ),
  ];
  await eventually(async () => {
    const left = await Promise.all(
      gone.map((prefix) => Array.fromAsync(listObjects(pipeline.target, failed, prefix))),
    );
    return left.flat().length === 0 ? true : undefined;
  }, 'the end of the clean-up');
});

afterAll(() => pipeline.close());

test('a pipeline without objects has empty tables, and copies nothing', () => {
  expect(empty.rejects).toMatchObject({ status: 0, stdout: '[]\n' });
  expect(rowsIn(empty.objects)).toEqual([{ n: 0 }]);
  expect(empty.published).toMatchObject({
    status: 0,
    stdout: 'rejects: copied 0 rows.\nobjects: copied 0 rows.\n',
  });
});

test('the table of rejects has exactly what sluice rejects lists, each record as it was sent', async () => {
  const listed = documents(await run('rejects', '--json', '--record')).slice(0, -1) as Row[];
  const rows = await rowsOf('select * from rejects');
  const inOrder = (some: readonly Row[]) => some.map((each) => JSON.stringify(each)).sort();
  expect(inOrder(rows.map(({ as_of: _, rejected_at, record, excerpt, ...rest }) => rest))).toEqual(
    inOrder(
      listed.map((each) => ({
        key: each['key'],
        version_id: each['versionId'],
        standing: each['standing'],
        record_number: each['recordNumber'],
        stage: each['stage'],
        code: each['code'],
        path: each['path'],
        message: each['message'],
        code_version: each['codeVersion'],
        dataset: each['dataset'],
      })),
    ),
  );
  expect(rows).toHaveLength(8);
  const sent = new Map(rows.map((row) => [`${row['key']} ${row['record_number']}`, row]));
  expect(sent.get(`${keys.mixed} 2`)).toMatchObject({ record: hostile, excerpt: null });
  expect(sent.get(`${keys.mixed} 3`)).toMatchObject({ record: null, excerpt: '=not json \u0001 😀' });
  const { record, excerpt } = sent.get(`${keys.hidden} 2`) ?? {};
  expect([record, String(excerpt).endsWith('😀'), long.startsWith(String(excerpt))]).toEqual([
    null,
    true,
    true,
  ]);
  expect(Buffer.byteLength(String(excerpt))).toBeGreaterThan(40_000);
  expect(Buffer.byteLength(String(excerpt))).toBeLessThanOrEqual(65_535);
  expect(sent.get(`${keys.csv} 2`)).toMatchObject({ record: JSON.stringify(john) });
  for (const each of listed) {
    const row = sent.get(`${each['key']} ${each['recordNumber']}`);
    expect(Date.parse(`${row?.['rejected_at']}Z`)).toBeGreaterThan(Date.now() - 600_000);
  }
  expect(
    await rowsOf("select code, count(*) as n from rejects where dataset = 'passengers' group by code"),
  ).toEqual([{ code: 'wrong_type', n: 1 }]);
  expect(await rowsOf("select key from lake.rejects where standing = 'rejected' group by key")).toEqual([
    { key: keys.kept },
  ]);
});

test('the table of objects has each version once, with the counts and the state that status shows', async () => {
  const rows = await rowsOf('select * from objects');
  const states = Object.fromEntries(rows.map((row) => [`${row['key']} ${row['version_id']}`, row['state']]));
  expect(Object.keys(states)).toHaveLength(rows.length);
  const stateOf = (key: string, versionId: string | undefined) => states[`${key} ${versionId}`];
  expect(stateOf(keys.kept, versions['rejected'])).toBe('rejected');
  expect(stateOf(keys.overwritten, versions['superseded'])).toBe('superseded');
  expect(stateOf(keys.deleted, versions['retracted'])).toBe('retracted');
  expect(rows).toHaveLength(10);
  for (const key of Object.values(keys).filter((each) => each !== keys.deleted)) {
    const latest = await latestOf(pipeline.target, pipeline.target.outputs.buckets.raw, key);
    if (latest === undefined) throw new Error(`There is no ${key}.`);
    const state = await keyState(pipeline.target, latest, new TroubleFinder(pipeline.target));
    const row = rows.find((each) => each['key'] === key && each['version_id'] === state.versionId);
    expect(row).toMatchObject({
      dataset: state.dataset,
      state: state.stage,
      fault: state.fault?.code ?? null,
      fault_message: state.fault?.message ?? null,
      read: state.read,
      written: state.written,
      filtered: total(state.filtered),
      rejected: total(state.rejected),
    });
    const work = ['extraction_ms', 'transformation_ms', 'loading_ms'].map((name) => Number(row?.[name]));
    expect(work.reduce((sum, ms) => sum + ms, 0)).toBe(state.workMs);
  }
});

test('a copy has the rows of the query, no name in it is skipped by an engine, and the one before it stays', async () => {
  const copies: string[][] = [];
  for (let n = 0; n < 3; n += 1) {
    expect(await run('catalog', '--publish')).toMatchObject({ status: 0, stderr: '' });
    copies.push([...(await locations('rejects')).values(), ...(await locations('objects')).values()]);
  }
  expect(new Set(copies.flat()).size).toBe(copies.flat().length);
  for (const { name, bucket } of Object.values(ledgerTables)) {
    const shown = await locations(name);
    expect([...shown.keys()].sort()).toEqual(
      name === 'rejects' ? ['passengers', 'recipes'] : ['_unknown', 'passengers', 'recipes'],
    );
    const inCopy: Row[] = [];
    for (const [dataset, location] of shown)
      for (const row of await rowsUnder(location)) inCopy.push({ ...row, dataset });
    const plain = (some: readonly Row[]) =>
      some
        .map(({ as_of: _, rejected_at, extracted_at, finished_at, ...rest }) =>
          JSON.stringify(rest, Object.keys(rest).sort()),
        )
        .sort();
    expect(plain(inCopy)).toEqual(plain(await rowsOf(`select * from ${name}`)));
    const buckets = pipeline.target.outputs.buckets;
    const stored = await Array.fromAsync(
      listObjects(pipeline.target, buckets[bucket], `tables/${name}/`),
      ({ Key }) => Key,
    );
    // This copy, and the one that a query may still be reading.
    expect(new Set(stored.map((key) => key.split('/')[2])).size).toBe(2);
    expect(stored.filter((key) => key.split('/').some((part) => /^[._#]|~$/.test(part)))).toEqual([]);
  }
  expect((await run('catalog')).stdout).toMatch(
    /^objects: copied at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\./m,
  );
});

test('crawls, registration, the comparison with the catalog and reconcile know only the datasets’ tables', async () => {
  expect(await run('crawl', '--wait')).toMatchObject({ status: 0 });
  const before = JSON.parse((await run('catalog', '--json', '--register')).stdout);
  expect(before).toMatchObject({ findings: 0, drift: [] });
  expect((before.tables as Row[]).map(({ name }) => name)).toEqual([
    'passengers',
    'passengers_archive',
    'recipes',
    'recipes_archive',
  ]);
  expect(await run('catalog', '--check')).toMatchObject({ status: 0 });
  expect(await run('reconcile')).toMatchObject({ status: 0 });
});

test('a document that can’t be read is named, and the rows of the others are there', async () => {
  const { ledger, failed } = pipeline.target.outputs.buckets;
  const { s3 } = pipeline.target;
  const replace = async (Bucket: string, Key: string, by: string | Uint8Array = '{"torn') => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: by, IfNoneMatch: '*' }));
    return Body?.transformToByteArray();
  };
  const latest = await latestOf(pipeline.target, pipeline.target.outputs.buckets.raw, keys.hidden);
  const path = versionPath({ dataset: 'recipes', key: keys.hidden, versionId: latest?.versionId ?? '' });
  const receipt = await replace(ledger, transformationReceiptKey(path, 0));
  const objects = await run('query', '--json', 'select key, state from objects order by key');
  expect(objects.status).toBe(1);
  expect(objects.stderr).toContain(transformationReceiptKey(path, 0));
  const rows = rowsIn(objects);
  expect(rows).toHaveLength(10);
  expect(rows.filter(({ state }) => state === 'unreadable')).toEqual([
    { key: keys.hidden, state: 'unreadable' },
  ]);
  await replace(ledger, transformationReceiptKey(path, 0), receipt);
  const [file] = await Array.fromAsync(listObjects(pipeline.target, failed, rejectsPrefix(path)));
  await replace(failed, file?.Key ?? '');
  const rejects = await run('query', '--json', 'select distinct key from rejects');
  expect(rejects.status).toBe(1);
  expect(rejects.stderr).toContain(file?.Key);
  expect(
    rowsIn(rejects)
      .map(({ key }) => key)
      .sort(),
  ).toEqual([keys.csv, keys.kept, keys.mixed].sort());
  expect(await run('catalog', '--publish')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(file?.Key ?? 'no file'),
  });
  expect((await run('query', 'select count(*) from recipes')).status).toBe(0);
});

/** The locations of a table's partitions, by dataset. */
async function locations(table: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const { glue, outputs } = pipeline.target;
  const request = { DatabaseName: outputs.catalog.database, TableName: table };
  for await (const { Partitions = [] } of paginateGetPartitions({ client: glue }, request))
    for (const { Values, StorageDescriptor } of Partitions)
      found.set(Values?.[0] ?? '', StorageDescriptor?.Location ?? '');
  return found;
}

/** The rows that another reader finds in the files of a location. */
async function rowsUnder(location: string): Promise<Row[]> {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(location) ?? [];
  const rows: Row[] = [];
  for await (const { Key } of listObjects(pipeline.target, bucket, prefix)) {
    const { Body } = await pipeline.target.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    const read = await parquetReadObjects({
      file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
      compressors: { ZSTD: (input) => zstdDecompressSync(input) },
    });
    for (const row of read)
      rows.push(
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            typeof value === 'bigint' ? Number(value) : value,
          ]),
        ),
      );
  }
  return rows;
}
