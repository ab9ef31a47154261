import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand } from '@aws-sdk/client-glue';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { queryLake } from '../../cli/lake/lake.ts';
import { renderExpanded } from '../../cli/terminal/rows.ts';
import { settledState, startTestPipeline, type TestPipeline } from '../pipeline/running-pipeline.ts';
import { documents, finished, sluice, startShell } from './sluice.ts';

const files = mkdtempSync(join(tmpdir(), 'sluice-query-'));
let pipeline: TestPipeline;

async function putRecipe(name: string, steps: number): Promise<void> {
  const directions = Array.from({ length: steps }, () => 'Stir, and "wait".');
  const { s3, outputs } = pipeline.target;
  const Key = `recipes/${name}.ndjson`;
  const Body = JSON.stringify({ title: name, ingredients: ['water'], directions });
  const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: outputs.buckets.raw, Key, Body }));
  await settledState(pipeline.target, Key, VersionId);
}

beforeAll(async () => {
  pipeline = await startTestPipeline();
  await putRecipe('soup', 1);
}, 60_000);

afterAll(async () => {
  await pipeline.close();
  rmSync(files, { recursive: true, force: true });
});

const query = (...args: string[]) => sluice(pipeline.directory, ['query', ...args]);
const ask = (sql: string, limits = {}) => queryLake(pipeline.target, sql, () => {}, limits);

