import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectDirectory } from '../../../cli/target/directories.ts';
import { readProgram } from '../../../local-aws/program/program.ts';
import { copyOfCheckout } from '../checkout.ts';
import { finished, type Run, startSluice } from '../sluice.ts';

let copy: string;

beforeAll(() => {
  copy = copyOfCheckout();
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const recorded = () => readFileSync(join(copy, 'mysql', 'migrations', 'lake.json'), 'utf8');

/** Rewrites the rows of the passengers, which are CSV, in the copy. */
function declare(column: string, instead: string): void {
  const original = readFileSync(join(projectDirectory, 'datasets', 'passengers.ts'), 'utf8');
  const changed = original.replace(column, instead);
  expect(changed).not.toBe(original);
  writeFileSync(join(copy, 'datasets', 'passengers.ts'), changed);
}

const run = (...args: string[]): Promise<Run> =>
  finished(
    startSluice(join(copy, '.local'), args, { checkout: copy, environment: { SLUICE_NO_MYSQL: '1' } }),
  );

test('start, the Pulumi program and migrate --plan refuse a CSV column that is added in the middle, and write nothing', async () => {
  const before = recorded();
  declare(
    '    fare: z.number().nullable(),',
    '    deck: z.string().nullish(),\n    fare: z.number().nullable(),',
  );
  const message = 'The new column deck of passengers takes the place of fare. Put it at the end of the row.';
  await expect(readProgram({ stack: 'dev', directory: copy })).rejects.toThrow(message);
  for (const command of [
    ['migrate', '--plan'],
    ['start', '--port', '0', '--ephemeral'],
  ])
    expect(await run(...command)).toMatchObject({ status: 1, stderr: expect.stringContaining(message) });
  expect(recorded()).toBe(before);
}, 60_000);

test('the program refuses a column at the end until migrate --plan has recorded it', async () => {
  declare(
    '    embarked: z.string().nullable(),\n  }),\n  key',
    '    embarked: z.string().nullable(),\n    deck: z.string().nullish(),\n  }),\n  key',
  );
  const program = () => readProgram({ stack: 'dev', directory: copy });
  await expect(program()).rejects.toThrow(
    'Record it and commit it with the dataset: npx sluice migrate --plan',
  );
  expect(await run('migrate', '--plan')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('ADD COLUMN `deck`'),
  });
  expect(recorded()).toContain('"embarked",\n      "deck"');
  await expect(program()).resolves.toHaveProperty('resources');
}, 60_000);
