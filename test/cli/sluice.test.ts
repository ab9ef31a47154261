import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { defaultDirectory, projectDirectory } from '../../cli/target/directories.ts';
import { finished, sluice, startShell, startSluice } from './sluice.ts';

const directory = mkdtempSync(join(tmpdir(), 'sluice-own-place-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a test', () => {
  /** These two files, programs that `npm test` never runs, and this file, which contains the patterns. */
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

  test('tests start the command line only with sluice() or startShell()', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(
      offenders([/from 'node:child_process'/, /\bsluice\.mjs['"`]|\bcli\.ts['"`]|['"`]np[mx]\b/]),
    ).toEqual([]);
    expect(offenders([/from '[./]+\/ops\/(cli|local-cloud|commands\/start|commands\/demo)\.ts'/])).toEqual(
      [],
    );
  });

  test('a test that needs a MySQL server has the tag in its first line, or on the test', () => {
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

  test('a test without a directory never uses the checkout’s', async () => {
    const { SLUICE_DIRECTORY = '' } = process.env;
    expect(SLUICE_DIRECTORY).not.toBe(defaultDirectory);
    const { status, stderr } = await finished(startSluice(SLUICE_DIRECTORY, ['start']));
    expect(status).toBe(1);
    expect(stderr).toContain("can't be used: ");
  });

  test('a command in a test gets nothing of the shell’s environment', async () => {
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

  test('commands that run in the test’s process have their own output and status, and leave nothing behind', async () => {
    const before = [process.env, console, process.cwd(), process.stdout.write, process.stderr.write];
    const [version, failed] = await Promise.all([
      sluice(directory, ['--version']),
      sluice(directory, ['status'], { cwd: directory }),
    ]);
    expect(version).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
    expect(failed).toEqual({
      status: 1,
      stdout: '',
      stderr: 'The local cloud is not running. Start it in another terminal: npm start\n',
    });
    expect([process.env, console, process.cwd(), process.stdout.write, process.stderr.write]).toEqual(before);
    expect(process.exitCode).toBeUndefined();
  });

  test('a test fails when a command makes Node print a warning', async () => {
    const warns = `node --eval 'process.emitWarning("planted")'`;
    await expect(finished(startShell(directory, warns))).rejects.toThrow('Warning: planted');
  });
});
