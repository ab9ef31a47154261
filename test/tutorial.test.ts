import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyOfCheckout } from './cli/checkout.ts';
import { finished, npmStart, type Started, startShell, startSluice } from './cli/sluice.ts';
import { applyDiff, blocksOf } from './fenced-blocks.ts';

let checkout: string;
let started: Started | undefined;

beforeAll(() => {
  checkout = copyOfCheckout();
});
afterAll(async () => {
  await started?.stop();
  rmSync(checkout, { recursive: true, force: true });
});

/** The commands of a block, each with the output that the document promises. */
const commandsOf = (content: string) =>
  content
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const [command = '', ...output] = text.split('\n');
      return { command, promised: output.join('\n').trimEnd() };
    });

/** Matches the promised output, in which `…` stands for anything: in a line, or for whole lines. */
function pattern(promised: string): RegExp {
  const lines = promised.split('\n').map((line) =>
    line === '…'
      ? '(?:.*\n)*'
      : `${line
          .split('…')
          .map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
          .join('.*')} *\n`,
  );
  return new RegExp(`^${lines.join('')}$`);
}

async function run(command: string, directory: string): Promise<string> {
  if (command === 'npm start') {
    await started?.stop();
    started = await npmStart(directory, { checkout });
    return started.printed;
  }
  // Without npx, which takes as long as the command; the README's test runs it.
  const line = command.replace(/^npx sluice /, 'node_modules/.bin/sluice ');
  const { status, stdout, stderr } = await finished(startShell(directory, line, { checkout }));
  expect(status, `${command}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

test('the tutorial does what it says, command by command', {
  timeout: 600_000,
  tags: ['mysql'],
}, async () => {
  const local = join(checkout, '.local');
  const commands: string[] = [];
  for (const block of blocksOf('docs/tutorial.md')) {
    if (block.language === 'diff') applyDiff(block, checkout);
    else if (block.file !== '') {
      expect(existsSync(join(checkout, block.file)), block.file).toBe(false);
      writeFileSync(join(checkout, block.file), block.content);
    } else
      for (const { command, promised } of commandsOf(block.content)) {
        commands.push(command);
        const printed = await run(command, local);
        expect(`${printed.trimEnd()}\n`, command).toMatch(pattern(promised));
      }
  }
  expect(commands.filter((command) => command === 'npm start')).toHaveLength(1);
  expect(commands.at(-1)).toBe('npx sluice reconcile');
});

test('a copy of the stopped local cloud’s directory, restored elsewhere, holds everything', {
  timeout: 1_200_000,
  tags: ['mysql'],
}, async () => {
  const local = join(checkout, '.local');
  const before = await finished(startSluice(local, ['reconcile', '--json'], { checkout }));
  expect(before.stdout).toContain('orders/orders-april.csv');
  await started?.stop();
  const restored = join(checkout, 'restored');
  cpSync(local, restored, { recursive: true });
  rmSync(local, { recursive: true });

  started = await npmStart(restored, { checkout });
  const after = await finished(startSluice(restored, ['reconcile', '--json'], { checkout }));
  expect(after).toMatchObject({ status: 0, stdout: before.stdout });
});
