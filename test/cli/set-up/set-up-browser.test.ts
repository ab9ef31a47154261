import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { bringChromium, findChromium } from '../../../cli/set-up/set-up-browser.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-browser-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let root: string;
let programs: string;
beforeEach(() => {
  root = mkdtempSync(join(scratch, 'r-'));
  programs = join(root, 'bin');
  mkdirSync(programs);
  command('env', 'shift; exec "$@"');
});

/** A command that records its arguments and then runs a line of shell. */
function command(name: string, does = ':', directory = programs): string {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> ${join(root, 'calls')}\n${does}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** The shell's words that install a Chromium which runs. */
const installs = () =>
  `printf '#!/bin/sh\\n' > ${join(programs, 'chromium')}; /bin/chmod 755 ${join(programs, 'chromium')}`;

/** Playwright's package, with the program that installs its browser, and where it would install it. */
function playwright(does: string): string {
  const folder = join(root, 'node_modules/playwright-core');
  const own = join(root, 'playwrights-own/chrome');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "main": "index.js" }');
  writeFileSync(
    join(folder, 'index.js'),
    `exports.chromium = { executablePath: () => ${JSON.stringify(own)} };`,
  );
  writeFileSync(
    join(folder, 'cli.js'),
    `require('node:fs').appendFileSync(${JSON.stringify(join(root, 'calls'))}, process.argv.slice(2).join(' ') + '\\n');\n${does}`,
  );
  return own;
}

const environment = (more: Record<string, string> = {}) => ({ PATH: programs, ...more });

function setUp({ isRoot = true, more = {} as Record<string, string> } = {}) {
  rmSync(join(root, 'calls'), { force: true });
  const said: string[] = [];
  const isThere = bringChromium({
    root,
    isRoot,
    environment: environment(more),
    say: (line) => said.push(line),
  });
  const file = join(root, 'calls');
  const calls = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return { isThere, said, calls: calls.filter((call) => /^(apt-get|sudo|install)/.test(call)) };
}

describe('the set-up of Chromium', () => {
  test('finds the Chromium that CHROMIUM names, then one on the PATH, then Playwright’s own', () => {
    const own = playwright('');
    expect(findChromium(root, environment())).toBeUndefined();
    command('chrome', ':', join(own, '..'));
    expect(findChromium(root, environment())).toBe(own);
    const chrome = command('google-chrome');
    expect(findChromium(root, environment())).toBe(chrome);
    const chromium = command('chromium');
    expect(findChromium(root, environment())).toBe(chromium);
    const named = command('mine', ':', join(root, 'elsewhere'));
    expect(findChromium(root, environment({ CHROMIUM: named }))).toBe(named);
  });

  test('passes over a program that does not run, as Ubuntu’s that asks for a snap', () => {
    command('chromium-browser', 'exit 1');
    expect(findChromium(root, environment())).toBeUndefined();
    const chrome = command('google-chrome');
    expect(findChromium(root, environment())).toBe(chrome);
  });

  test('installs nothing where there is one, and says which', () => {
    command('apt-get', installs());
    const chromium = command('chromium');
    expect(setUp()).toEqual({
      isThere: true,
      said: [`Chromium is already installed: ${chromium}.`],
      calls: [],
    });
  });

  test('announces and installs it with apt as root, and with sudo as another user', () => {
    command('apt-get', `case "$*" in *install*) ${installs()} ;; esac`);
    command('sudo', 'exec "$@"');
    const asRoot = setUp();
    expect(asRoot).toMatchObject({
      isThere: true,
      said: ['Installing Chromium (apt-get install chromium) …'],
    });
    expect(asRoot.calls).toEqual([expect.stringMatching(/^apt-get .* install .* chromium$/)]);
    rmSync(join(programs, 'chromium'));
    const asUser = setUp({ isRoot: false });
    expect(asUser).toMatchObject({
      isThere: true,
      said: ['Installing Chromium (sudo apt-get install chromium) …'],
    });
    expect(asUser.calls[0]).toMatch(/^sudo env DEBIAN_FRONTEND=noninteractive apt-get/);
  });

  test('takes Playwright’s where apt is missing or fails', () => {
    const own = playwright(
      `const fs = require('node:fs'), own = require('./index.js').chromium.executablePath();
       fs.mkdirSync(require('node:path').dirname(own)); fs.writeFileSync(own, '#!/bin/sh\\n', { mode: 0o755 });`,
    );
    command('apt-get', 'exit 100');
    const { isThere, said, calls } = setUp();
    expect(isThere).toBe(true);
    expect(said.at(-1)).toBe('Installing Chromium (npx playwright-core install chromium) …');
    expect(calls.at(-1)).toBe('install chromium');
    expect(findChromium(root, environment())).toBe(own);
  });

  test('fails where nothing helps, and names what was tried and the cure', () => {
    command('apt-get', 'exit 100');
    playwright('process.exit(1)');
    const { isThere, said } = setUp();
    expect(isThere).toBe(false);
    expect(said.at(-1)).toBe(
      'Chromium was not installed: apt-get install chromium and npx playwright-core install chromium failed. ' +
        'Install Chromium or Chrome yourself, or name its program: CHROMIUM=/path/to/chromium npm run test:browser',
    );
  });

  test('installs no other where CHROMIUM names one that does not run', () => {
    command('apt-get', installs());
    expect(setUp({ more: { CHROMIUM: '/no/such/chromium' } })).toEqual({
      isThere: false,
      said: ['CHROMIUM names /no/such/chromium, which does not run. Unset it to have one installed.'],
      calls: [],
    });
  });
});
