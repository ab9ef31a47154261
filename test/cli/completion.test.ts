import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { sluice } from './sluice.ts';

let script: string;

beforeAll(async () => {
  script = (await sluice(tmpdir(), ['completion', 'bash'])).stdout;
});

/** What bash completes the last of these words to. */
async function completed(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const line = `COMP_WORDS=(sluice ${quoted}); COMP_CWORD=${words.length}; _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', `${script}\n${line}`]);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash completes commands, commands within commands, values and options', async () => {
  expect(await completed('re')).toEqual(['rejects', 'reconcile', 'redrive', 'replay']);
  expect(await completed('--stack', 'prod', 'stat')).toEqual(['status']);
  expect(await completed('put', '--w')).toEqual(['--wait']);
  expect(await completed('fault', 'a')).toEqual(['add']);
  expect(await completed('fault', 'add', 'ans')).toEqual(['answer']);
  expect(await completed('completion', 'z')).toEqual(['zsh']);
  expect(await completed('put', 'examples')).toEqual([]);
});

test('the scripts of the other shells have every command too', async () => {
  const [zsh, fish] = await Promise.all(
    ['zsh', 'fish'].map(async (shell) => (await sluice(tmpdir(), ['completion', shell])).stdout),
  );
  expect(zsh).toBe(`autoload -U +X bashcompinit && bashcompinit\n${script}`);
  for (const name of ['start', 'query', 'explain', 'fault']) expect(fish).toContain(` -f -a ${name} -d `);
  expect(fish).toMatch(/__fish_seen_subcommand_from put' -l wait -d /);
  expect(await sluice(tmpdir(), ['completion', 'tcsh'])).toMatchObject({ status: 2 });
});

test('the help lists the commands in groups', async () => {
  const { stdout } = await sluice(tmpdir(), ['--help']);
  const headings = [...stdout.matchAll(/^(\w[\w ]*):$/gm)].map(([, heading]) => heading);
  expect(headings).toEqual(expect.arrayContaining(['Run', 'Look', 'Repair', 'Data model', 'Try out']));
  expect(headings).not.toContain('Commands');
});
