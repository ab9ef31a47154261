import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import { mysqlAddress } from '../../domain/tables/mysql-address.ts';
import { mysqlFailure } from '../../mysql/failure.ts';
import { applyMigrations } from '../../mysql/migrations/apply.ts';
import { migrations } from '../../mysql/migrations/index.ts';
import { UserError } from '../terminal/user-error.ts';

/** Whether the tables are only to be read: the local cloud's MySQL has a user who can do no more. */
type Access = 'read' | 'write';

/** Where those who may read this user's files find the URL of the local cloud's MySQL, for as long as it runs. */
export const mysqlUrlFile = (directory: string, access: Access) =>
  join(directory, access === 'read' ? 'mysql-read.url' : 'mysql.url');

/**
 * The database of `MYSQL_URL`, or else that of the local cloud that runs from `directory`.
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
      `The MySQL of the stack ${stack} lies in a private network, where this machine is not. ` +
        'Give the way in that you have, e.g. a tunnel: MYSQL_URL=mysql://user:password@127.0.0.1:3306/sluice',
    );
  }
  const local = localMysqlUrl(directory, access);
  if (local !== undefined) return local;
  throw new UserError(
    'There is no MySQL: no local cloud runs with one (npx sluice status says why), and MYSQL_URL is not set. ' +
      'Set MYSQL_URL=mysql://user:password@host:port/database',
  );
}

/** The database of the local cloud that runs from `directory`; `undefined` when it has none. */
export function localMysqlUrl(directory: string, access: Access): string | undefined {
  try {
    return readFileSync(mysqlUrlFile(directory, access), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Does something with a database.
 *
 * @throws {UserError} when the database can't be worked with; it never has the password
 */
export async function withMysql<Result>(
  uri: string,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  if (!URL.canParse(uri) || new URL(uri).protocol !== 'mysql:')
    throw new UserError('MYSQL_URL must be mysql://user:password@host:port/database.');
  // The client takes a while to load, and most commands do without.
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
