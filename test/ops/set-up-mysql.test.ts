import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { bringMysql } from '../../ops/set-up-mysql.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-set-up-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(scratch, 'm-'));
  mkdirSync(join(directory, 'bin'));
});

/** A command that writes down how it was called, and does what the shell is told. */
function command(name: string, does = ':'): void {
  const file = join(directory, 'bin', name);
  writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> ${join(directory, 'calls')}\n${does}\n`);
  chmodSync(file, 0o755);
}

const installs = () => `: > ${join(directory, 'mariadbd')}`;

/** What was called and said, in a machine that has only these commands. */
function setUp({ isRoot = false, again = false, environment = {} as Record<string, string> } = {}) {
  rmSync(join(directory, 'calls'), { force: true });
  const said: string[] = [];
  bringMysql({
    failedBefore: join(directory, 'failed'),
    again,
    isRoot,
    environment: { PATH: join(directory, 'bin'), ...environment },
    find: () => (existsSync(join(directory, 'mariadbd')) ? join(directory, 'mariadbd') : undefined),
    say: (line: string) => said.push(line),
  });
  const file = join(directory, 'calls');
  return { said, calls: existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [] };
}

/** `env NAME=value command …`, as sudo is given it. */
const env = 'shift; exec "$@"';
const aptThatInstalls = () => `case "$*" in *install*) ${installs()} ;; esac`;

describe('the set-up of MySQL', () => {
  test('does nothing where a server is installed, or one is named, or none is wanted', () => {
    command('env', env);
    command('apt-get', aptThatInstalls());
    for (const environment of [{ SLUICE_NO_MYSQL: '1' }, { MYSQL_URL: 'mysql://a:b@c/d' }]) {
      expect(setUp({ isRoot: true, environment })).toEqual({ said: [], calls: [] });
    }
    writeFileSync(join(directory, 'mariadbd'), '');
    expect(setUp({ isRoot: true })).toEqual({ said: [], calls: [] });
  });

  test('installs the program without a service by apt as root, and says so before', () => {
    command('env', env);
    command('apt-get', aptThatInstalls());
    const { said, calls } = setUp({ isRoot: true });
    expect(said).toEqual([
      'Installing a MySQL server’s program (apt-get install mariadb-server-core mariadb-client-core); SLUICE_NO_MYSQL=1 does without …',
    ]);
    expect(calls.filter((call) => call.startsWith('apt-get'))).toEqual([
      'apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends mariadb-server-core mariadb-client-core',
    ]);
  });

  test('uses sudo where it asks for no password, and not where it does', () => {
    command('env', env);
    command('apt-get', aptThatInstalls());
    command('sudo', 'exit 1');
    expect(setUp()).toEqual({
      said: [expect.stringContaining('going on without MySQL')],
      calls: ['sudo -n true'],
    });

    command('true');
    command('sudo', 'shift; exec "$@"');
    const { said, calls } = setUp({ again: true });
    expect(said).toEqual([expect.stringContaining('(sudo apt-get install')]);
    expect(calls).toContainEqual(
      expect.stringMatching(/^sudo -n env DEBIAN_FRONTEND=noninteractive apt-get .* install -y/),
    );
    expect(existsSync(join(directory, 'failed'))).toBe(false);
  });

  test('reads the lists of packages when there are none yet, and takes MySQL where there is no MariaDB', () => {
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

  test('uses Homebrew where there is one', () => {
    command('brew', installs());
    expect(setUp()).toEqual({
      said: [expect.stringContaining('(brew install mariadb)')],
      calls: ['brew install --quiet mariadb'],
    });
  });

  test('goes on without, says so once, and tries again only when asked to', () => {
    command('env', env);
    command('apt-get', 'exit 100');
    const first = setUp({ isRoot: true });
    expect(first.said.at(-1)).toContain('going on without MySQL');
    expect(setUp({ isRoot: true })).toEqual({ said: [], calls: [] });
    expect(setUp({ isRoot: true, again: true }).calls).not.toEqual([]);
  });
});
