// Installs Chromium, in which the tests of the page run. Only on request: `npm run setup:browser`. Plain
// JavaScript without dependencies, like the rest of the set-up.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { aptWay, findPrograms, tryInTurn } from './programs.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** On macOS. */
const applications = ['Chromium', 'Google Chrome'];

const cure =
  'Install Chromium or Chrome yourself, or name its program: CHROMIUM=/path/to/chromium npm run test:browser';

/**
 * The program of a Chromium that runs here: the one that CHROMIUM names, else one on the PATH, else the one
 * that Playwright has installed. Undefined when there is none.
 */
export function findChromium(root, environment = process.env) {
  if (environment.CHROMIUM) return runs(environment.CHROMIUM, environment) ? environment.CHROMIUM : undefined;
  // Ubuntu has a program that only says how to install the real one.
  for (const file of candidates(root, environment)) if (runs(file, environment)) return file;
  return undefined;
}

function* candidates(root, environment) {
  const last = applications.map((name) => `/Applications/${name}.app/Contents/MacOS`);
  yield* findPrograms([...names, ...applications], { environment, last });
  const script = "console.log(require('playwright-core').chromium.executablePath())";
  const { status, stdout } = spawnSync(process.execPath, ['-e', script], {
    cwd: root,
    env: environment,
    encoding: 'utf8',
  });
  if (status === 0 && existsSync(stdout.trim())) yield stdout.trim();
}

const runs = (file, environment) =>
  spawnSync(file, ['--version'], { env: environment, stdio: 'ignore' }).status === 0;

/**
 * Installs Chromium if there is none: with apt, or else the one of Playwright. It says what it does first.
 *
 * @returns false when there is none in the end
 */
export function bringChromium({
  root,
  environment = process.env,
  isRoot = process.getuid?.() === 0,
  find = (variables) => findChromium(root, variables),
  say = console.error,
}) {
  const found = find(environment);
  if (found !== undefined) {
    say(`Chromium is already installed: ${found}.`);
    return true;
  }
  if (environment.CHROMIUM) {
    say(`CHROMIUM names ${environment.CHROMIUM}, which does not run. Unset it to have one installed.`);
    return false;
  }
  const ways = [aptWay({ environment, isRoot }, ['chromium']), playwrightWay(root)].filter(Boolean);
  for (const way of ways) {
    say(`Installing Chromium (${way.words}) …`);
    if (tryInTurn(way, () => find(environment) !== undefined, environment)) return true;
  }
  say(`Chromium was not installed: ${ways.map(({ words }) => words).join(' and ')} failed. ${cure}`);
  return false;
}

const playwrightWay = (root) => ({
  words: 'npx playwright-core install chromium',
  steps: [[process.execPath, join(root, 'node_modules/playwright-core/cli.js'), 'install', 'chromium']],
});
