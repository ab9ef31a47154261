import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, inject, test } from 'vitest';
import { projectDirectory } from '../../cli/target/directories.ts';
import { deadLetter } from './dead-letter.ts';
import { descriptionOf, withDescription } from './described-picture.ts';
import { runningPage } from './running-page.ts';

const running = runningPage();
const file = join(projectDirectory, 'docs/pictures/flow.png');
const MOST_BYTES = 150_000;
const cure = 'To draw it anew: PICTURE=1 npm run test:browser -- picture. Look at it before you commit it.';
const soup = '{"title":"Soup","ingredients":["water"],"directions":["Boil for 10 minutes."]}\n';
const example = (path: string) => readFileSync(join(projectDirectory, 'examples', path));

/**
 * A pipeline in which there is something to see: what flowed, what has rejects, what failed, a dead letter.
 */
async function scene(page: Page): Promise<void> {
  await deadLetter(running, { key: 'recipes/brunch.ndjson', body: soup, reason: 'Access Denied' });
  await page.getByText('1 message could not be processed.').waitFor();
  const many = Array.from({ length: 12 }, (_, i) => `recipes/2026/${100 + i}.ndjson`);
  await Promise.all(many.map((key) => running.put(key, soup.repeat(20))));
  for (const key of [
    'passengers/titanic.csv',
    'recipes/family-cookbook.json',
    'recipes/with-mistakes.json',
    'recipes/not-json.json',
    'recipes/street-food.ndjson.zst',
  ])
    await running.put(key, example(key));
}

/**
 * What a reader of the picture sees, in words: the page's accessibility tree, without numbers and times. An
 * alarm may ring, or not yet.
 */
async function described(page: Page): Promise<string> {
  const parts = [
    page.getByRole('banner'),
    page.locator('.verdict'),
    page.getByRole('region', { name: 'The flow' }),
    page.locator('section.card', { hasText: 'What ended last' }),
  ];
  const trees = await Promise.all(parts.map((part) => part.ariaSnapshot()));
  return trees
    .join('\n')
    .replace(/^ *- \/url: .*\n/gm, '')
    .replace(/(, )?the oldest message [\d.,]+ \w+/g, '')
    .replace(/\d[\d.,]*( (ms|s|min|h)\b)?/g, 'N');
}

/** Without the paragraphs' colons: nothing is left after one if it told the oldest message. */
const evened = (description: string) => description.replace(/paragraph: *$/gm, 'paragraph');

test('docs/pictures/flow.png, the picture in the README, shows the page as it is', async () => {
  const page = await running.open('#/', { width: 1280, height: 800, theme: 'light' });
  await scene(page);
  const recent = page.locator('.recent');
  await recent.getByText('recipes/street-food.ndjson.zst').waitFor();
  await page.getByText('1 message could not be processed. Nothing waits.').waitFor();
  await page.getByRole('link', { name: '18 files' }).waitFor();
  const description = await described(page);
  for (const told of ['DLQ N', 'with-mistakes.json', 'text: done', 'text: failed', 'unknown_format'])
    expect(description).toContain(told);

  if (inject('picture'))
    writeFileSync(file, withDescription(await page.screenshot({ animations: 'disabled' }), description));
  if (!existsSync(file)) throw new Error(`There is no docs/pictures/flow.png. ${cure}`);
  const png = readFileSync(file);
  expect(png.length).toBeLessThan(MOST_BYTES);
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1280, 800]);
  const drawn = evened(descriptionOf(png) ?? '');
  expect(drawn, `The page has changed since its picture was drawn. ${cure}`).toBe(evened(description));
});
