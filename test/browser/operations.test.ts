import type { Page } from 'playwright-core';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../pipeline/running-pipeline.ts';
import { deadLetter } from './dead-letter.ts';
import { runningPage } from './running-page.ts';

const running = runningPage();
const soup = '{"title":"Soup","ingredients":["water"],"directions":["Boil for 10 minutes."]}\n';
const reason = 'Access Denied by <b>someone</b>';
const done = 'recipes/done.ndjson';

beforeAll(() => running.put(done, soup));

afterEach(async () => {
  const { status, stderr } = await running.run('redrive');
  expect([status, stderr]).toEqual([0, expect.anything()]);
});

const dialog = (page: Page) => page.getByRole('dialog');
const mark = (page: Page) =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: /^Dead letters/ });
/** What has the focus, by its name. */
const focused = (page: Page) =>
  page.evaluate<string>(
    'document.activeElement.getAttribute("aria-label") ?? document.activeElement.innerText',
  );

async function stageOf(key: string): Promise<unknown> {
  const { stdout } = await running.run('status', key, '--json');
  return JSON.parse(stdout).objects[0]?.stage;
}

/** The revisions of an object: each replay makes one. */
async function extractions(key: string): Promise<number> {
  const { stdout } = await running.run('explain', key, '--json');
  return (stdout.match(/"what":\s*"started/g) ?? []).length;
}

async function depth(): Promise<number> {
  const { stdout } = await running.run('status', '--json');
  return JSON.parse(stdout).stages.reduce((sum: number, { dead }: { dead: number }) => sum + dead, 0);
}

/** Presses Tab until something has the focus, as a person without a mouse does. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const seen: string[] = [];
  for (let i = 0; i < 60; i += 1) {
    await page.keyboard.press('Tab');
    const here = await focused(page);
    if (typeof name === 'string' ? here === name : name.test(here)) return;
    seen.push(here);
  }
  throw new Error(`Tab never came to ${name}, but to: ${seen.join(' | ')}`);
}

const outline = async (page: Page) => {
  const style = await page.evaluate<{ outlineStyle: string; outlineWidth: string }>(
    '({ ...getComputedStyle(document.activeElement) })',
  );
  return `${style.outlineStyle} ${style.outlineWidth}`;
};

describe('a message that is dead-lettered', () => {
  test('the flow says so and leads to the reason; redriven from the page, the object ends well and the mark goes', async () => {
    const page = await running.open();
    await page.getByText('Nothing waits, and no message failed.').waitFor();
    const key = 'recipes/dead.ndjson';
    await deadLetter(running, { key, body: soup, reason });
    await page.getByText('1 message could not be processed.').waitFor();
    expect(await page.getByRole('article', { name: 'extraction' }).innerText()).toContain('DLQ 1');
    await expect.poll(() => mark(page).innerText()).toBe('Dead letters1');

    await page.getByRole('link', { name: 'See why, and send them back' }).click();
    const group = page.locator('section.card', { hasText: 'storage' });
    await group.waitFor();
    const told = await group.innerText();
    expect(told).toContain('1 message, extraction, DLQ');
    expect(told).toContain(reason);
    expect(told).toContain('npx sluice redrive extraction --code storage');
    expect(await group.getByRole('link', { name: key }).count()).toBe(1);

    await group.getByRole('button', { name: 'Redrive these …' }).click();
    await dialog(page).getByText('1 message go').waitFor();
    expect(await depth()).toBe(1);
    await dialog(page).getByRole('button', { name: 'Redrive' }).click();
    await dialog(page).getByText('1 message sent back.').waitFor();
    await dialog(page).getByRole('button', { name: 'Close' }).click();
    await page.getByText('Nothing is dead-lettered.').waitFor();
    await expect.poll(() => mark(page).innerText()).toBe('Dead letters');
    await expect.poll(() => stageOf(key)).toBe('done');
    expect((await running.run('dlq')).stdout).toBe('Nothing is dead-lettered.\n');

    await page.goto(`${running.origin}/#/`);
    await page.getByText('Nothing waits, and no message failed.').waitFor();
  });

  test('the list of objects tells a dead-lettered one and what helps', async () => {
    const key = 'recipes/told.ndjson';
    await deadLetter(running, { key, body: soup, reason });
    const page = await running.open('#/objects');
    await page.getByRole('button', { name: 'Dead-lettered' }).click();
    const row = page.getByRole('row').filter({ hasText: key });
    await row.getByText('dlq').first().waitFor();
    await expect.poll(() => row.innerText()).toContain('npx sluice redrive');
  });

  test('Cancel and Escape change nothing', async () => {
    await deadLetter(running, { key: 'recipes/stays.ndjson', body: soup, reason });
    const page = await running.open('#/dead-letters');
    for (const close of ['Cancel', 'Escape']) {
      await page.getByRole('button', { name: 'Redrive all 1 …' }).click();
      await dialog(page).waitFor();
      if (close === 'Cancel') await dialog(page).getByRole('button', { name: 'Cancel' }).click();
      else await page.keyboard.press('Escape');
      await dialog(page).waitFor({ state: 'detached' });
    }
    expect(await depth()).toBe(1);
    expect((await running.run('dlq')).stdout).toContain('recipes/stays.ndjson');
  });

  test('it is redriven by the keyboard alone, the focus is visible, and returns after the dialog', async () => {
    const key = 'recipes/by-keyboard.ndjson';
    await deadLetter(running, { key, body: soup, reason });
    const page = await running.open();
    await page.getByText('1 message could not be processed.').waitFor();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the content');
    await tabTo(page, /^Dead letters/);
    expect(await outline(page)).toBe('solid 2px');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Redrive these …' }).waitFor();
    await tabTo(page, 'Redrive these …');
    expect(await outline(page)).toBe('solid 2px');
    await page.keyboard.press('Enter');
    await dialog(page).waitFor();
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    await expect.poll(() => focused(page)).toBe('Redrive these …');
    expect(await depth()).toBe(1);

    await page.keyboard.press('Enter');
    await dialog(page).waitFor();
    await expect.poll(() => focused(page)).toBe('Cancel');
    await tabTo(page, 'Redrive');
    expect(await outline(page)).toBe('solid 2px');
    await page.keyboard.press('Enter');
    await dialog(page).getByText('1 message sent back.').waitFor();
    // Whoever listens instead of looking is told, and is still in the dialog.
    await expect.poll(() => focused(page)).toBe('Close');
    await page.keyboard.press('Enter');
    await dialog(page).waitFor({ state: 'detached' });
    await expect.poll(() => stageOf(key)).toBe('done');
  });
});

describe('an object that is reprocessed from the page', () => {
  test('ends well in its next revision, and its page tells of both', async () => {
    const before = await extractions(done);
    const page = await running.open(`#/object/${encodeURIComponent(done)}`);
    await page.getByRole('button', { name: 'Reprocess …' }).click();
    await dialog(page).getByText(done).waitFor();
    await dialog(page).getByRole('button', { name: 'Reprocess' }).click();
    await dialog(page).getByText('It is on its way.').waitFor();
    await dialog(page).getByRole('button', { name: 'Close' }).click();
    const starts = page
      .locator('.timeline li')
      .filter({ hasText: 'extraction' })
      .filter({ hasText: 'started' });
    await expect.poll(() => starts.count()).toBe(2);
    await page.locator('.timeline li').filter({ hasText: '!0001' }).first().waitFor();
    await expect.poll(() => stageOf(done)).toBe('done');
    expect(await extractions(done)).toBeGreaterThan(before);
  });

  test('is left alone by Cancel and by Escape', async () => {
    const before = await extractions(done);
    const page = await running.open(`#/object/${encodeURIComponent(done)}`);
    for (const close of ['Cancel', 'Escape']) {
      await page.getByRole('button', { name: 'Reprocess …' }).click();
      await dialog(page).waitFor();
      if (close === 'Cancel') await dialog(page).getByRole('button', { name: 'Cancel' }).click();
      else await page.keyboard.press('Escape');
      await dialog(page).waitFor({ state: 'detached' });
      expect(await focused(page)).toBe('Reprocess …');
    }
    expect(await extractions(done)).toBe(before);
    expect(await stageOf(done)).toBe('done');
  });

  test('is not sent again by its rejects’ code while the code is the same, and the page says so', async () => {
    await running.put('recipes/bad.ndjson', `{"title":"x"}\n${soup}`);
    const page = await running.open('#/rejects');
    await page.getByRole('button', { name: /^missing_field/ }).click();
    await page.getByRole('button', { name: 'Replay these …' }).click();
    await dialog(page).getByRole('button', { name: 'Replay' }).click();
    await dialog(page).getByText('0 objects sent. 1 object skipped').waitFor();
  });
});

describe('a backfill from the page', () => {
  test('only counts by default, runs on its own, and is told of until it has ended', async () => {
    const page = await running.open('#/runs');
    await page.getByRole('combobox', { name: 'Prefix' }).fill('recipes/');
    expect(await page.getByLabel('only count').isChecked()).toBe(true);
    for (const close of ['Cancel', 'Escape']) {
      await page.getByRole('button', { name: 'Backfill …' }).click();
      await dialog(page).getByText('Counts the objects under recipes/').waitFor();
      if (close === 'Cancel') await dialog(page).getByRole('button', { name: 'Cancel' }).click();
      else await page.keyboard.press('Escape');
      await dialog(page).waitFor({ state: 'detached' });
    }
    expect(JSON.parse((await running.run('executions', '--json')).stdout || '[]')).toEqual([]);

    await page.getByRole('button', { name: 'Backfill …' }).click();
    await dialog(page).getByRole('button', { name: 'Start' }).click();
    const started = dialog(page).getByText(/^Started the execution \S+\.$/);
    await started.waitFor();
    const [, name = ''] = /execution (\S+)\.$/.exec(await started.innerText()) ?? [];
    await dialog(page).getByRole('button', { name: 'Close' }).click();
    const row = page.getByRole('row').filter({ hasText: name });
    await row.getByText('succeeded').waitFor();
    const { stdout } = await eventually(async () => {
      const listed = await running.run('executions');
      return listed.stdout.includes(name) ? listed : undefined;
    }, `the execution ${name}`);
    expect(stdout).toMatch(/succeeded/i);
  });
});
