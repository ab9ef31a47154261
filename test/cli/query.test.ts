import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { renderExpanded } from '../../cli/commands/query.ts';
import { crawlAndWait } from '../../cli/lake/catalog.ts';
import { queryLake } from '../../cli/lake/lake.ts';
import { settledState, startTestPipeline, type TestPipeline } from '../pipeline/running-pipeline.ts';
import { finished, sluice, startShell } from './sluice.ts';

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
  await crawlAndWait(pipeline.target, 60);
});

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
      'There is no table nosuch. The tables are recipes, passengers, rejects, objects.',
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

  test('of a table with files that no crawl has registered says so, and of another table not', async () => {
    await putRecipe('feast', 60);
    const sees = await query('select count(*) as recipes from recipes');
    expect(sees).toMatchObject({ status: 0, stdout: 'recipes\n      1\n(1 row)\n' });
    expect(sees.stderr).toBe(
      "1 file of recipes is in a partition that no crawl has registered, so queries don't see it. To register: npx sluice crawl --wait\n",
    );
    expect((await query('select count(*) from passengers')).stderr).toBe('');
  });
});
