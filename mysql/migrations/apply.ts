import { type Migration, migrationChecksum } from '../../domain/tables/migration.ts';

/** A connection to the database: one statement at a time, all of them in the same session. */
export interface Database {
  query(sql: string, values?: readonly unknown[]): Promise<readonly unknown[]>;
}

/** Thrown if the database can't be migrated in its state; the message says what to do. */
export class MigrationRefused extends Error {
  override readonly name = 'MigrationRefused';
}

/** How many seconds a migration waits for another one. */
const LOCK_WAIT_S = 60;

/** A lock's name is unique in the server, not just in the database, and has at most 64 characters. */
const lockName = "CONCAT('sluice-', SHA1(DATABASE()))";

/**
 * Errors of a statement that is repeated although it had taken effect: table, column or index exists; index
 * is gone.
 */
const alreadyDone = new Set([1050, 1060, 1061, 1091]);
/** The same of a new name: there is no column or table of the former one any more. */
const alreadyRenamed = new Set([1054, 1146]);

interface Applied {
  readonly number: number;
  readonly checksum: string;
  /** How many statements are done. */
  readonly statements: number;
  /** 1 while the next statement runs. If it is still 1 later, the statement's result is unknown. */
  readonly running: number;
}

/**
 * Applies the migrations that the database does not have yet, in order, and records each. If two try at once,
 * the second waits. Changes of tables can't be rolled back, so a migration that was interrupted continues
 * with the statement that it had reached.
 *
 * @returns the numbers of the applied migrations @throws {MigrationRefused} if an applied migration has
 * changed since, or another run does not end
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

/** The migrations that the database has, by number. */
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
      'Restore its file in mysql/migrations/ (git log mysql/migrations), and put the change into a new migration.',
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
    const statement = (statements[done] ?? []).join('\n');
    try {
      await database.query(statement);
    } catch (error) {
      const { errno = 0 } = error as { errno?: number };
      const isDone = alreadyDone.has(errno) || (alreadyRenamed.has(errno) && / RENAME /.test(statement));
      if (!wasCutOff || !isDone) {
        // The server refused the statement. If there was no answer at all, this fails as well, and the
        // statement stays marked.
        await record(done, false).catch(() => {});
        throw error;
      }
    }
    await record(done + 1, false);
  }
}
