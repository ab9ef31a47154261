import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyOfCheckout } from '../checkout.ts';
import { misfits } from '../shapes.ts';
import { finished, type Run, startSluice } from '../sluice.ts';

let copy: string;

beforeAll(() => {
  copy = copyOfCheckout();
  mkdirSync(join(copy, 'files'));
  const rows = Array.from(
    { length: 30 },
    (_, n) => `${n};${n % 3 === 0 ? '' : `2026-01-0${(n % 9) + 1}`};x${n}`,
  );
  writeFileSync(join(copy, 'files/events.csv'), `Event Id;happenedOn;note\n${rows.join('\n')}\n`);
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const run = (...args: string[]): Promise<Run> =>
  finished(startSluice(join(copy, '.local'), args, { checkout: copy }));
const read = (file: string) => readFileSync(join(copy, file), 'utf8');
const file = () => join(copy, 'files/events.csv');

test('new writes a dataset, its fixture and its migration, and try accepts the file', async () => {
  const { stdout, status } = await run('new', 'web_events', '--from', file());
  expect(status).toBe(0);
  expect(stdout).toContain('30 read = 30 written + 0 rejected');
  expect(stdout).toContain('Wrote datasets/web-events.ts, and named it in datasets/index.ts.');
  expect(stdout).toContain('npx sluice put --wait --dataset web_events ');
  expect(read('datasets/web-events.ts')).toContain("key: ['event_id'],");
  expect(read('datasets/index.ts')).toContain('[recipes, passengers, webEvents]');
  const lake: { readonly table: string }[] = JSON.parse(read('mysql/migrations/lake.json'));
  expect(lake.map(({ table }) => table)).toContain('web_events');
  expect(read('mysql/migrations/index.ts')).toContain('create-web-events.json');
  const input = read('test/datasets/web_events/events.input.csv');
  expect(input.trimEnd().split('\n')).toHaveLength(11);
  const { rows } = JSON.parse(read('test/datasets/web_events/events.expected.json'));
  expect(rows).toHaveLength(10);
  expect(rows[1]).toEqual({ event_id: 1, happened_on: '2026-01-02', note: 'x1' });

  const tried = await run('try', '--dataset', 'web_events', file());
  expect(tried.stdout).toContain('30 read = 30 written + 0 filtered + 0 rejected.');
  expect(await run('migrate', '--plan')).toMatchObject({
    stdout: 'The migrations match the datasets: there is nothing to plan.\n',
  });

  expect(
    misfits(
      new Map([['NewDataset', [JSON.parse((await run('new', 'same', '--from', file(), '--json')).stdout)]]]),
    ),
  ).toEqual([]);

  const kept = await run('fixture', '--dataset', 'web_events', '--name', 'all', '--json', file());
  expect(JSON.parse(kept.stdout)).toEqual({
    dataset: 'web_events',
    input: 'test/datasets/web_events/all.input.csv',
    expected: 'test/datasets/web_events/all.expected.json',
    read: 30,
    written: 30,
    rejected: 0,
  });
  expect(read('test/datasets/web_events/all.input.csv')).toBe(readFileSync(file(), 'utf8'));
});

test('new writes nothing where it can’t make all of it, or is only asked to show it', async () => {
  const index = read('datasets/index.ts');
  const shown = await run('new', 'more', '--from', file(), '--dry-run');
  expect(shown).toMatchObject({ status: 0, stdout: expect.stringContaining("  name: 'more',\n") });
  for (const [name, from, message] of [
    ['passengers', file(), 'There is a dataset passengers already: choose another name.'],
    ['More', file(), '"More" can\'t be a dataset\'s name'],
    ['more', join(copy, 'files/none.csv'), "can't be read"],
    ['more', join(copy, 'Pulumi.yaml'), 'The file is neither JSON nor CSV'],
  ] as const)
    expect(await run('new', name, '--from', from), message).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(message),
    });
  expect(read('datasets/index.ts')).toBe(index);
  expect(existsSync(join(copy, 'datasets/more.ts'))).toBe(false);
  expect(existsSync(join(copy, 'test/datasets/more'))).toBe(false);
});
