import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Check } from '../../cli/check/check.ts';
import { projectDirectory } from '../../cli/target/directories.ts';
import { startTestPipeline, type TestPipeline } from '../pipeline/running-pipeline.ts';
import { copyOfCheckout } from './checkout.ts';
import { finished, sluice, startSluice } from './sluice.ts';

let pipeline: TestPipeline;
let copy: string;
beforeAll(async () => {
  copy = copyOfCheckout();
  pipeline = await startTestPipeline();
  // So that the lake's table has a schema.
  const put = await sluice(pipeline.directory, ['put', '--wait', 'examples/recipes/soups.ndjson'], {
    cwd: projectDirectory,
  });
  expect(put.status).toBe(0);
});
afterAll(async () => {
  await pipeline.close();
  rmSync(copy, { recursive: true, force: true });
});
afterEach(() => {
  for (const file of ['recipes.ts', 'passengers.ts', 'index.ts'])
    writeFileSync(join(copy, 'datasets', file), readFileSync(join(projectDirectory, 'datasets', file)));
});

function change(file: string, ...replacements: readonly (readonly [string, string])[]): void {
  let text = readFileSync(join(copy, 'datasets', file), 'utf8');
  for (const [from, to] of replacements) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  writeFileSync(join(copy, 'datasets', file), text);
}

const run = (...args: string[]) =>
  finished(startSluice(pipeline.directory, ['check', ...args], { checkout: copy }));

async function checked(): Promise<{
  status: number;
  found: Check;
  of: (name: string) => Check['datasets'][number];
}> {
  const { status, stdout, stderr } = await run('--json');
  expect(stderr).toBe('');
  const found = JSON.parse(stdout) as Check;
  return {
    status,
    found,
    of: (name) => found.datasets.find(({ dataset }) => dataset === name) as Check['datasets'][number],
  };
}

test('unchanged datasets, and a comment, are no change', async () => {
  change('recipes.ts', ['export const recipes', '/** A comment. */\nexport const recipes']);
  const { status, found } = await checked();
  expect(status).toBe(0);
  expect(found).toMatchObject({ verdict: 'compatible', commands: [] });
  expect(found.datasets.map(({ dataset, state }) => [dataset, state])).toEqual([
    ['recipes', 'same'],
    ['passengers', 'same'],
  ]);
  expect((await run()).stdout).toContain('The stack has what the datasets declare.');
});

test('a new column needs a migration and a replay, in each place', async () => {
  change(
    'recipes.ts',
    ['  row: z.object({', '  row: z.object({\n    servings: z.int32().nullable(),'],
    ['      recipe_id:', '      servings: null,\n      recipe_id:'],
  );
  const { status, found, of } = await checked();
  expect(status).toBe(0);
  expect(of('recipes')).toMatchObject({
    state: 'changed',
    code: 'changed',
    verdict: 'replay',
    columns: [
      {
        column: 'servings',
        change: 'new, int',
        places: {
          lake: { verdict: 'replay' },
          archive: { verdict: 'replay' },
          mysql: { verdict: 'replay' },
          redshift: { verdict: 'compatible' },
        },
      },
    ],
  });
  expect(of('passengers').state).toBe('same');
  expect(found.commands).toEqual([
    'npx sluice migrate --plan',
    'npm start',
    'npx sluice replay --dataset recipes',
  ]);
  expect((await run()).stdout).toMatch(
    /recipes.*: needs a replay\n.*servings +new, int +lake +needs a replay +rows until now have NULL/s,
  );
});

test('a column that changes its type is refused where its values would be lost, with exit status 1', async () => {
  change(
    'recipes.ts',
    ['    title: z.string(),\n    ingredients', '    title: z.int32(),\n    ingredients'],
    ['      title: recipe.title', '      title: recipe.title.length'],
  );
  const { status, found, of } = await checked();
  expect(status).toBe(1);
  expect(found).toMatchObject({ verdict: 'refused', commands: [] });
  expect(of('recipes').columns).toMatchObject([
    {
      column: 'title',
      change: 'int, was string',
      places: {
        lake: {
          verdict: 'refused',
          why: expect.stringContaining("Column title is string in the table's files and can't become int"),
        },
        archive: { verdict: 'replay' },
        mysql: { verdict: 'refused', why: expect.stringContaining('The column recipes.title is') },
      },
    },
  ]);
});

test('a column of CSV in the middle is refused by the table of CSV', async () => {
  change('passengers.ts', [
    '    fare: z.number().nullable(),',
    '    deck: z.string().nullish(),\n    fare: z.number().nullable(),',
  ]);
  const { status, of } = await checked();
  expect(status).toBe(1);
  expect(of('passengers').columns).toMatchObject([
    {
      column: 'deck',
      places: { csv: { verdict: 'refused', why: expect.stringContaining('Put it at the end of the row') } },
    },
  ]);
  expect(of('passengers').columns[0]?.places).not.toHaveProperty('lake');
});

test('a changed transform needs a replay of its dataset alone', async () => {
  change('passengers.ts', ["filtered('did not survive')", "filtered('died')"]);
  const { status, found, of } = await checked();
  expect(status).toBe(0);
  expect(of('passengers')).toMatchObject({
    state: 'changed',
    code: 'changed',
    verdict: 'replay',
    columns: [],
  });
  expect(of('recipes')).toMatchObject({ state: 'same', code: 'same' });
  expect(found.commands).toEqual(['npm start', 'npx sluice replay --dataset passengers']);
});

test('a dataset that is gone is refused as long as MySQL has its table', async () => {
  change(
    'index.ts',
    ['[recipes, passengers]', '[recipes]'],
    ["import { passengers } from './passengers.ts';\n", ''],
  );
  const { status, of } = await checked();
  expect(status).toBe(1);
  expect(of('passengers')).toMatchObject({
    state: 'gone',
    verdict: 'refused',
    reasons: ['The table passengers is no longer declared.'],
  });
});
