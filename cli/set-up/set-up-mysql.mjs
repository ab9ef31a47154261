// Installs the program of a MySQL server on a machine that has none, with apt or Homebrew. Only root's set-up
// does so without a request. Plain JavaScript without dependencies, like the rest of the set-up.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findMysqlServer } from '../mysql/server-program.mjs';
import { aptWay, findProgram, tryInTurn } from './programs.mjs';

/** Packages of the programs only, without a service: nothing is started, and nothing listens. */
const mariadb = ['mariadb-server-core', 'mariadb-client-core'];
/** For systems whose MariaDB packages have a version in their names, such as older Ubuntus. */
const mysql = ['default-mysql-server-core'];

/**
 * Installs a server if there is none: as root unless none is wanted, and as another user only on request,
 * since that takes sudo or Homebrew. It says what it does first. After a failure it tries again only on
 * request.
 *
 * @param asked whether the user requested a server
 * @param failedBefore the file that records a failed attempt of root
 * @returns false when a server was requested and there is none
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
    if (asked) say(`A MySQL server is already installed: ${found}.`);
    return true;
  }
  const way = asked || !existsSync(failedBefore) ? wayFor(environment, isRoot, asked) : undefined;
  if (way !== undefined) {
    say(`Installing a MySQL server (${way.words}) …`);
    if (tryInTurn(way, () => find(environment) !== undefined, environment)) {
      rmSync(failedBefore, { force: true });
      return true;
    }
    if (!asked) writeFileSync(failedBefore, '');
  }
  if (asked) {
    say(
      `No MySQL server was installed: ${way === undefined ? 'neither apt-get nor Homebrew is available' : `${way.words} failed`}. ` +
        'Install MariaDB or MySQL yourself, or use another server: MYSQL_URL=mysql://user:password@host:port/database',
    );
    return false;
  }
  say('No MySQL server is installed, so Sluice runs without one. To install one: npm run setup:mysql');
  return true;
}

/** How to install a server: the commands to try in turn. Undefined when there is no way. */
function wayFor(environment, isRoot, asked) {
  const apt = isRoot || asked ? aptWay({ environment, isRoot }, mariadb, mysql) : undefined;
  if (apt !== undefined || !asked || findProgram(['brew'], { environment }) === undefined) return apt;
  return { words: 'brew install mariadb', steps: [['brew', 'install', '--quiet', 'mariadb']] };
}
