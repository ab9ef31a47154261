import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stackOutputs } from '../../infra/outputs.ts';
import { startTestPipeline, type TestPipeline } from '../pipeline/running-pipeline.ts';
import { finished, sluice as run, startSluice } from './sluice.ts';

let pipeline: TestPipeline;
const files = mkdtempSync(join(tmpdir(), 'sluice-files-'));

beforeAll(async () => {
  pipeline = await startTestPipeline();
});

afterAll(async () => {
  await pipeline.close();
  rmSync(files, { recursive: true, force: true });
});

const sluice = (args: readonly string[], directory = pipeline.directory) =>
  run(directory, args, { cwd: files });

function file(name: string, content: string): string {
  writeFileSync(join(files, name), content);
  return name;
}

const soup = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] };

describe('the output of the commands', () => {
  test('outputs --json prints the outputs of the stack', async () => {
    const { status, stdout } = await sluice(['outputs', '--json']);
    expect(status).toBe(0);
    expect(stackOutputs.parse(JSON.parse(stdout))).toEqual(pipeline.target.outputs);
  });

  test('put --wait prints the result of the records, status shows the object, and query finds the rows', async () => {
    const put = await sluice([
      'put',
      '-d',
      'recipes',
      file('soup.ndjson', `${JSON.stringify(soup)}\n{}\n`),
      '--wait',
    ]);
    expect(put).toMatchObject({ status: 0 });
    expect(put.stdout).toBe(
      'soup.ndjson → recipes/soup.ndjson\n' +
        'recipes/soup.ndjson: done  2 read = 1 written + 0 filtered + 1 rejected (missing_field 1)\n',
    );

    const status = await sluice(['status', '--json']);
    const { stages, objects } = JSON.parse(status.stdout);
    expect(stages.map(({ stage }: { stage: string }) => stage)).toEqual([
      'extraction',
      'transformation',
      'commit',
      'loading',
    ]);
    expect(stages[0]).toMatchObject({ waiting: 0, dead: 0, undelivered: 0 });
    expect(objects).toContainEqual(
      expect.objectContaining({ key: 'recipes/soup.ndjson', stage: 'done', rejected: { missing_field: 1 } }),
    );

    const titles = ['query', '--json', 'select title, count(*) as n from recipes group by 1'];
    expect(JSON.parse((await sluice(titles)).stdout)).toEqual([{ title: 'Soup', n: 1 }]);
    const crawl = await sluice(['crawl', '--wait']);
    expect(crawl.stdout).toMatch(/^The crawl ended after \d+\.\d s\.\n$/);
    const catalog = JSON.parse((await sluice(['catalog', '--json'])).stdout);
    expect(catalog).toMatchObject({ findings: 0, drift: [], crawler: { running: false, lastFailed: false } });
    expect(catalog.tables.find(({ name }: { name: string }) => name === 'recipes')).toMatchObject({
      partitions: [],
      summary: { partitionedBy: ['difficulty'], files: 1, rows: 1 },
    });
  });

  test('put --json prints the same fields with and without --wait, and crawl --json whether it has started one', async () => {
    const name = file('twice.json', '[]');
    const put = ['put', '-d', 'recipes', '--json', name];
    const [sent] = JSON.parse((await sluice(put)).stdout);
    expect(sent).toEqual({
      file: name,
      key: 'recipes/twice.json',
      versionId: expect.any(String),
      dataset: 'recipes',
    });
    const [waited] = JSON.parse((await sluice([...put, '--wait'])).stdout);
    expect(waited).toMatchObject({ ...sent, versionId: expect.any(String), stage: 'done', read: 0 });
    const { crawler } = pipeline.target.outputs.catalog;
    expect(JSON.parse((await sluice(['crawl', '--json', '--wait'])).stdout)).toEqual({
      crawler,
      started: true,
      tookMs: expect.any(Number),
    });
    expect(JSON.parse((await sluice(['crawl', '--json'])).stdout)).toEqual({ crawler, started: true });
  });

  test('put --wait exits with 1 for a file that can’t be read', async () => {
    const { status, stdout } = await sluice(['put', '-d', 'recipes', file('page.json', '<html>'), '--wait']);
    expect(status).toBe(1);
    expect(stdout).toContain('recipes/page.json: failed, unknown_format');
    expect(stdout).toContain('The file begins with "<html>", not with a JSON array or object.');
  });

  test('query prints the control characters of a title as escapes', async () => {
    const name = file('clear.json', JSON.stringify([{ ...soup, title: '\u001b[2J\u202egone' }]));
    expect((await sluice(['put', '-d', 'recipes', name, '--wait'])).status).toBe(0);
    expect((await sluice(['crawl', '--wait'])).status).toBe(0);
    const { stdout } = await sluice(['query', "select title from recipes where title like '%gone'"]);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toContain('\u202e');
    expect(stdout).toContain('\\u202egone');
  });

  test('two keys never look the same, neither in output nor in error messages', async () => {
    const [odd, plain] = ['recipes/x\u001b[2J.json', 'recipes/x.json'];
    for (const key of [odd, plain])
      expect(
        (await sluice(['put', '--key', key, file('soup.json', JSON.stringify([soup])), '--wait'])).stdout,
      ).toContain(`→ ${key.replace('\u001b', '\\u001b')}\n`);
    const status = await sluice(['status', odd]);
    expect(status.stdout).toContain('recipes/x\\u001b[2J.json');
    for (const args of [
      [odd],
      ['put', '--nothing', '--', odd],
      ['fault', 'add', odd],
      ['status', '--newest', odd],
    ]) {
      const { status: code, stderr } = await sluice(args);
      expect(code).toBe(2);
      expect(stderr).not.toContain('\u001b');
    }
    expect((await sluice([odd])).stderr).toContain("unknown command 'recipes/x\\u001b[2J.json'");
  });

  // Those that no other test starts as a process, where a connection left open would keep it from its end.
  test.each([
    ['alarms'],
    ['catalog'],
    ['executions'],
    ['fault', 'list'],
    ['iam'],
    ['outputs'],
    ['rejects'],
    ['schema', 'recipes', '--glue'],
  ])('the process of sluice %s ends by itself', async (...args) => {
    const ended = await finished(startSluice(pipeline.directory, args));
    expect(ended.status).toBe(0);
    expect(ended.stdout).not.toBe('');
  });

  test('each command has a help text', async () => {
    const { stdout } = await sluice(['--help']);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+)[ |]/gm)].map(([, name = '']) => name);
    expect(commands).toEqual(expect.arrayContaining(['start', 'demo', 'put', 'query', 'outputs', 'status']));
    for (const name of ['put', 'query', 'status']) {
      const help = await sluice([name, '--help']);
      expect(help.status).toBe(0);
      expect(help.stdout).toContain(`Usage: sluice ${name}`);
    }
  });
});

