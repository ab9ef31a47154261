import { type Migration, migrationChecksum } from '../../domain/tables/migration.ts';

/** A connection to the database: one statement at a time, all of them in the same session. */
export interface Database {
  query(sql: string, values?: readonly unknown[]): Promise<readonly unknown[]>;
}

/** The database can't be migrated as it is; the message says what to do. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

/** Seconds for which a migrator waits for another. */
const LOCK_WAIT_S = 60;

/** Names of locks are the server's, not the database's, and have 64 characters. */
const lockName = "CONCAT('sluice-', SHA1(DATABASE()))";

/** What a statement that was cut off meets when it had taken effect: table, column and index there; index gone. */
const alreadyDone = new Set([1050, 1060, 1061, 1091]);

interface Applied {
  readonly number: number;
  readonly checksum: string;
  /** Statements that are done. */
  readonly statements: number;
  /** 1 while the next one runs: that it is still so says that nobody knows how it ended. */
  readonly running: number;
}

/**
 * Applies the migrations that the database does not have yet, in order, and records each. Of two that try at once, the
 * second waits. A statement that changes a table can't be undone with a transaction, so one that was cut off goes on
 * with the statement that it had come to.
 *
 * @returns the numbers that were applied
 * @throws {MigrationRefused} when one that was applied has changed since, or another migrator does not end
 */
export async function applyMigrations(
  database: Database,
  migrations: readonly Migration[],
): Promise<number[]> {
  const [lock] = await database.query(`SELECT GET_LOCK(${lockName}, ${LOCK_WAIT_S}) AS locked`);
  if (Number((lock as { locked: unknown }).locked) !== 1) {
    throw new MigrationRefused(
      `Another migration has been running for ${LOCK_WAIT_S} s. When it has ended: npx sluice migrate`,
    );
  }
  try {
    const applied = await appliedMigrations(database);
    const numbers: number[] = [];
    for (const migration of migrations) {
      const known = applied.get(migration.number);
      check(migration, known);
      if (known !== undefined && known.statements >= migration.statements.length) continue;
      await apply(database, migration, known);
      numbers.push(migration.number);
    }
    return numbers;
  } finally {
    await database.query(`SELECT RELEASE_LOCK(${lockName})`);
  }
}

/** What the database has of migrations, by number. */
async function appliedMigrations(database: Database): Promise<ReadonlyMap<number, Applied>> {
  await database.query(`CREATE TABLE IF NOT EXISTS sluice_migrations (
  number INT UNSIGNED NOT NULL,
  name TEXT NOT NULL,
  checksum CHAR(16) NOT NULL,
  statements INT UNSIGNED NOT NULL,
  running TINYINT(1) NOT NULL,
  applied_at DATETIME(3) NOT NULL,
  PRIMARY KEY (number)
) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  const rows = await database.query('SELECT number, checksum, statements, running FROM sluice_migrations');
  return new Map((rows as Applied[]).map((row) => [row.number, row]));
}

function check(migration: Migration, known: Applied | undefined): void {
  if (known === undefined || known.checksum === migrationChecksum(migration)) return;
  throw new MigrationRefused(
    `Migration ${migration.number} (${migration.name}) has changed since it was applied to this database. ` +
      'Bring its file in migrations/ back to what it was (git log migrations), and put the change into a new one.',
  );
}

async function apply(database: Database, migration: Migration, known: Applied | undefined): Promise<void> {
  const { number, name, statements } = migration;
  const record = (done: number, running: boolean) =>
    database.query(
      'UPDATE sluice_migrations SET statements = ?, running = ?, applied_at = UTC_TIMESTAMP(3) WHERE number = ?',
      [done, running, number],
    );
  if (known === undefined) {
    await database.query(
      'INSERT INTO sluice_migrations (number, name, checksum, statements, running, applied_at) VALUES (?, ?, ?, 0, 0, UTC_TIMESTAMP(3))',
      [number, name, migrationChecksum(migration)],
    );
  }
  for (let done = known?.statements ?? 0; done < statements.length; done += 1) {
    const wasCutOff = known?.running === 1 && done === known.statements;
    await record(done, true);
    try {
      await database.query((statements[done] ?? []).join('\n'));
    } catch (error) {
      const { errno = 0 } = error as { errno?: number };
      if (!wasCutOff || !alreadyDone.has(errno)) {
        // The server's answer was no. Where there was no answer, this fails too, and the statement stays marked.
        await record(done, false).catch(() => {});
        throw error;
      }
    }
    await record(done + 1, false);
  }
}
