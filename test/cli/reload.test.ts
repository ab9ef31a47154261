import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectDirectory } from '../../cli/target/directories.ts';
import { copyOfCheckout } from './checkout.ts';
import { finished, startSluice } from './sluice.ts';

let copy: string;
let directory: string;
let server: ReturnType<typeof startSluice>;
let said = '';

beforeAll(async () => {
  copy = copyOfCheckout();
  directory = mkdtempSync(join(tmpdir(), 'sluice-reload-'));
  server = startSluice(directory, ['start', '--port', '0'], { checkout: copy });
  server.stderr?.on('data', (text) => (said += text));
  await new Promise<void>((resolve) => {
    server.stdout?.on('data', (text) => `${text}`.includes('Ctrl-C stops it.') && resolve());
  });
});
afterAll(async () => {
  const ended = finished(server);
  server.kill('SIGINT');
  const { status } = await ended;
  for (const each of [copy, directory]) rmSync(each, { recursive: true, force: true });
  expect(status).toBe(0);
});

const run = (...args: string[]) => finished(startSluice(directory, args, { checkout: copy }));
const soups = join(projectDirectory, 'examples/recipes/soups.ndjson');

/** Replaces texts of a dataset in the copy. */
function edit(...replacements: readonly (readonly [string, string])[]): void {
  const file = join(copy, 'datasets/recipes.ts');
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of replacements) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  said = '';
  writeFileSync(file, text);
}

test('a put after the edit of a dataset has the new column, in the lake and in MySQL', {
  timeout: 240_000,
  tags: ['mysql'],
}, async () => {
  expect(await run('put', '--wait', '-k', 'recipes/old.ndjson', soups)).toMatchObject({ status: 0 });
  edit(
    ['    time_estimate_s: z.int32(),', '    time_estimate_s: z.int32(),\n    steps: z.int32().nullable(),'],
    ['      title: recipe.title,', '      title: recipe.title,\n      steps: recipe.directions.length,'],
  );
  await expect.poll(() => said).toContain('npx sluice migrate --plan');
  expect(said).toContain('This change is not served: the old code goes on.');
  expect(await run('put', '--wait', '-k', 'recipes/new.ndjson', soups)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('goes on with the old code of the datasets'),
  });
  expect(await run('migrate', '--plan')).toMatchObject({ status: 0 });
  const put = await run('put', '--wait', '-k', 'recipes/new.ndjson', soups);
  expect(put.status, put.stderr).toBe(0);
  const select = 'select count(*) as n from recipes where steps > 0';
  const lake = await run('query', select, '--json');
  const mysql = await run('query', '--mysql', select, '--json');
  // Of the first file, which was put before, none.
  expect(JSON.parse(lake.stdout)).toEqual([{ n: 60 }]);
  expect(JSON.parse(mysql.stdout)).toEqual([{ n: 60 }]);
});

test('errors of syntax and type are told with file and line, and the old code goes on', async () => {
  const before = readFileSync(join(copy, 'datasets/recipes.ts'), 'utf8');
  const lineOf = (text: string) =>
    readFileSync(join(copy, 'datasets/recipes.ts'), 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1;
  edit(['      steps: recipe.directions.length,', "      steps: 'many',"]);
  await expect.poll(() => said).toContain('the old code goes on');
  expect(said).toMatch(/datasets\/recipes\.ts\(\d+,\d+\): error TS\d+: .*/);
  edit(["      steps: 'many',", '      steps: 1 +,']);
  await expect.poll(() => said).toContain('the old code goes on');
  expect(said).toMatch(new RegExp(`datasets/recipes\\.ts[:(]${lineOf('steps: 1 +,')}`));
  // By the command line of a checkout without the mistake.
  const key = 'recipes/meanwhile.ndjson';
  expect(await finished(startSluice(directory, ['put', '--wait', '-k', key, soups]))).toMatchObject({
    status: 0,
  });
  writeFileSync(join(copy, 'datasets/recipes.ts'), before);
  const select = 'select count(*) as n from recipes where steps > 0';
  expect(JSON.parse((await run('query', select, '--json')).stdout)).toEqual([{ n: 120 }]);
}, 240_000);