describe('a query', () => {
  test.each([
    "copy (select 1) to 'FILES/x.csv'",
    "copy (select 1) to 'LAKE/x.csv'",
    "explain analyze copy (select 1) to 'LAKE/y.csv'",
    "select * from read_text('/etc/hostname')",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('LAKE/../instance.json')",
    "select * from '/etc/passwd'",
    "select * from glob('/etc/*')",
    "attach 'FILES/x.db'",
    "attach 'LAKE/x.db'",
    "export database 'LAKE/x'",
    'install httpfs',
    'load httpfs',
    'create table t as select 1',
    'drop view recipes',
    'set enable_external_access = true',
    'reset lock_configuration',
    "pragma temp_directory = '/tmp'",
    'call enable_logging()',
  ])('can neither write files nor read others than the copies of the lake: %s', async (sql) => {
    const lake = join(pipeline.target.directory, 'lake');
    const listed = () => [...readdirSync(lake, { recursive: true }), ...readdirSync(files)];
    await ask('select count(*) from recipes');
    const there = listed();
    await expect(ask(sql.replace('FILES', files).replace('LAKE', lake))).rejects.toThrow(
      /query only reads: |Parser Error|disabled (by|through) configuration|There is no table|does not exist|configuration has been locked/,
    );
    expect(listed()).toEqual(there);
  });

  test.each([
    'select count(*) from recipes;',
    'explain select * from recipes',
    'explain analyze select * from recipes',
    'describe recipes',
    'show tables',
    'with a as (select * from recipes) select * from a -- the end; really',
    "select ';' from recipes",
  ])('is allowed if it reads: %s', async (sql) => {
    expect((await ask(sql)).rows.length).toBeGreaterThan(0);
  });

  test.each([
    ['select 1; select 2', 'These are 2 statements: query runs one at a time, and has run none.'],
    [
      'select * from nosuch',
      'There is no table nosuch. The tables are passengers, passengers_archive, recipes, recipes_archive, rejects, objects.',
    ],
    [' -- nothing', 'There is no statement. Give one: npx sluice query "select 1"'],
  ])('that can not be run says why: %s', async (sql, message) => {
    expect(await query(sql)).toEqual({ status: 1, stdout: '', stderr: `${message}\n` });
  });

  test('returns no more rows than it is asked for, and says that there are more', async () => {
    expect(await ask('select * from range(5000000)', { rows: 3 })).toMatchObject({
      rows: [[0], [1], [2]],
      cut: true,
    });
    expect((await ask('select * from range(3)', { rows: 3 })).cut).toBeUndefined();
  });

  test('is interrupted by its signal', async () => {
    const stop = new AbortController();
    const running = ask('select count(*) from range(1000000) a, range(1000000) b', { signal: stop.signal });
    setTimeout(() => stop.abort(), 200);
    await expect(running).rejects.toThrow('aborted');
  });

  test('is read from a file or from standard input', async () => {
    const file = join(files, 'count.sql');
    writeFileSync(file, '-- how many\nselect count(*) as recipes from recipes;\n');
    const expected = { status: 0, stdout: 'recipes\n      1\n(1 row)\n' };
    expect(await query('--file', file)).toMatchObject(expected);
    const piped = startShell(pipeline.directory, `npx sluice query - < ${file}`);
    expect(await finished(piped)).toMatchObject(expected);
    expect(await query('select 1', '--file', file)).toMatchObject({ status: 1 });
    expect(await query('--file', join(files, 'none.sql'))).toMatchObject({ status: 1 });
  });

  test('prints CSV that keeps texts, numbers, lists and NULL', async () => {
    const sql = `select title, directions, 12345678901234567890::decimal(20,0) as n, -1.50::decimal(9,2) as d, null as z, '=1+1' as f from recipes`;
    const { stdout } = await query('--csv', sql);
    expect(stdout).toBe(
      'title,directions,n,d,z,f\r\nsoup,"[""Stir, and \\""wait\\"".""]",12345678901234567890,-1.50,,\'=1+1\r\n',
    );
  });

  test('prints each value on a line of its own, if asked or if the terminal is too narrow', async () => {
    const { stdout } = await query('--expanded', "select title, 'b' as longer from recipes");
    expect(stdout).toBe('row 1\ntitle   soup\nlonger  b\n(1 row)\n');
    const { isTTY, columns } = process.stdout;
    Object.assign(process.stdout, { isTTY: true, columns: 20 });
    onTestFinished(() => void Object.assign(process.stdout, { isTTY, columns }));
    const names = ['a', 'bcd'].map((name) => ({ name, numeric: false }));
    expect(renderExpanded({ columns: names, rows: [['x', 'one two three four']] })).toContain(
      '\na    x\nbcd  one two three\n     four\n',
    );
  });

  test('reads a table as it was in a snapshot or at a time, and as it is now', async () => {
    const [first] = documents(await sluice(pipeline.directory, ['snapshots', 'recipes', '--json']));
    const between = new Date().toISOString();
    await putRecipe('feast', 60);
    await putRecipe('soup', 2);
    const titles = 'select title, len(directions) as steps from recipes order by title';
    const was = 'title,steps\r\nsoup,1\r\n';
    expect((await query('--csv', titles)).stdout).toBe('title,steps\r\nfeast,60\r\nsoup,2\r\n');
    expect((await query('--csv', '--at', `${first?.['snapshot']}`, titles)).stdout).toBe(was);
    expect((await query('--csv', '--at', between, titles)).stdout).toBe(was);
    const listed = documents(await sluice(pipeline.directory, ['snapshots', 'recipes', '--json']));
    expect(listed.map(({ current }) => current)).toEqual([true, ...listed.slice(1).map(() => false)]);
    expect(listed.at(-1)).toEqual({ ...first, current: false });
    expect(listed[0]).toMatchObject({ table: 'recipes', total: { files: 2, rows: 2 } });
    const rows = (of: 'added' | 'removed') =>
      listed.reduce((all, { [of]: counts }) => all + (counts as { rows: number }).rows, 0);
    expect(rows('added') - rows('removed')).toBe(2);
    const shown = (await sluice(pipeline.directory, ['snapshots', '--newest', '1'])).stdout;
    expect(shown).toContain(`recipes: ${listed.length} snapshots\n`);
    expect(shown).toContain(`${listed[0]?.['snapshot']} (current)`);
    expect(shown).not.toContain(first?.['snapshot']);
  });

  test.each([
    [
      '2020-01-01',
      'select 1 from recipes',
      'recipes has no snapshot of 2020-01-01T00:00:00.000Z or before. They are: ',
    ],
    ['12345', 'select 1 from recipes', 'recipes has no snapshot 12345. They are: '],
    ['1h', 'select 1 from passengers', 'passengers has no snapshots, only what it shows now'],
    ['1h', 'select 1 from rejects', 'rejects has no snapshots, only what it shows now'],
    ['1h', 'select 1', 'The query names no table of which --at could choose a snapshot. These are recipes.'],
  ])('of a snapshot that there is not says which there are: %s, %s', async (at, sql, message) => {
    const { status, stderr } = await query('--at', at, sql);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(message) });
  });

  test('of what is neither a snapshot nor a time is refused', async () => {
    expect(await query('--at', 'yesterday', 'select 1 from recipes')).toMatchObject({ status: 2 });
  });

  test('of a table that nothing was committed to finds no rows', async () => {
    expect((await ask('select * from sluice_verification')).rows).toEqual([]);
  });

  test('of a CSV table with files in partitions that the catalog does not know says so, and of another table not', async () => {
    const { s3, glue, outputs } = pipeline.target;
    const Bucket = outputs.buckets.processed;
    const put = (day: number) =>
      s3.send(
        new PutObjectCommand({
          Bucket,
          Key: `sightings/table/day=${day}/a.csv`,
          Body: `bird\r\n"${day}"\r\n`,
        }),
      );
    const StorageDescriptor = {
      Location: `s3://${Bucket}/sightings/table/`,
      Columns: [{ Name: 'bird', Type: 'string' }],
    };
    await glue.send(
      new CreateTableCommand({
        DatabaseName: outputs.catalog.database,
        TableInput: {
          Name: 'sightings',
          Parameters: { classification: 'csv' },
          PartitionKeys: [{ Name: 'day', Type: 'string' }],
          StorageDescriptor,
        },
      }),
    );
    await put(1);
    const sees = await query('select count(*) as birds from sightings');
    expect(sees).toMatchObject({ status: 0, stdout: 'birds\n    0\n(1 row)\n' });
    expect(sees.stderr).toBe(
      "1 file of sightings is in a partition that the catalog does not know, so queries don't see it. To register: npx sluice catalog --register\n",
    );
    expect((await query('select count(*) from passengers')).stderr).toBe('');
    const registered = await sluice(pipeline.directory, ['catalog', '--register']);
    // Beside it those of the archive, which no crawl has registered either.
    expect(registered.stdout).toContain('Added 3 partitions.');
    await put(2);
    expect(await ask('select bird, day from sightings')).toMatchObject({
      rows: [['1', '1']],
      unseen: [{ table: 'sightings', files: 1 }],
    });
  });
});
