import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { defaultDirectory, projectDirectory } from '../../cli/target/directories.ts';
import { finished, sluice, startShell } from './sluice.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-own-place-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a test', () => {
  /** These two, what is run by hand and never by `npm test`, and this file, which names what it looks for. */
  const exempt = [
    'test/cli/sluice.ts',
    'test/pipeline/running-pipeline.ts',
    'test/bench/**',
    'test/chaos/**',
    'test/cli/sluice.test.ts',
  ];
  const files = globSync('test/**/*.{ts,mjs}', { cwd: projectDirectory, exclude: exempt });
  const offenders = (signs: readonly RegExp[]) =>
    files.filter((file) => {
      const source = readFileSync(join(projectDirectory, file), 'utf8');
      return signs.every((sign) => sign.test(source));
    });

  test('starts the command line by sluice() or startShell(), and in no other way', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(
      offenders([/from 'node:child_process'/, /\bsluice\.mjs['"`]|\bcli\.ts['"`]|['"`]np[mx]\b/]),
    ).toEqual([]);
    expect(offenders([/from '[./]+\/ops\/(cli|local-cloud|commands\/start|commands\/demo)\.ts'/])).toEqual(
      [],
    );
  });

  test('that needs a MySQL server says so in its first line, or by the tag of its own', () => {
    const needs = offenders([/\bstartMysqlServer\(|mysql: true/]);
    expect(needs.length).toBeGreaterThan(5);
    const silent = needs.filter(
      (file) =>
        file.endsWith('.test.ts') &&
        !/^\/\/ @module-tag mysql\n|tags: \[?'mysql'/.test(
          readFileSync(join(projectDirectory, file), 'utf8'),
        ),
    );
    expect(silent).toEqual([]);
  });

  test('that names no directory gets none, least of all the checkout’s', async () => {
    const { SLUICE_DIRECTORY = '' } = process.env;
    expect(SLUICE_DIRECTORY).not.toBe(defaultDirectory);
    const { status, stderr } = await sluice(SLUICE_DIRECTORY, ['start']);
    expect(status).toBe(1);
    expect(stderr).toContain("State can't be kept in");
  });

  test('gives a command nothing of its shell’s environment', async () => {
    for (const name of ['MYSQL_URL', 'SLUICE_STACK', 'AWS_PROFILE']) {
      expect(process.env[name]).toBeUndefined();
      vi.stubEnv(name, 'the shell’s');
    }
    try {
      const { stdout } = await finished(startShell(directory, 'env'));
      const names = stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0] ?? '');
      const ofShells = ['PWD', 'OLDPWD', 'SHLVL', '_'];
      expect(names.filter((name) => !ofShells.includes(name)).sort()).toEqual([
        'NO_COLOR',
        'PATH',
        'SLUICE_DIRECTORY',
        'SLUICE_PORT',
      ]);
      expect(stdout).toContain(`SLUICE_DIRECTORY=${directory}\n`);
      expect(stdout).toContain('SLUICE_PORT=0\n');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('fails when a command lets Node print a warning', async () => {
    const warns = `node --eval 'process.emitWarning("planted")'`;
    await expect(finished(startShell(directory, warns))).rejects.toThrow('Warning: planted');
  });
});
