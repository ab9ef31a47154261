import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Browser, Page } from 'playwright-core';
import { isFinal, objectState } from '../../cli/ledger/states/object-state.ts';
import { startChromium } from '../browser/chromium.ts';
import { eventually } from '../pipeline/running-pipeline.ts';
import { putUnseen, type UnseenObject } from '../pipeline/unseen-objects.ts';
import { Server } from './local-cloud.ts';
import { processorMs } from './processor-time.ts';
import { median, type Section, thousands } from './section.ts';

const IDLE_MS = 15_000;
const OBJECTS_PER_SECOND = 50;
const FLOW_SECONDS = 6;
/** A machine may pass fewer than are put: the rest takes its time. */
const PATIENCE_SECONDS = 900;
const LISTED = 100_000;
const soup = '{"title":"Soup","ingredients":["water"],"directions":["Boil for 10 minutes."]}\n';

/** The page in Chromium, and what it costs the process of `npm start`. */
export const page: Section = {
  name: 'page',
  onRequest: true,
  async run({ directory, runs, onProgress }) {
    const browser = await startChromium();
    const cloud = await Server.start(join(directory, 'page'));
    const rows: string[][] = [];
    const values: Record<string, number> = {};
    const add = (what: string, key: string, measured: readonly number[], unit: string, goal: string) => {
      const digits = unit === '%' ? 1 : 0;
      const text = (value: number) =>
        `${value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
      values[key] = median(measured);
      rows.push([what, text(median(measured)), text(Math.min(...measured)), goal]);
    };
    try {
      onProgress('opening it');
      const opened = await repeated(runs, () => open(browser, cloud.page));
      add(
        'first paint',
        'firstPaintMs',
        opened.map(({ paintMs }) => paintMs),
        'ms',
        '< 1,000',
      );
      add(
        'until the flow is shown',
        'flowMs',
        opened.map(({ flowMs }) => flowMs),
        'ms',
        '',
      );
      add(
        'the browser’s main thread until then',
        'taskMs',
        opened.map(({ taskMs }) => taskMs),
        'ms',
        '',
      );
      add(
        'page, compressed',
        'pageKb',
        opened.map(({ bytes }) => bytes / 1000),
        'KB',
        '< 200',
      );

      const idle = { without: [] as number[], with: [] as number[] };
      const flowing = { without: [] as number[], with: [] as number[] };
      for (let i = 0; i < runs; i += 1)
        for (const state of ['without', 'with'] as const) {
          onProgress(`run ${i + 1}, ${state} an open page`);
          const context = await browser.newContext();
          if (state === 'with') await (await context.newPage()).goto(cloud.page);
          // What it does when it is opened is not what it does while it is open.
          await pause(2_000);
          idle[state].push(await shareOf(cloud, () => pause(IDLE_MS)));
          let all: Awaited<ReturnType<typeof put>> = [];
          flowing[state].push(
            await shareOf(cloud, async () => {
              all = await put(cloud, `${i}-${state}`);
            }),
          );
          await context.close();
          await settled(cloud, all);
        }
      const costs = (of: typeof idle) => of.with.map((share, i) => share - (of.without[i] ?? 0));
      add('npm start, idle, without a page', 'idleShare', idle.without, '%', '');
      add('an open page adds', 'idlePageShare', costs(idle), '%', '< 2');
      const rate = `${OBJECTS_PER_SECOND} objects a second`;
      add(`npm start, ${rate}, without a page`, 'flowShare', flowing.without, '%', '');
      add('an open page adds', 'flowPageShare', costs(flowing), '%', '< 5');
    } finally {
      await cloud.stop();
    }

    onProgress(`${thousands(LISTED)} objects are put where no event tells of them`);
    const many = join(directory, 'page-many');
    await mkdir(many, { recursive: true });
    await putUnseen(many, objects(LISTED));
    const full = await Server.start(many, { keep: true });
    try {
      onProgress(`listing ${thousands(LISTED)} objects`);
      const first = await answerMs(full, '/api/objects');
      await complete(full);
      const listed = await repeated(runs, () => answerMs(full, '/api/objects?offset=50000'));
      const searched = await repeated(runs, () => answerMs(full, '/api/objects?search=99999'));
      add(`list of ${thousands(LISTED)} objects, the first answer`, 'firstListMs', [first], 'ms', '< 500');
      add('a page of it, later', 'listMs', listed, 'ms', '< 500');
      add('a search in it', 'searchMs', searched, 'ms', '< 500');
    } finally {
      await full.stop();
      await browser.close();
    }
    return {
      title: 'The page',
      columns: ['', 'median', 'least', 'goal'],
      rows,
      notes: [
        `${runs} runs of each, in Chromium without a screen, on the same cores: times are those of this machine and noisy, also by what else it does.`,
        `Shares are the processor time of the process of npm start, user and system, per second, in percent of one core; functions are processes of their own. With and without a page by turns: ${IDLE_MS / 1000} s idle, then while ${thousands(OBJECTS_PER_SECOND * FLOW_SECONDS)} objects are put at ${OBJECTS_PER_SECOND} a second. All have ended before the next turn.`,
        'The first answer of a long list has what was found so far, and says so.',
      ],
      values,
    };
  },
};

async function repeated<Value>(runs: number, measure: () => Promise<Value>): Promise<Value[]> {
  const results: Value[] = [];
  for (let i = 0; i < runs; i += 1) results.push(await measure());
  return results;
}

/** Opens the page in a browser that has never been there. */
async function open(browser: Browser, url: string) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const devTools = await context.newCDPSession(tab);
  await devTools.send('Performance.enable');
  const sizes: Promise<number>[] = [];
  tab.on('requestfinished', (request) => {
    sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  const begun = performance.now();
  await tab.goto(url);
  await tab.getByRole('region', { name: 'The flow' }).waitFor();
  const flowMs = performance.now() - begun;
  const { metrics } = await devTools.send('Performance.getMetrics');
  const taskMs = (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN) * 1000;
  const paintMs = await firstPaintMs(tab);
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  await context.close();
  return { flowMs, taskMs, paintMs, bytes };
}

/** Since the address was opened, by the browser's own clock. */
const firstPaintMs = (tab: Page) =>
  tab.evaluate<number>('performance.getEntriesByName("first-contentful-paint")[0].startTime');

/** The processor time, in percent of a core, that the process of `npm start` takes while `task` runs. */
async function shareOf({ pid }: Server, task: () => Promise<unknown>): Promise<number> {
  const [begun, before] = [performance.now(), processorMs(pid)];
  await task();
  return ((processorMs(pid) - before) / (performance.now() - begun)) * 100;
}

/** Puts objects at a steady rate. @returns them */
function put({ target }: Server, name: string): Promise<{ key: string; versionId: string | undefined }[]> {
  const begun = performance.now();
  const Bucket = target.outputs.buckets.raw;
  const one = async (i: number) => {
    await pause(Math.max(0, begun + (i * 1000) / OBJECTS_PER_SECOND - performance.now()));
    const key = `recipes/${name}/${i}.ndjson`;
    const { VersionId } = await target.s3.send(new PutObjectCommand({ Bucket, Key: key, Body: soup }));
    return { key, versionId: VersionId };
  };
  return Promise.all(Array.from({ length: OBJECTS_PER_SECOND * FLOW_SECONDS }, (_, i) => one(i)));
}

/** Waits until objects have ended. */
async function settled({ target }: Server, all: Awaited<ReturnType<typeof put>>): Promise<void> {
  for (const { key, versionId } of all)
    await eventually(
      async () => (isFinal(await objectState(target, key, versionId ?? 'null')) ? true : undefined),
      `the end of ${key}`,
      PATIENCE_SECONDS,
    );
}

function* objects(count: number): Generator<UnseenObject> {
  for (let i = 0; i < count; i += 1) yield { key: `recipes/${i % 100}/${i}.ndjson`, body: soup };
}

async function answerMs({ page: url }: Server, path: string): Promise<number> {
  const { origin, searchParams } = new URL(url);
  const begun = performance.now();
  const answer = await fetch(`${origin}${path}`, {
    headers: { authorization: `Bearer ${searchParams.get('token')}` },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return performance.now() - begun;
}

/** Waits until the list is whole. */
async function complete({ page: url }: Server): Promise<void> {
  const { origin, searchParams } = new URL(url);
  const headers = { authorization: `Bearer ${searchParams.get('token')}` };
  for (;;) {
    const answer = await fetch(`${origin}/api/objects?limit=1`, { headers });
    const { incomplete, total } = (await answer.json()) as { incomplete: boolean; total: number };
    if (!incomplete && total === LISTED) return;
    await pause(200);
  }
}
