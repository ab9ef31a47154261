import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { bringMysql } from '../../../cli/set-up/set-up-mysql.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-set-up-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(scratch, 'm-'));
  mkdirSync(join(directory, 'bin'));
});

/** A command that records its arguments and then runs a line of shell. */
function command(name: string, does = ':'): void {
  const file = join(directory, 'bin', name);
  writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> ${join(directory, 'calls')}\n${does}\n`);
  chmodSync(file, 0o755);
}

const installs = () => `: > ${join(directory, 'mariadbd')}`;

/** The calls and the output of a set-up on a machine that has only these commands. */
function setUp({ isRoot = false, asked = false, environment = {} as Record<string, string> } = {}) {
  rmSync(join(directory, 'calls'), { force: true });
  const said: string[] = [];
  const isThere = bringMysql({
    failedBefore: join(directory, 'failed'),
    asked,
    isRoot,
    environment: { PATH: join(directory, 'bin'), ...environment },
    find: () => (existsSync(join(directory, 'mariadbd')) ? join(directory, 'mariadbd') : undefined),
    say: (line: string) => said.push(line),
  });
  const file = join(directory, 'calls');
  return { isThere, said, calls: existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [] };
}

const goesOn =
  'No MySQL server is installed, so Sluice runs without one. To install one: npm run setup:mysql';

/** `env NAME=value command …`, as sudo gets it. */
const env = 'shift; exec "$@"';
const aptThatInstalls = () => `case "$*" in *install*) ${installs()} ;; esac`;

describe('the set-up of MySQL', () => {
  test('the set-up does nothing if a server is installed, one is named, or none is wanted', () => {
    command('env', env);
    command('apt-get', aptThatInstalls());
    for (const environment of [{ SLUICE_NO_MYSQL: '1' }, { MYSQL_URL: 'mysql://a:b@c/d' }]) {
      expect(setUp({ isRoot: true, environment })).toEqual({ isThere: true, said: [], calls: [] });
    }
    writeFileSync(join(directory, 'mariadbd'), '');
    expect(setUp({ isRoot: true })).toEqual({ isThere: true, said: [], calls: [] });
  });

  test('the set-up of root announces and installs the program with apt, without a service', () => {
    command('env', env);
    command('apt-get', aptThatInstalls());
    const { said, calls } = setUp({ isRoot: true });
    expect(said).toEqual([
      'Installing a MySQL server (apt-get install mariadb-server-core mariadb-client-core) …',
    ]);
    expect(calls.filter((call) => call.startsWith('apt-get'))).toEqual([
      'apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends mariadb-server-core mariadb-client-core',
    ]);
  });

  test('the set-up runs neither sudo nor brew without a request, and names the command that does', () => {
    command('env', env);
    command('apt-get', aptThatInstalls());
    command('sudo', 'exec "$@"');
    command('brew', installs());
    expect(setUp()).toEqual({ isThere: true, said: [goesOn], calls: [] });
    rmSync(join(directory, 'bin', 'apt-get'));
    for (const isRoot of [false, true])
      expect(setUp({ isRoot })).toEqual({ isThere: true, said: [goesOn], calls: [] });
  });

  test('the set-up announces and uses sudo on request', () => {
    command('env', env);
    command('apt-get', aptThatInstalls());
    command('sudo', 'exec "$@"');
    const { isThere, said, calls } = setUp({ asked: true });
    expect(isThere).toBe(true);
    expect(said).toEqual([expect.stringContaining('(sudo apt-get install')]);
    expect(calls[0]).toMatch(/^sudo env DEBIAN_FRONTEND=noninteractive apt-get .* install -y/);
    expect(setUp({ asked: true })).toEqual({
      isThere: true,
      said: [`A MySQL server is already installed: ${join(directory, 'mariadbd')}.`],
      calls: [],
    });
  });

  test('the set-up uses Homebrew on request if there is no apt', () => {
    command('brew', installs());
    expect(setUp({ asked: true })).toEqual({
      isThere: true,
      said: [expect.stringContaining('(brew install mariadb)')],
      calls: ['brew install --quiet mariadb'],
    });
  });

  test('the set-up updates apt’s package lists if needed, and installs MySQL if there is no MariaDB', () => {
    command('env', env);
    command('apt-get', `case "$*" in *default-mysql*) ${installs()} ;; *install*) exit 100 ;; esac`);
    const { calls } = setUp({ isRoot: true });
    expect(calls.filter((call) => call.startsWith('apt-get')).map((call) => call.split(' ').at(-1))).toEqual([
      'mariadb-client-core',
      'update',
      'mariadb-client-core',
      'default-mysql-server-core',
    ]);
  });

  test('the set-up continues without MySQL after a failed attempt of root, and tries again only on request', () => {
    command('env', env);
    command('apt-get', 'exit 100');
    const first = setUp({ isRoot: true });
    expect(first.isThere).toBe(true);
    expect(first.said.at(-1)).toBe(goesOn);
    expect(setUp({ isRoot: true })).toEqual({ isThere: true, said: [goesOn], calls: [] });
    const again = setUp({ isRoot: true, asked: true });
    expect(again.calls).not.toEqual([]);
    expect(again.isThere).toBe(false);
    expect(again.said.at(-1)).toContain('apt-get install mariadb-server-core mariadb-client-core failed');
  });

  test('the set-up fails on request without apt and Homebrew, and names the alternatives', () => {
    const { isThere, said } = setUp({ asked: true });
    expect(isThere).toBe(false);
    expect(said).toEqual([
      expect.stringMatching(
        /^No MySQL server was installed: neither apt-get nor Homebrew is available\. .* MYSQL_URL=mysql:/,
      ),
    ]);
  });
});
