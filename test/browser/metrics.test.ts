import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { dashboardPanels } from '../../cli/ui/panels.ts';
import { runningPage } from './running-page.ts';

const running = runningPage();
const recipe = '{"title":"Soup","ingredients":["water"],"directions":["Boil for 10 minutes."]}\n';

/** Brings a panel into sight, since only those in sight are read. */
async function panel(page: Page, title: string) {
  const figure = page.getByRole('figure').filter({ has: page.getByText(title, { exact: true }) });
  await figure.scrollIntoViewIfNeeded();
  return figure;
}

test('every panel of the dashboard is on the page, in its order, and draws', async () => {
  const panels = await dashboardPanels(running.target);
  expect(panels.length).toBeGreaterThan(10);
  const page = await running.open('#/metrics');
  const captions = page.locator('figcaption');
  await expect.poll(() => captions.allInnerTexts()).toEqual(panels.map(({ title }) => title));
  for (const { title, kind, lines } of panels) {
    const figure = await panel(page, title);
    if (kind === 'numbers') {
      expect((await figure.locator('dt').allInnerTexts()).length).toBe(lines.length);
      continue;
    }
    await figure.locator('canvas').waitFor();
    const { width = 0 } = (await figure.locator('canvas').boundingBox()) ?? {};
    expect(width, title).toBeGreaterThan(200);
    const legend = await figure.locator('.u-legend').innerText();
    for (const { label } of lines) expect(legend, title).toContain(label);
  }
  expect(await page.locator('.problem').count()).toBe(0);
});

test('the charts get values while objects flow, without a reload', async () => {
  const page = await running.open('#/metrics');
  const figure = await panel(page, 'extraction: calls and errors');
  const chart = figure.getByRole('img');
  await chart.waitFor();
  const last = async () => (await chart.getAttribute('aria-label')) ?? '';
  expect(await last()).toContain('extraction: calls and errors. Last: ');
  for (let i = 0; i < 3; i += 1) await running.put(`recipes/flows-${i}.ndjson`, recipe);
  await expect.poll(last).toMatch(/Last: \w+ [1-9]/);
});

test('the time that the charts show can be chosen', async () => {
  const page = await running.open('#/metrics');
  const three = page.getByRole('button', { name: '3 h' });
  const asked = page.waitForRequest(/\/api\/panels\/\d+\?hours=3$/);
  await three.click();
  await asked;
  expect(await three.getAttribute('aria-pressed')).toBe('true');
});
