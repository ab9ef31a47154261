import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { runningPage } from './running-page.ts';

const MOST_BYTES = 200_000;
const running = runningPage();

const flow = (page: Page) => page.getByRole('region', { name: 'The flow' });
const views = ['#/', '#/objects', '#/rejects', '#/dead-letters', '#/query', '#/runs', '#/metrics'];

/** Opens an address in a browser that has never been here. */
async function visit(url: string): Promise<Page> {
  const page = await (await running.context()).newPage();
  await page.goto(url);
  return page;
}

describe('the addresses of the page', () => {
  test('the printed address shows the flow, and its token stays neither in the address nor for scripts', async () => {
    const page = await visit(running.url);
    await flow(page).waitFor();
    const boxes = await flow(page).getByRole('article').all();
    expect(await Promise.all(boxes.map((each) => each.getAttribute('aria-label')))).toEqual([
      'raw bucket',
      'extraction',
      'transformation',
      'commit',
      'loading',
      'tables',
    ]);
    expect(page.url()).toBe(`${running.origin}/`);
    expect(await page.title()).toBe('Flow · Sluice dev');
    const seen = await page.evaluate<string>('document.cookie + document.documentElement.outerHTML');
    expect(seen).not.toContain(running.token);
    await page.reload();
    await flow(page).waitFor();
  });

  test('the local cloud’s own address leads a browser to the page', async () => {
    const page = await visit(running.endpoint);
    await flow(page).waitFor();
    expect(page.url()).toBe(`${running.origin}/`);
  });

  test('without the token, or with a wrong one, a page asks for it; pasted there, it opens the page', async () => {
    running.expectStatus(401);
    const page = await visit(`${running.origin}/#/objects`);
    const token = page.getByLabel('Token');
    await token.waitFor();
    expect(await page.locator('body').innerText()).toContain('npm start');
    expect(await flow(page).count()).toBe(0);
    await token.fill('wrong');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.waitForURL('**/?token=wrong');
    await token.fill(running.token);
    await token.press('Enter');
    await flow(page).waitFor();
    expect(page.url()).toBe(`${running.origin}/`);
  });

  test('an address in the page opens its view, and the way back leads to the one before', async () => {
    const page = await running.open('#/metrics');
    await page.getByRole('heading', { name: 'Metrics', level: 1 }).waitFor();
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Runs' }).click();
    await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor();
    expect(await page.title()).toBe('Runs · Sluice dev');
    await page.goBack();
    await page.getByRole('heading', { name: 'Metrics', level: 1 }).waitFor();
    const here = page.locator('[aria-current="page"]');
    expect(await here.allInnerTexts()).toEqual(['Metrics']);
  });

  test('an address that changes as soon as the page is drawn opens its view', async () => {
    const page = await (await running.context()).newPage();
    await page.addInitScript(`
      new MutationObserver((_, observer) => {
        if (document.querySelector('main') === null) return;
        observer.disconnect();
        location.hash = '#/runs';
      }).observe(document, { subtree: true, childList: true })`);
    await page.goto(running.url);
    await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor();
  });
});

describe('an empty pipeline', () => {
  test('the flow says that it is ready, and how to give it a file', async () => {
    const page = await running.open();
    await page.getByText('Ready. No file has come yet.').waitFor();
    const ended = page.locator('section.card', { hasText: 'What ended last' });
    expect(await ended.innerText()).toContain('Drop a file onto the first box');
    expect(await ended.innerText()).toContain('npx sluice put --wait examples/recipes/soups.ndjson');
    const input = page.getByLabel('Files to upload');
    expect(await input.count()).toBe(1);
  });

  test.each([
    ['#/objects', 'The raw bucket holds no objects.', 'npx sluice put FILE'],
    ['#/rejects', 'No record is rejected.', 'When one is, this says which, why, and what was sent.'],
    ['#/dead-letters', 'Nothing is dead-lettered.', 'by reason'],
    ['#/runs', 'There was no backfill or replay yet.', 'npx sluice backfill PREFIX'],
  ])('the view %s says “%s” and what to do next', async (place, empty, next) => {
    const page = await running.open(place);
    await page.getByText(empty).waitFor();
    expect(await page.locator('main').innerText()).toContain(next);
  });

  test('an object that never was is told of as such', async () => {
    running.expectStatus(422);
    const page = await running.open('#/object/recipes%2Fnever.json');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('There is no history of recipes/never.json');
  });
});

test(`the page comes in less than ${MOST_BYTES / 1000} KB, compressed`, async () => {
  const page = await (await running.context()).newPage();
  const sizes: Promise<number>[] = [];
  page.on('requestfinished', (request) => {
    sizes.push(
      request
        .sizes()
        .then(({ responseBodySize, responseHeadersSize }) => responseBodySize + responseHeadersSize),
    );
  });
  await page.goto(running.url);
  await flow(page).waitFor();
  const bytes = (await Promise.all(sizes)).reduce((sum, each) => sum + each, 0);
  expect(sizes.length).toBeGreaterThanOrEqual(4);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(MOST_BYTES);
});

test('every view asks this machine alone, and says nothing on the console', async () => {
  const page = await running.open();
  for (const place of views) {
    await page.goto(`${running.origin}/${place}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForLoadState('networkidle');
  }
  // What is asked and said is held against every test: see runningPage.
  expect(await page.locator('.problem').count()).toBe(0);
});

test('once a file has ended, the flow does not say that none has come, though the bucket’s list is older', async () => {
  const page = await (await running.context()).newPage();
  await page.route('**/api/objects?limit=1', (route) => route.fulfill({ json: { total: 0 } }));
  await page.goto(running.url);
  await page.getByText('Ready. No file has come yet.').waitFor();
  const soup = '{"title":"Soup","ingredients":["water"],"directions":["Boil."]}\n';
  await running.put('recipes/first.ndjson', soup);
  await page.getByRole('listitem').filter({ hasText: 'recipes/first.ndjson' }).waitFor();
  await page.getByText('Nothing waits, and no message failed.').waitFor();
});
