// Finds the program of a MySQL server on this machine. Plain JavaScript without dependencies, since the
// set-up uses it before any are installed.
import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** Where packages install servers: most users' PATH has no sbin. */
const packaged = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/usr/local/mysql/bin',
  ...['/opt/homebrew/opt', '/usr/local/opt'].flatMap((prefix) =>
    ['mariadb', 'mysql'].map((formula) => join(prefix, formula, 'bin')),
  ),
];

/** The first of these programs that can be run, on the PATH or where packages install it. */
export function findProgram(names, environment = process.env, first = [], last = packaged) {
  const path = (environment.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  for (const name of names) {
    for (const directory of [...first, ...path, ...last]) {
      const file = join(directory, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Look in the next one.
      }
    }
  }
  return undefined;
}

/** MariaDB's or MySQL's server program; undefined when there is none. */
export const findMysqlServer = (environment = process.env) =>
  findProgram(['mariadbd', 'mysqld'], environment);

/** The program that creates MariaDB's data directory: beside the server, or in a directory of scripts. */
export const findMariadbInstaller = (server, environment = process.env) =>
  findProgram(['mariadb-install-db', 'mysql_install_db'], environment, [
    dirname(server),
    join(dirname(server), '..', 'bin'),
    join(dirname(server), '..', 'scripts'),
  ]);
