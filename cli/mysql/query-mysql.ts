import type { FieldPacket, RowDataPacket } from 'mysql2/promise';
import { base64Of } from '../../domain/base64.ts';
import type { QueryResult } from '../lake/query-result.ts';
import { UserError } from '../terminal/user-error.ts';
import { withMysql } from './mysql.ts';

/** Types that are aligned right, by their numbers in the protocol: decimals, integers, floats, years. */
const numeric: ReadonlySet<number | undefined> = new Set([0, 1, 2, 3, 4, 5, 8, 9, 13, 246]);

/** Columns of bytes of any length, by the same numbers. */
const blobs: ReadonlySet<number> = new Set([249, 250, 251, 252]);

/**
 * The beginnings of statements that can run in a read-only transaction. Many others end the transaction first
 * and could then write ("MySQL Reference Manual: Statements That Cause an Implicit Commit"; MariaDB also has
 * compound statements).
 */
const reading =
  /^(?:[\s(]|(?:--[ \t]|#)[^\n]*\n|--\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(?:select|with|table|values|show|describe|desc|explain|checksum)\b/i;
/**
 * Writes a file on the server, or runs the code in a comment. A query that has such text in a string is
 * refused too.
 */
const notReading = /\binto\b.*\b(?:outfile|dumpfile)\b|\/\*M?!/is;

/**
 * Runs one SQL query over the tables in MySQL, without being able to change them: it only accepts statements
 * that read, and runs them in a read-only transaction.
 *
 * @throws {UserError} with the server's message
 */
export function queryMysql(url: string, sql: string): Promise<QueryResult> {
  if (!reading.test(sql) || notReading.test(sql))
    return Promise.reject(
      new UserError(
        'This statement does not only read, so it was not run. A query begins with SELECT, WITH, SHOW, DESCRIBE, EXPLAIN, TABLE or VALUES. To change data, use a MySQL client.',
      ),
    );
  return withMysql(url, async (connection) => {
    // Read-only for the session too: a statement might end this transaction and start another one.
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
    const isBlob = (fields ?? []).map(({ columnType = -1 }) => blobs.has(columnType));
    return { columns, rows: answered.map((row) => row.map((value, i) => plain(value, isBlob[i]))) };
  });
}

/** The driver's own conversion gets the last digit of some doubles wrong. */
const double = (digits: string | null) => (digits === null ? null : Number(digits));

/**
 * Bytes of a binary column become base64, as everywhere, and those of our own ids hexadecimal, as in SQL. The
 * driver returns decimals, times and large integers as text.
 */
const plain = (value: unknown, isBlob = false) =>
  !Buffer.isBuffer(value) ? value : isBlob ? base64Of(value) : `0x${value.toString('hex')}`;
