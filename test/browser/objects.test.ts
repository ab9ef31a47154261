import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { projectDirectory } from '../../cli/target/directories.ts';
import { runningPage } from './running-page.ts';

const running = runningPage();
const example = (path: string) => join(projectDirectory, 'examples', path);
const soup = '{"title":"Soup","ingredients":["water"],"directions":["Boil for 10 minutes."]}';

/** An object as `status` tells of it. */
async function statusOf(key: string): Promise<Record<'stage' | 'read' | 'written', unknown>> {
  const { stdout } = await running.run('status', key, '--json');
  return JSON.parse(stdout).objects[0];
}

const integer = (value: unknown) => Number(value).toLocaleString('en');
const row = (page: Page, key: string) => page.getByRole('row').filter({ hasText: key });
/** The cells of an object's row: state, read, written, filtered, rejected. */
const cells = async (page: Page, key: string) =>
  (await row(page, key).getByRole('cell').allInnerTexts()).slice(1, 6);

describe('a file that is given to the page', () => {
  test('a file that is chosen ends as done before one’s eyes, with the counts of status', async () => {
    const page = await running.open();
    await page.evaluate('window.neverReloaded = true');
    await page.getByLabel('Dataset').selectOption('recipes');
    await page.getByLabel('Files to upload').setInputFiles(example('recipes/soups.ndjson'));
    const ending = page
      .getByRole('listitem')
      .filter({ hasText: 'recipes/soups.ndjson' })
      .filter({ hasText: 'done' });
    await ending.waitFor();
    const { read, written } = await statusOf('recipes/soups.ndjson');
    expect(read).toBeGreaterThan(50);
    expect(await ending.innerText()).toContain(
      `${integer(read)} read = ${integer(written)} written + 0 filtered + 0 rejected`,
    );
    // The numbers of the boxes follow too.
    await page.getByRole('link', { name: '1 file', exact: true }).waitFor();
    await page.getByText('Nothing waits, and no message failed.').waitFor();
    expect(await page.evaluate('window.neverReloaded')).toBe(true);
  });

  test('a file that is dropped goes to the chosen dataset, under its name', async () => {
    const page = await running.open();
    await page.getByLabel('Dataset').selectOption('passengers');
    const bytes = readFileSync(example('passengers/titanic.csv'));
    const files = await page.evaluateHandle<unknown>(
      `(() => {
        const files = new DataTransfer();
        const bytes = Uint8Array.from(atob('${bytes.toString('base64')}'), (c) => c.charCodeAt(0));
        files.items.add(new File([bytes], 'dropped here.csv'));
        return files;
      })()`,
    );
    await page.getByRole('article', { name: 'raw bucket' }).dispatchEvent('drop', { dataTransfer: files });
    await page.getByText('✓ passengers/dropped here.csv').waitFor();
    const ending = page
      .getByRole('listitem')
      .filter({ hasText: 'dropped here.csv' })
      .filter({ hasText: 'done' });
    await ending.waitFor();
    expect(await ending.innerText()).toContain('200 read = 71 written + 129 filtered + 0 rejected');
  });
});

