import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { readCatalog } from '../../cli/lake/catalog.ts';
import { runningPage } from './running-page.ts';

const running = runningPage();
const RECORDS = 1_001;
const recipe = (title: string) =>
  JSON.stringify({ title, ingredients: ['water'], directions: ['Boil for 10 minutes.'] });

beforeAll(async () => {
  const lines = Array.from({ length: RECORDS }, (_, i) => recipe(`Soup ${i}`));
  await running.put('recipes/many.ndjson', `${lines.join('\n')}\n`);
});

const result = (page: Page) => page.getByRole('region', { name: 'Result' });

/** Replaces what is in the box, and runs it as a person would: by Ctrl+Enter. */
async function query(page: Page, sql: string): Promise<void> {
  const box = page.getByLabel('SQL over the lake');
  await box.fill(sql);
  await box.press('Control+Enter');
}

test('the tables are listed with the columns that the catalog has', async () => {
  const page = await running.open('#/query');
  const tables = page.getByRole('complementary', { name: 'Tables' });
  await tables.getByRole('button', { name: 'select * from recipes', exact: true }).waitFor();
  // Those of the archive have the same columns, and are shown when they are opened.
  await tables.getByText('recipes_archive', { exact: true }).click();
  await tables.getByText('passengers_archive', { exact: true }).click();
  const shown = (await tables.locator('.columns > div').allInnerTexts()).map((text) => text.split('\n'));
  const catalog = (await readCatalog(running.target)).flatMap(({ columns, partitionKeys }) =>
    [...columns, ...partitionKeys].map(({ name, type }) => [name, type]),
  );
  expect(catalog.length).toBeGreaterThan(10);
  expect(shown.map(([name]) => name)).toEqual(catalog.map(([name]) => name));
  await tables.getByRole('button', { name: 'select * from passengers', exact: true }).click();
  expect(await page.getByLabel('SQL over the lake').inputValue()).toBe('select * from passengers limit 100');
});

test('Ctrl+Enter runs a query, and its rows, types and time are shown', async () => {
  const page = await running.open('#/query');
  await query(page, `select count(*) as n, min(title) as first, null as nothing from recipes`);
  await result(page)
    .getByText(/^1 row, \d/)
    .waitFor();
  const cells = await result(page).getByRole('cell').allInnerTexts();
  expect(cells).toEqual([`${RECORDS}`, 'Soup 0', 'null']);
  expect(await result(page).getByRole('columnheader').allInnerTexts()).toEqual(['n', 'first', 'nothing']);
  await query(page, 'select * from recipes where false');
  await result(page).getByText('No rows.').waitFor();
});

test('a query in the address waits in the box until a person runs it', async () => {
  const page = await running.open(`#/query/${encodeURIComponent("select 'from the address' as x")}`);
  expect(await page.getByLabel('SQL over the lake').inputValue()).toBe("select 'from the address' as x");
  await page.waitForLoadState('networkidle');
  expect(await result(page).count()).toBe(0);
  await page.getByRole('button', { name: 'Run' }).click();
  await result(page).getByRole('cell', { name: 'from the address' }).waitFor();
});

test('a query that fails says why, and what was wrong', async () => {
  running.expectStatus(422);
  running.expectStatus(502);
  const page = await running.open('#/query');
  await query(page, 'select titel from recipes');
  const alert = page.getByRole('alert');
  await alert.getByText(/titel/).waitFor();
  expect(await alert.innerText()).not.toMatch(/^\s*at |\.ts:\d/m);
  expect(await result(page).count()).toBe(0);
  await query(page, 'select 1 as one');
  await result(page).getByRole('cell', { name: '1', exact: true }).waitFor();
  expect(await alert.count()).toBe(0);
});

test('of more than 1,000 rows the first are shown, and a word says so', async () => {
  const page = await running.open('#/query');
  await query(page, 'select title from recipes');
  await result(page)
    .getByText(/^The first 1,000 rows; there are more/)
    .waitFor();
  expect(await result(page).locator('tbody tr').count()).toBe(1_000);
});
