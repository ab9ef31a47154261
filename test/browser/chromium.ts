import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../../cli/set-up/set-up-browser.mjs';
import { projectDirectory } from '../../cli/target/directories.ts';

/** Nothing runs beside the page, and only the loopback has an address: nothing can come from elsewhere. */
const options = [
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
];

/** @throws {Error} where there is no Chromium: a test of the page that can't run must not pass */
export async function startChromium(): Promise<Browser> {
  const executablePath = findChromium(projectDirectory);
  if (executablePath === undefined)
    throw new Error(
      'The tests of the page need Chromium, and none that runs was found. Install one: npm run setup:browser',
    );
  // Chromium's sandbox refuses root.
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({ executablePath, args: [...options, ...(isRoot ? ['--no-sandbox'] : [])] });
}
