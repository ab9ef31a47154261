import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { instance, localTarget, type Target } from '../../cli/target/target.ts';
import { npmStart, type Run, type Started, sluice } from '../cli/sluice.ts';
import { settledState } from '../pipeline/running-pipeline.ts';
import { startChromium } from './chromium.ts';

const PATIENCE_MS = 120_000;

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly theme?: 'light' | 'dark';
}

/** `npm start` of a file's tests, and a browser that looks at its page. */
export interface RunningPage {
  /** The address of the page as it was printed, with the token. */
  readonly url: string;
  readonly origin: string;
  readonly token: string;
  /** The local cloud's own address. */
  readonly endpoint: string;
  readonly target: Target;
  /** A browser of its own that has never been here: without cookies. */
  context(look?: Look): Promise<BrowserContext>;
  /** Opens the page at a place in it, such as `#/objects`. */
  open(place?: string, look?: Look): Promise<Page>;
  /** From now on until the end of the test, the browser may say that an answer had this status. */
  expectStatus(status: number): void;
  /** Runs the command line beside the page. */
  run(...args: string[]): Promise<Run>;
  /** Stores an object, and waits for its end. */
  put(key: string, body: string | Buffer): Promise<void>;
}

/**
 * Starts `npm start` and a browser for the tests of a file. After each test it fails if a page said anything
 * on its console, threw, opened a dialog of the browser or a window, or asked for anything elsewhere.
 */
export function runningPage(): RunningPage {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-page-'));
  let started: Started | undefined;
  let browser: Browser | undefined;
  let page: URL;
  let target: Target;
  let endpoint: string;
  let contexts: BrowserContext[] = [];
  let problems: string[] = [];
  let statuses: number[] = [];

  beforeAll(async () => {
    browser = await startChromium();
    started = await npmStart(directory, { environment: { SLUICE_NO_MYSQL: '1' } });
    const [, printed = ''] = /Look at it: (\S+)/.exec(started.printed) ?? [];
    page = new URL(printed);
    const running = instance.parse(JSON.parse(readFileSync(join(directory, 'instance.json'), 'utf8')));
    endpoint = running.endpoint;
    target = localTarget(running, directory);
  });

  afterEach(async () => {
    await Promise.all(contexts.map((each) => each.close()));
    const found = problems.filter((problem) => !statuses.some((status) => isOf(status, problem)));
    contexts = [];
    problems = [];
    statuses = [];
    expect(found).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    await started?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function context({ width = 1280, height = 800, theme = 'light' }: Look = {}) {
    if (browser === undefined) throw new Error('There is no browser.');
    const made = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
    });
    made.setDefaultTimeout(PATIENCE_MS);
    contexts.push(made);
    watch(made);
    return made;
  }

  function watch(made: BrowserContext): void {
    const note = (what: string) => problems.push(what);
    made.on('console', (message) => note(`console, ${message.type()}: ${message.text()}`));
    made.on('weberror', (error) => note(`error: ${error.error().message}`));
    made.on('dialog', (dialog) => {
      note(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    made.on('request', (request) => {
      const { origin } = new URL(request.url());
      const isOwn = origin === page.origin || (origin === endpoint && request.isNavigationRequest());
      if (!isOwn) note(`request: ${request.url()}`);
    });
    made.on('page', (opened) => opened.on('popup', () => note('a window was opened')));
  }

  return {
    get url() {
      return page.href;
    },
    get origin() {
      return page.origin;
    },
    get token() {
      return page.searchParams.get('token') ?? '';
    },
    get endpoint() {
      return endpoint;
    },
    get target() {
      return target;
    },
    context,
    async open(place = '#/', look) {
      const opened = await (await context(look)).newPage();
      await opened.goto(page.href);
      if (place !== '#/') await opened.goto(`${page.origin}/${place}`);
      await opened.getByRole('heading', { level: 1 }).waitFor();
      return opened;
    },
    expectStatus: (status) => statuses.push(status),
    run: (...args) => sluice(directory, args),
    async put(key, body) {
      const Bucket = target.outputs.buckets.raw;
      const { VersionId } = await target.s3.send(new PutObjectCommand({ Bucket, Key: key, Body: body }));
      await settledState(target, key, VersionId);
    },
  };
}

/** Chromium says on the console of each answer above 399 that it failed. */
const isOf = (status: number, problem: string) =>
  problem.startsWith('console, error: Failed to load resource: the server responded with a status of ') &&
  problem.includes(` ${status} (`);
