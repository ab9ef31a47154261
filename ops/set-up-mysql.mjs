// Brings a MySQL server's program to a machine that has none, where that takes no password: with apt as root or by sudo, or
// with Homebrew. Plain JavaScript without dependencies, like the rest of the set-up.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findMysqlServer, findProgram } from '../local/mysql-program.mjs';

const TIMEOUT_MS = 300_000;

/** Server programs without the service that would run them: nothing is started, and nothing listens. */
const mariadb = ['mariadb-server-core', 'mariadb-client-core'];
/** Where MariaDB's have a version in their names, as on older Ubuntus. */
const mysql = ['default-mysql-server-core'];

/**
 * Installs a server unless there is one or it is not wanted, and says what it does before it does it. That it can't is no
 * failure: the pipeline goes on without MySQL, and says so. What failed once is tried again only when asked for.
 *
 * @param again whether to try although it failed before
 * @param failedBefore the file that says so
 */
export function bringMysql({
  failedBefore,
  again = false,
  environment = process.env,
  isRoot = process.getuid?.() === 0,
  find = findMysqlServer,
  say = console.error,
}) {
  const isWanted = !environment.SLUICE_NO_MYSQL && !environment.MYSQL_URL;
  if (!isWanted || find(environment) !== undefined) return;
  if (existsSync(failedBefore) && !again) return;
  for (const { words, steps } of waysFor(environment, isRoot)) {
    say(`Installing a MySQL server’s program (${words}); SLUICE_NO_MYSQL=1 does without …`);
    for (const [command, ...args] of steps) {
      spawnSync(command, args, { env: environment, stdio: ['ignore', 2, 2], timeout: TIMEOUT_MS });
      if (find(environment) !== undefined) {
        rmSync(failedBefore, { force: true });
        return;
      }
    }
  }
  if (!existsSync(failedBefore)) {
    say('There is no MySQL server, and none could be installed without a password: going on without MySQL.');
    writeFileSync(failedBefore, '');
  }
}

/** What may be done without asking anybody: each a way with the commands that are tried one after the other. */
function waysFor(environment, isRoot) {
  const has = (name) => findProgram([name], environment, [], []) !== undefined;
  if (has('brew'))
    return [{ words: 'brew install mariadb', steps: [['brew', 'install', '--quiet', 'mariadb']] }];
  if (!has('apt-get')) return [];
  const maySudo =
    !isRoot && has('sudo') && spawnSync('sudo', ['-n', 'true'], { env: environment }).status === 0;
  if (!isRoot && !maySudo) return [];
  const apt = [...(isRoot ? [] : ['sudo', '-n']), 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
  const install = (packages) => [
    ...apt,
    '-o',
    'DPkg::Lock::Timeout=120',
    'install',
    '-y',
    '--no-install-recommends',
    ...packages,
  ];
  return [
    {
      words: `${isRoot ? '' : 'sudo '}apt-get install ${mariadb.join(' ')}`,
      steps: [install(mariadb), [...apt, 'update'], install(mariadb), install(mysql)],
    },
  ];
}
