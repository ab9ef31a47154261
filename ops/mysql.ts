import { type Connection, createConnection } from 'mysql2/promise';
import { mysqlFailure } from '../domain/tables/mysql-failure.ts';
import { UserError } from './user-error.ts';

/**
 * Does something with the database of `MYSQL_URL`.
 *
 * @throws {UserError} when there is no such URL, or the database can't be worked with; it never has the password
 */
export async function withMysql<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
  const uri = process.env['MYSQL_URL'] ?? '';
  if (uri === '')
    throw new UserError('Which database? Set MYSQL_URL=mysql://user:password@host:port/database');
  let connection: Connection | undefined;
  try {
    connection = await createConnection({ uri, charset: 'utf8mb4_bin', timezone: 'Z' });
    return await work(connection);
  } catch (error) {
    const failure = mysqlFailure(error);
    throw failure === undefined ? error : new UserError(failure.message);
  } finally {
    connection?.destroy();
  }
}
