import { administrator, admitLoadingUser } from '../mysql/administrator.ts';
import { openMysql } from '../mysql/connection.ts';
import { mysqlFailure } from '../mysql/failure.ts';
import { applyMigrations } from '../mysql/migrations/apply.ts';
import { migrations } from '../mysql/migrations/index.ts';

/**
 * Brings the tables up to date: called by each deployment, and by `npx sluice migrate`.
 *
 * @returns the numbers of the migrations that were applied
 */
export async function handler(): Promise<number[]> {
  const { settings, loadingUser } = await administrator();
  try {
    const connection = await openMysql(settings);
    try {
      const applied = await applyMigrations(
        { query: async (sql, values = []) => rowsOf(await connection.query(sql, [...values])) },
        migrations,
      );
      if (loadingUser !== undefined) await admitLoadingUser(connection, loadingUser);
      return applied;
    } finally {
      connection.destroy();
    }
  } catch (error) {
    const failure = mysqlFailure(error);
    throw failure === undefined ? error : new Error(failure.message);
  }
}

const rowsOf = ([rows]: [unknown, unknown]): readonly unknown[] => (Array.isArray(rows) ? rows : []);