describe('the errors of the commands', () => {
  test.each([
    [['frobnicate'], 2, "unknown command 'frobnicate'"],
    [['put'], 2, "missing required argument 'file'"],
    [['query', 'selec 1'], 1, 'The query failed: Parser Error'],
    [['put', '-d', 'recipes', 'no-such-file.json'], 1, 'no-such-file.json can’t be read'.replace('’', "'")],
    [['put', '-d', 'recipes', '.'], 1, '. is a directory. Name its files: ./*'],
    [
      ['put', 'x', '--dataset', 'wines'],
      1,
      'There is no dataset "wines". The datasets are recipes, passengers.',
    ],
    [['help', 'frobnicate'], 2, "unknown command 'frobnicate'"],
    [['frobnicate', '--help'], 2, "unknown command 'frobnicate'"],
    [['-s', 'prod', 'frobnicate', '-h'], 2, "unknown command 'frobnicate'"],
    [['replay', 'recipes/never-put.json', '--force'], 1, 'There is no object recipes/never-put.json'],
    [['explain', 'recipes/never-put.json'], 1, 'There is no history of recipes/never-put.json'],
    [['status', 'recipes/never-put.json'], 1, 'There is no object recipes/never-put.json'],
  ])('sluice %s exits with %i and says why', async (args, status, message) => {
    const ended = await sluice(args);
    expect(ended.status).toBe(status);
    expect(ended.stderr).toContain(message);
    expect(ended.stderr).not.toContain('    at ');
  });

  test.each([
    [['frobnicate', '--json'], 2, { code: 'usage', message: "unknown command 'frobnicate'" }],
    [['put', '--json'], 2, { code: 'usage', message: "missing required argument 'file'" }],
    [
      ['replay', 'recipes/never-put.json', '--json'],
      1,
      {
        code: 'refused',
        message: expect.stringContaining('There is no object'),
        command: 'npx sluice status',
      },
    ],
  ])('with --json, the error of sluice %s is one document on stderr', async (args, status, error) => {
    const ended = await sluice(args);
    expect(ended).toMatchObject({ status, stdout: '' });
    expect(JSON.parse(ended.stderr)).toEqual({ error });
  });

  test('a command without a local cloud says how to start one', async () => {
    const ended = await sluice(['status'], files);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toBe('The local cloud is not running. Start it in another terminal: npm start\n');
  });

  test('put uploads neither of two files that would become the same object', async () => {
    const name = file('twin.json', '[]');
    const ended = await sluice(['put', '-d', 'recipes', name, join(files, name)]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('would both become recipes/twin.json');
    expect((await sluice(['status', 'recipes/twin.json'])).stderr).toContain('There is no object');
  });

  test('start names a directory that can’t be used', async () => {
    const ended = await sluice(['start', '--port', '0'], join(files, file('a-file', '')));
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain("can't be used: ");
    expect(ended.stderr).not.toContain('    at ');
  });

  test('two local clouds never share a directory', async () => {
    const ended = await sluice(['start', '--port', '0']);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(`is already running in`);
  });
});
