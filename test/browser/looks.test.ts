import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { projectDirectory } from '../../cli/target/directories.ts';
import { deadLetter } from './dead-letter.ts';
import { runningPage } from './running-page.ts';

const running = runningPage();
const mistakes = 'recipes/with-mistakes.json';
const soup = '{"title":"Soup","ingredients":["water"],"directions":["Boil for 10 minutes."]}\n';

/** A view, and what is there when all of it is. */
const views: readonly (readonly [place: string, ready: string])[] = [
  ['#/', 'could not be processed'],
  ['#/objects', mistakes],
  [`#/object/${encodeURIComponent(mistakes)}`, '10 rejected records'],
  ['#/rejects', 'missing_field'],
  ['#/dead-letters', 'Redrive these …'],
  ['#/query', 'Run'],
  ['#/runs', 'succeeded'],
  ['#/metrics', 'extraction: calls and errors'],
];

beforeAll(async () => {
  for (const key of [mistakes, 'recipes/not-json.json'])
    await running.put(key, readFileSync(join(projectDirectory, 'examples', key)));
  await deadLetter(running, { key: 'recipes/dead.ndjson', body: soup, reason: 'Access Denied' });
  const { status, stderr } = await running.run('backfill', 'recipes/', '--dry-run');
  expect([status, stderr]).toEqual([0, expect.anything()]);
});

/** What axe finds that keeps a person from using the page. The page's CSP stays as it is. */
async function serious(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>(
    'axe.run(document, { resultTypes: ["violations"] })',
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, any }) => `${id}: ${help}: ${html} ${any[0]?.message ?? ''}`),
    );
}

const overhang = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  describe.each([1280, 390])('%i pixels wide', (width) => {
    test.each(views)('%s fits, and axe finds nothing serious', async (place, ready) => {
      const page = await running.open(place, { width, theme });
      await page.getByText(ready).filter({ visible: true }).first().waitFor();
      await page.waitForLoadState('networkidle');
      expect(await overhang(page)).toBe(0);
      expect(await serious(page)).toEqual([]);
      const canvas = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      const [red = 0] = (/\d+/.exec(canvas) ?? []).map(Number);
      expect([theme, red > 127 ? 'light' : 'dark']).toEqual([theme, theme]);
    });

    test('a question and its answer fit, and axe finds nothing serious', async () => {
      const page = await running.open('#/dead-letters', { width, theme });
      await page.getByRole('button', { name: 'Redrive these …' }).click();
      await page.getByRole('dialog').waitFor();
      expect(await overhang(page)).toBe(0);
      expect(await serious(page)).toEqual([]);
    });
  });
});

test('the page that asks for the token fits, and axe finds nothing serious', async () => {
  running.expectStatus(401);
  for (const theme of ['light', 'dark'] as const) {
    const page = await (await running.context({ width: 390, theme })).newPage();
    await page.goto(running.origin);
    await page.getByLabel('Token').waitFor();
    expect(await overhang(page)).toBe(0);
    expect(await serious(page)).toEqual([]);
  }
});
