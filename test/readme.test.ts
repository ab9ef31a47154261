import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { projectDirectory } from '../cli/target/directories.ts';
import { copyOfCheckout } from './cli/checkout.ts';
import { finished, npmStart, startShell } from './cli/sluice.ts';

const readme = readFileSync(join(projectDirectory, 'README.md'), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'sluice-readme-'));

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The commands of the first shell block below a heading. */
function commandsBelow(heading: string): string[] {
  const section = readme.slice(readme.indexOf(`## ${heading}`));
  const [, block = ''] = /```sh\n(.*?)```/s.exec(section) ?? [];
  return block
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line !== '');
}

test('the commands of "Use it" in the README succeed', { timeout: 1_200_000, tags: ['mysql'] }, async () => {
  const [start, ...others] = commandsBelow('Use it');
  expect(start).toBe('npm start');
  expect(others.length).toBeGreaterThanOrEqual(4);

  const { stop } = await npmStart(directory);
  try {
    for (const command of others) {
      const { status, stdout, stderr } = await finished(startShell(directory, command));
      expect(status, `${command}\n${stdout}${stderr}`).toBe(0);
      expect(stdout, command).not.toBe('');
    }
  } finally {
    await stop();
  }
});

test('the commands of "Add a dataset" succeed beside a running npm start', {
  timeout: 1_200_000,
  tags: ['mysql'],
}, async () => {
  const commands = commandsBelow('Add a dataset');
  expect(commands).toHaveLength(3);
  const checkout = copyOfCheckout();
  const own = join(checkout, '.local');
  const { stop } = await npmStart(own, { checkout });
  try {
    for (const command of commands) {
      const { status, stdout, stderr } = await finished(startShell(own, command, { checkout }));
      expect(status, `${command}\n${stdout}${stderr}`).toBe(0);
      // What the last one says of MySQL: the women and the men who survived, with or without an age.
      if (command === commands.at(-1)) expect(stdout).toMatch(/female\D+\d+[\s\S]*male\D+\d+/);
    }
  } finally {
    await stop();
    rmSync(checkout, { recursive: true, force: true });
  }
});

test('the README has at most 120 lines', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(120);
});

test('the files that the README links to exist', () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(3);
  for (const path of links) expect(() => readFileSync(join(projectDirectory, path)), path).not.toThrow();
});
