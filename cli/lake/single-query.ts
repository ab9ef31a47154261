import type { DuckDBConnection } from '@duckdb/node-api';
import * as z from 'zod';
import { UserError } from '../terminal/user-error.ts';

const EXPLAIN = /^\s*explain(\s+analyze)?\s/i;

/** What DuckDB's parser makes of a text ("JSON: Serializing SQL to JSON"). */
const parsed = z.union([
  z.object({ error: z.literal(false), statements: z.array(z.unknown()) }),
  z.object({ error: z.literal(true), error_type: z.string(), error_message: z.string() }),
]);

/**
 * Checks that a text is one statement that only reads. The others could write files, or change what the
 * session may do; DuckDB does so even when it prepares some of them, so they are only parsed.
 *
 * @throws {UserError} that says what else it is
 */
export async function checkSingleQuery(connection: DuckDBConnection, sql: string): Promise<void> {
  // EXPLAIN ANALYZE runs its statement.
  const text = sql.replace(EXPLAIN, '');
  const reader = await connection.runAndReadAll('select json_serialize_sql($1::varchar)', [text]);
  const result = parsed.parse(JSON.parse(String(reader.getRows()[0]?.[0])));
  if (result.error) {
    if (result.error_type === 'parser')
      throw new UserError(`The query failed: Parser Error: ${result.error_message}`);
    throw new UserError(
      'query only reads: it runs SELECT, also with WITH, FROM, VALUES, DESCRIBE, SHOW and SUMMARIZE, and EXPLAIN of these.',
    );
  }
  const { length } = result.statements;
  if (length === 0) throw new UserError('There is no statement. Give one: npx sluice query "select 1"');
  if (length > 1)
    throw new UserError(`These are ${length} statements: query runs one at a time, and has run none.`);
}

/**
 * Keeps the following statements from all files of this machine, except those in these directories. This
 * can't be taken back.
 */
export async function shutIn(connection: DuckDBConnection, directories: readonly string[]): Promise<void> {
  const list = directories.map((each) => `'${each.replaceAll("'", "''")}/'`).join(', ');
  await connection.run(
    `set allowed_directories = [${list}]; set enable_external_access = false; set lock_configuration = true`,
  );
}
