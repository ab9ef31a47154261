import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { mysqlAddress } from '../../domain/tables/mysql-address.ts';
import { mysqlFailure } from '../../mysql/failure.ts';
import { applyMigrations } from '../../mysql/migrations/apply.ts';
import { migrations } from '../../mysql/migrations/index.ts';
import { UserError } from '../terminal/user-error.ts';

/** The local cloud's MySQL has a user for each: one that can only read, and one that can write. */
type Access = 'read' | 'write';

/**
 * The file with the URL of the local cloud's MySQL, which only its user can read. It exists while the server
 * runs.
 */
export const mysqlUrlFile = (directory: string, access: Access) =>
  join(directory, access === 'read' ? 'mysql-read.url' : 'mysql.url');

/**
 * The database of `MYSQL_URL`, or else that of the local cloud of `directory`.
 *
 * @throws {UserError} when there is neither
 */
export function mysqlUrl(
  { directory, stack }: { readonly directory: string; readonly stack?: string },
  access: Access,
): string {
  const { MYSQL_URL = '' } = process.env;
  if (MYSQL_URL !== '') return MYSQL_URL;
  if (stack !== undefined) {
    throw new UserError(
      `The MySQL of the stack ${stack} is in a private network that this machine can’t reach. ` +
        'Open a way to it, e.g. a tunnel, and set its URL: MYSQL_URL=mysql://user:password@127.0.0.1:3306/sluice',
    );
  }
  const local = localMysqlUrl(directory, access);
  if (local !== undefined) return local;
  throw new UserError(
    'There is no MySQL: MYSQL_URL is not set, and no local cloud with MySQL is running (npm start prints why). ' +
      'Set MYSQL_URL=mysql://user:password@host:port/database',
  );
}

/** The database of the local cloud of `directory`; `undefined` when it has none. */
export function localMysqlUrl(directory: string, access: Access): string | undefined {
  try {
    return readFileSync(mysqlUrlFile(directory, access), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Connects to a database and calls `work` with the connection.
 *
 * @throws {UserError} when the database can't be used; its message never has the password
 */
export async function withMysql<Result>(
  uri: string,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  if (!URL.canParse(uri) || new URL(uri).protocol !== 'mysql:')
    throw new UserError('MYSQL_URL must be mysql://user:password@host:port/database.');
  // Loaded late: the client takes a while to load, and most commands don't need it.
  const { createConnection } = await import('mysql2/promise');
  let connection: Connection | undefined;
  try {
    connection = await createConnection({ ...mysqlAddress(uri), charset: 'utf8mb4_bin', timezone: 'Z' });
    return await work(connection);
  } catch (error) {
    const failure = mysqlFailure(error);
    throw failure === undefined ? error : new UserError(failure.message);
  } finally {
    connection?.destroy();
  }
}

/** Brings the tables up to date. @returns the numbers of the migrations that were applied */
export function applyTo(connection: Connection): Promise<number[]> {
  const query = async (sql: string, values: readonly unknown[] = []) => {
    const [rows] = await connection.query(sql, [...values]);
    return Array.isArray(rows) ? rows : [];
  };
  return applyMigrations({ query }, migrations);
}
