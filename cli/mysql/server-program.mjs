// Where a MySQL-protocol server's program is on this machine. Plain JavaScript without dependencies, since the set-up asks before there are any.
import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** Where packages put servers beside the PATH, which for most users has no sbin. */
const packaged = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/libexec',
  '/usr/local/mysql/bin',
  ...['/opt/homebrew/opt', '/usr/local/opt'].flatMap((prefix) =>
    ['mariadb', 'mysql'].map((formula) => join(prefix, formula, 'bin')),
  ),
];

/** The first of these programs that can be run, on the PATH or where packages put them. */
export function findProgram(names, environment = process.env, first = [], last = packaged) {
  const path = (environment.PATH ?? '').split(delimiter).filter((directory) => directory !== '');
  for (const name of names) {
    for (const directory of [...first, ...path, ...last]) {
      const file = join(directory, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

/** MariaDB's or MySQL's server program; undefined when there is none. */
export const findMysqlServer = (environment = process.env) =>
  findProgram(['mariadbd', 'mysqld'], environment);

/** What makes MariaDB's first data directory: beside the server, or where scripts are. */
export const findMariadbInstaller = (server, environment = process.env) =>
  findProgram(['mariadb-install-db', 'mysql_install_db'], environment, [
    dirname(server),
    join(dirname(server), '..', 'bin'),
    join(dirname(server), '..', 'scripts'),
  ]);
