import type { FieldPacket, RowDataPacket } from 'mysql2/promise';
import type { QueryResult } from '../lake/query-result.ts';
import { UserError } from '../terminal/user-error.ts';
import { withMysql } from './mysql.ts';

/** Types whose values line up at the right, as the protocol numbers them: decimals, integers, floats, years. */
const numeric: ReadonlySet<number | undefined> = new Set([0, 1, 2, 3, 4, 5, 8, 9, 13, 246]);

/**
 * Statements that begin so do nothing but read, as far as the server can't hold them to it by a transaction that can't write: it ends
 * that of any other ("MySQL Reference Manual: Statements That Cause an Implicit Commit"; MariaDB has compound statements as well).
 */
const reading =
  /^(?:[\s(]|(?:--[ \t]|#)[^\n]*\n|--\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:select|with|table|values|show|describe|desc|explain|checksum)\b/i;
/** Writes to a file of the server's, or runs what looks like a comment; nobody needs it within a text. */
const notReading = /\binto\b.*\b(?:outfile|dumpfile)\b|\/\*M?!/is;

/**
 * Answers one SQL statement over the tables in MySQL, which it can't change: nothing but statements that read are let through, in a
 * transaction that can't write.
 *
 * @throws {UserError} that has what the server says
 */
export function queryMysql(url: string, sql: string): Promise<QueryResult> {
  if (!reading.test(sql) || notReading.test(sql))
    return Promise.reject(
      new UserError(
        'This statement does more than read, and is not run. A query begins with SELECT, WITH, SHOW, DESCRIBE, EXPLAIN, TABLE or VALUES; to change data, use the client of MySQL.',
      ),
    );
  return withMysql(url, async (connection) => {
    // Also for what a statement would begin by itself after it ended the transaction that it is in.
    await connection.query('SET SESSION TRANSACTION READ ONLY');
    await connection.query('START TRANSACTION READ ONLY');
    let rows: unknown;
    let fields: FieldPacket[] | undefined;
    try {
      [rows, fields] = await connection.query<RowDataPacket[][]>({
        sql,
        rowsAsArray: true,
        dateStrings: true,
        supportBigNumbers: true,
        typeCast: (field, next) => (field.type === 'DOUBLE' ? double(field.string()) : next()),
      });
    } catch (error) {
      const { sqlMessage } = error as { sqlMessage?: string };
      throw sqlMessage === undefined ? error : new UserError(`The query failed: ${sqlMessage}`);
    }
    const columns = (fields ?? []).map(({ name, columnType }) => ({
      name,
      numeric: numeric.has(columnType),
    }));
    const answered = columns.length === 0 ? [] : (rows as unknown[][]);
    return { columns, rows: answered.map((row) => row.map(plain)) };
  });
}

/** The driver itself reads a few of them wrong in the last digit. */
const double = (digits: string | null) => (digits === null ? null : Number(digits));

/** Bytes as MySQL writes them in SQL; everything else as the driver gives it: decimals, times and large integers as text. */
const plain = (value: unknown) => (Buffer.isBuffer(value) ? `0x${value.toString('hex')}` : value);
