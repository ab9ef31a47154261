// Brings a MySQL server's program to a machine that has none: with apt or with Homebrew. Only root's set-up does so by itself.
// Plain JavaScript without dependencies, like the rest of the set-up.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findMysqlServer, findProgram } from '../mysql/server-program.mjs';

const TIMEOUT_MS = 300_000;

/** Server programs without the service that would run them: nothing is started, and nothing listens. */
const mariadb = ['mariadb-server-core', 'mariadb-client-core'];
/** Where MariaDB's have a version in their names, as on older Ubuntus. */
const mysql = ['default-mysql-server-core'];

/**
 * Installs a server where there is none: as root unless none is wanted, and for others when asked to, since that takes sudo
 * or Homebrew. Says what it does before it does it. What failed once is tried again only when asked for.
 *
 * @param asked whether somebody asked for a server
 * @param failedBefore the file that says that root's attempt failed
 * @returns false when a server was asked for and there is none
 */
export function bringMysql({
  failedBefore,
  asked = false,
  environment = process.env,
  isRoot = process.getuid?.() === 0,
  find = findMysqlServer,
  say = console.error,
}) {
  const isWanted = !environment.SLUICE_NO_MYSQL && !environment.MYSQL_URL;
  if (!asked && !isWanted) return true;
  const found = find(environment);
  if (found !== undefined) {
    if (asked) say(`There is a MySQL server’s program: ${found}.`);
    return true;
  }
  const way = asked || !existsSync(failedBefore) ? wayFor(environment, isRoot, asked) : undefined;
  if (way !== undefined) {
    say(`Installing a MySQL server’s program (${way.words}) …`);
    for (const [command, ...args] of way.steps) {
      // sudo may ask for a password.
      spawnSync(command, args, { env: environment, stdio: ['inherit', 2, 2], timeout: TIMEOUT_MS });
      if (find(environment) !== undefined) {
        rmSync(failedBefore, { force: true });
        return true;
      }
    }
    if (!asked) writeFileSync(failedBefore, '');
  }
  if (asked) {
    say(
      `${way === undefined ? 'Neither apt-get nor Homebrew is here' : `${way.words} failed`}: no MySQL server was installed. ` +
        'Install MariaDB or MySQL yourself, or name a server: MYSQL_URL=mysql://user:password@host:port/database',
    );
    return false;
  }
  say('No MySQL server is installed: Sluice goes on without one. To install one: npm run setup:mysql');
  return true;
}

/** How to install a server, with the commands that are tried one after the other; undefined where there is no way. */
function wayFor(environment, isRoot, asked) {
  const has = (name) => findProgram([name], environment, [], []) !== undefined;
  if (has('apt-get') && (isRoot || asked)) {
    const apt = [...(isRoot ? [] : ['sudo']), 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
    const options = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends'];
    const install = (packages) => [...apt, ...options, ...packages];
    return {
      words: `${isRoot ? '' : 'sudo '}apt-get install ${mariadb.join(' ')}`,
      steps: [install(mariadb), [...apt, 'update'], install(mariadb), install(mysql)],
    };
  }
  if (has('brew') && asked)
    return { words: 'brew install mariadb', steps: [['brew', 'install', '--quiet', 'mariadb']] };
  return undefined;
}
