import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { printable } from '../../cli/terminal/printable.ts';
import { deadLetter } from './dead-letter.ts';
import { runningPage } from './running-page.ts';

const running = runningPage();
const attack =
  '<img src=x onerror="alert(1)"></script><script>alert(2)</script><a href=javascript:alert(3)>x</a>';
const unseen = 'a\u202egpj.exe\u200b\u2066 \u001b[31mred\u001b[0m\u0007';

/**
 * Keys that look like HTML, reverse the line, hide, name what a program has already, or need escaping in an
 * address.
 */
const keys = [
  `recipes/${attack}.ndjson`,
  `recipes/${unseen}.ndjson`,
  'recipes/__proto__',
  'recipes/constructor/toString',
  `recipes/"quotes' and \`ticks\`.ndjson`,
  'recipes/#hash?query=1&x=%2F%00%zz + spaces /../..//.ndjson',
  'recipes/ünïcödé 漢字 🍲👩‍🍳.ndjson',
  `recipes/${'k'.repeat(1_024 - 'recipes/'.length)}`,
  `recipes/${'no-break'.repeat(60)}/${'ü'.repeat(200)}`,
];
const rejected = (title: string) => JSON.stringify({ title, ingredients: title });
const good = (title: string) =>
  JSON.stringify({ title, ingredients: [title], directions: ['Boil for 10 minutes.'], tags: [title] });
const long = `${attack}${'x'.repeat(999_000)}`;
const views = ['#/', '#/objects', '#/rejects', '#/dead-letters', '#/query', '#/runs', '#/metrics'];

beforeAll(async () => {
  for (const key of keys) await running.put(key, `${rejected(`${attack} ${unseen}`)}\n${good(attack)}\n`);
  await running.put('recipes/long.ndjson', `${rejected(long)}\n`);
  await deadLetter(running, {
    key: `recipes/dead ${attack}`,
    body: good(attack),
    reason: `${attack} ${unseen}`,
  });
});

/** How far the page can be scrolled sideways, in pixels: nothing should reach beyond its edge. */
const overhang = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
/** Elements that only the text of an object could have made. */
const planted = (page: Page) =>
  page.locator('main img, main script, main iframe, main [onerror], main a[href^="javascript:" i]').count();

describe('what is hostile is shown, and does nothing', () => {
  test.each(views)('in %s, wide and narrow', async (place) => {
    for (const width of [1280, 390]) {
      const page = await running.open(place, { width });
      await page.waitForLoadState('networkidle');
      expect([width, await planted(page), await overhang(page)]).toEqual([width, 0, 0]);
      await page.close();
    }
  });

  test('in the list of objects, every link leads to its object, whatever the key', async () => {
    const { Versions = [] } = await running.target.s3.send(
      new ListObjectVersionsCommand({ Bucket: running.target.outputs.buckets.raw }),
    );
    expect(Versions.map(({ Key }) => Key)).toEqual(expect.arrayContaining(keys));
    const page = await running.open('#/objects', { width: 390 });
    for (const key of keys) {
      await page.goto(`${running.origin}/#/objects`);
      const link = page.getByRole('link', { name: printable(key), exact: true });
      await link.click();
      await page.getByText('2 read = 1 written + 0 filtered + 1 rejected').waitFor();
      expect(await page.locator('h1').textContent()).toBe(printable(key));
      expect(decodeURIComponent(new URL(page.url()).hash)).toBe(`#/object/${key}`);
      expect([key, await planted(page), await overhang(page)]).toEqual([key, 0, 0]);
    }
  });

  test('a record is shown as it was sent, with what can’t be seen escaped', async () => {
    const page = await running.open(`#/object/${encodeURIComponent(keys[0] ?? '')}`);
    const record = page.locator('.rejects code').first();
    await record.waitFor();
    const text = (await record.textContent()) ?? '';
    expect(text).toContain('<img src=x onerror=\\"alert(1)\\"></script><script>alert(2)</script>');
    expect(text).toContain('\\u202egpj.exe\\u200b\\u2066');
    for (const character of '\u202e\u200b\u2066\u001b\u0007') expect(text).not.toContain(character);
  });

  test('a record of a megabyte is shown from its beginning, and does not stretch the page', async () => {
    const page = await running.open('#/object/recipes%2Flong.ndjson', { width: 390 });
    const record = page.locator('.rejects .long');
    await record.first().waitFor();
    expect((await record.first().innerText()).length).toBeLessThan(500);
    await record
      .first()
      .getByRole('button', { name: /^Show all/ })
      .click();
    await record.first().getByRole('button', { name: 'Show less' }).waitFor();
    expect([await planted(page), await overhang(page)]).toEqual([0, 0]);
  });

  test('rows of the lake with such texts are shown as texts', async () => {
    const page = await running.open('#/query', { width: 390 });
    await page
      .getByLabel('SQL over the lake')
      .fill(`select title as "${attack.replaceAll('"', '""')}" from recipes`);
    await page.getByRole('button', { name: 'Run' }).click();
    const result = page.getByRole('region', { name: 'Result' });
    await result.getByText(`${keys.length} rows`).waitFor();
    expect(await result.getByRole('columnheader').textContent()).toBe(attack);
    expect(await result.getByRole('cell').allTextContents()).toEqual(keys.map(() => attack));
    expect([await planted(page), await overhang(page)]).toEqual([0, 0]);
  });

  test('a dead letter’s reason is text, and a search for such a key finds it', async () => {
    const page = await running.open('#/dead-letters');
    await page
      .getByText(printable(`${attack} ${unseen}`))
      .first()
      .waitFor();
    expect(await planted(page)).toBe(0);
    await page.goto(`${running.origin}/#/objects`);
    await page.getByRole('searchbox').fill('DEAD <img');
    await page.getByRole('link', { name: `recipes/dead ${attack}` }).waitFor();
    await page.getByRole('searchbox').fill(attack + attack);
    await page.getByText(/^None of \d+ objects fits/).waitFor();
    expect(await planted(page)).toBe(0);
  });
});
