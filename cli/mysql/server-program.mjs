// Finds the program of a MySQL server on this machine. Plain JavaScript without dependencies, since the
// set-up uses it before any are installed.
import { dirname, join } from 'node:path';
import { findProgram } from '../set-up/programs.mjs';

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

/** MariaDB's or MySQL's server program; undefined when there is none. */
export const findMysqlServer = (environment = process.env) =>
  findProgram(['mariadbd', 'mysqld'], { environment, last: packaged });

/** The program that creates MariaDB's data directory: beside the server, or in a directory of scripts. */
export const findMariadbInstaller = (server, environment = process.env) =>
  findProgram(['mariadb-install-db', 'mysql_install_db'], {
    environment,
    first: [dirname(server), join(dirname(server), '..', 'bin'), join(dirname(server), '..', 'scripts')],
    last: packaged,
  });