describe('with objects of all kinds', () => {
  beforeAll(async () => {
    for (const name of [
      'recipes/with-mistakes.json',
      'recipes/not-json.json',
      'passengers/with-mistakes.csv',
    ])
      await running.put(name, readFileSync(example(name)));
    const many = Array.from({ length: 30 }, (_, i) => `recipes/many/${`${i}`.padStart(2, '0')}.ndjson`);
    await Promise.all(many.map((key) => running.put(key, `${soup}\n`)));
  });

  test('the list shows the state and counts of each object, as status does', async () => {
    const page = await running.open('#/objects');
    await page.getByRole('searchbox').fill('MISTAKES');
    await expect
      .poll(() => cells(page, 'recipes/with-mistakes.json'))
      .toEqual(['▲ done', '18', '8', '0', '10']);
    await expect
      .poll(() => cells(page, 'passengers/with-mistakes.csv'))
      .toEqual(['▲ done', '11', '3', '0', '8']);
    expect(await page.getByRole('row').count()).toBe(3);
    expect(await statusOf('recipes/with-mistakes.json')).toMatchObject({
      stage: 'done',
      read: 18,
      written: 8,
    });
  });

  test('a search that finds nothing says so, and how many objects there are', async () => {
    const page = await running.open('#/objects');
    await page.getByRole('searchbox').fill('no such <key>');
    await page.getByText(/None of \d+ objects fits “no such <key>”\./).waitFor();
  });

  test('the filters leave those with rejects, and those that failed', async () => {
    const page = await running.open('#/objects');
    const keys = async () => (await page.getByRole('row').getByRole('link').allInnerTexts()).sort();
    await page.getByRole('button', { name: 'With rejects' }).click();
    await expect.poll(keys).toEqual(['passengers/with-mistakes.csv', 'recipes/with-mistakes.json']);
    await page.getByRole('button', { name: 'Failed' }).click();
    await expect.poll(keys).toEqual(['recipes/not-json.json']);
    await expect
      .poll(() => cells(page, 'not-json.json'))
      .toEqual(['✕ failed, unknown_format', '0', '0', '0', '0']);
    expect(await page.getByRole('button', { name: 'Failed' }).getAttribute('aria-pressed')).toBe('true');
    await page.getByRole('button', { name: 'All', exact: true }).click();
    await expect.poll(keys).toHaveLength(25);
  });

  test('the pager leads through all objects, and none is shown twice', async () => {
    const page = await running.open('#/objects');
    const keys = () => page.getByRole('row').getByRole('link').allInnerTexts();
    await page.getByRole('searchbox').fill('many/');
    await page.getByText('1 to 25 of 30').waitFor();
    const [newer, older] = ['Newer', 'Older'].map((name) => page.getByRole('button', { name }));
    expect(await newer?.isDisabled()).toBe(true);
    const first = await keys();
    await older?.click();
    await page.getByText('26 to 30 of 30').waitFor();
    await expect.poll(async () => (await keys()).length).toBe(5);
    const second = await keys();
    expect(await older?.isDisabled()).toBe(true);
    expect(new Set([...first, ...second]).size).toBe(30);
    await newer?.click();
    await page.getByText('1 to 25 of 30').waitFor();
    await expect.poll(keys).toEqual(first);
  });

  test('an object that comes while one looks is in the list, without a reload', async () => {
    const page = await running.open('#/objects');
    await row(page, 'recipes/many/').first().waitFor();
    await running.put('recipes/comes-later.ndjson', `${soup}\n`);
    await row(page, 'recipes/comes-later.ndjson').filter({ hasText: 'done' }).waitFor();
  });

  test('an object’s page tells its history, its work, and its rejects with their records and reasons', async () => {
    const page = await running.open('#/objects');
    await page.getByRole('searchbox').fill('recipes/with');
    await page.getByRole('link', { name: 'recipes/with-mistakes.json' }).click();
    await page.getByRole('heading', { name: 'recipes/with-mistakes.json', level: 1 }).waitFor();
    await page.getByText('18 read = 8 written + 0 filtered + 10 rejected').waitFor();
    const timeline = page.locator('section.card', { has: page.getByRole('heading', { name: 'Timeline' }) });
    const told = await timeline.getByRole('listitem').allInnerTexts();
    expect(told[0]).toMatch(/raw bucket\s+put, 5\.\d kB/);
    for (const stage of ['extraction', 'transformation', 'loading'])
      for (const what of ['started', 'done: '])
        expect(
          told.some((text) => text.includes(stage) && text.includes(what)),
          `${stage} ${what}`,
        ).toBe(true);
    const work = page.locator('section.card', { has: page.getByRole('heading', { name: 'Work' }) });
    expect((await work.getByRole('row').allInnerTexts()).map((text) => text.split('\t')[1])).toEqual([
      'Stage',
      'extraction',
      'transformation',
      'loading',
    ]);
    await page.getByRole('heading', { name: '10 rejected records' }).waitFor();
    const reject = page.getByRole('listitem').filter({ hasText: 'record 2, transformation' });
    expect(await reject.innerText()).toContain('missing_field title: expected string, found nothing');
    expect(await reject.innerText()).toContain('{"ingredients":["700 g chickpeas","1 lemon"]');
  });

  test('the page of an object tells of any of its records what became of it', async () => {
    const page = await running.open('#/object/recipes%2Fwith-mistakes.json');
    const facts = page.locator('.facts');
    const look = async (record: string) => {
      await page.getByLabel('Record number').fill(record);
      await page.getByRole('button', { name: 'Look' }).click();
    };
    await look('1');
    await facts.getByText('became the row').waitFor();
    expect(await facts.innerText()).toContain('Grilled cauliflower gratin');
    await look('2');
    await facts.getByText('was rejected, missing_field').waitFor();
    expect(await facts.innerText()).toContain('title expected string, found nothing');
    running.expectStatus(422);
    await look('999');
    await page.getByRole('alert').getByText('has no record 999: 18 records').waitFor();
  });

  test('the rejects are counted by code, and a code shows its records as they were sent', async () => {
    const page = await running.open('#/rejects');
    const codes = page.getByRole('group', { name: 'Why' }).getByRole('button');
    await expect.poll(() => codes.allInnerTexts()).toContain('All 18');
    const counts = (await codes.allInnerTexts()).slice(1).map((text) => Number(text.split(' ')[1]));
    expect(counts.reduce((sum, n) => sum + n, 0)).toBe(18);
    await page.getByRole('button', { name: 'ragged_row 2' }).click();
    const rejects = page.locator('.rejects > li');
    await expect.poll(() => rejects.count()).toBe(2);
    const lines = readFileSync(example('passengers/with-mistakes.csv'), 'utf8').split(/\r?\n/);
    for (const [i, record] of [6, 7].entries()) {
      expect(await rejects.nth(i).innerText()).toContain(`record ${record}, transformation`);
      expect(await rejects.nth(i).locator('code').innerText()).toBe(lines[record]);
    }
    await page.getByLabel('Dataset').selectOption('recipes');
    await page.getByText('No record is rejected.').waitFor();
    await page.getByRole('button', { name: /^All/ }).click();
    await expect.poll(() => rejects.count()).toBe(10);
  });
});
