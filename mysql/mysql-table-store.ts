import type { Connection } from 'mysql2/promise';
import type { Dataset } from '../domain/dataset.ts';
import { RowEncoder } from '../domain/tables/encoded-row.ts';
import { mysqlName, objectsTable, versionsTable } from '../domain/tables/mysql.ts';
import { objectHash, sortableSequencer } from '../domain/tables/row-identity.ts';
import { parseRevision } from '../domain/versions/revision.ts';
import { mysqlSettings, openMysql } from './connection.ts';
import { isDuplicateKey } from './failure.ts';
import { loadRows } from './load-rows.ts';
import { RowRefused } from './row-statements.ts';
import { type Patience, patience, type Session, Sessions } from './session.ts';
import type { Loaded, Retracted, Retraction, RowsFile, TableStore } from './table-store.ts';

const OPERATORS: Readonly<Record<Retracted, string>> = {
  older: '<',
  'older and its own': '<=',
  'its own': '=',
};

const guards = mysqlName(objectsTable.name);
const versions = mysqlName(versionsTable.name);

/**
 * The tables that the environment names.
 *
 * @throws {Error} that names the missing or wrong variables
 */
export function openMysqlTables(): MysqlTableStore {
  const settings = mysqlSettings();
  if (settings === undefined)
    throw new Error('The environment names no database: set MYSQL_URL or MYSQL_HOST.');
  return new MysqlTableStore(() => openMysql(settings));
}

/** One object of a dataset, as the tables identify it. */
interface Guarded {
  readonly dataset: string;
  readonly object: string;
  readonly sequencer: string;
}

/**
 * The tables in MySQL or MariaDB.
 *
 * `sluice_objects` has a row for each object, its guard, with the newest sequencer that was seen. A load
 * holds a shared lock on it until it has committed; raising it takes an exclusive lock. So the files of one
 * version load in parallel, and once a newer version has raised the guard, no load of an older one is running
 * or will write anything.
 */
export class MysqlTableStore implements TableStore {
  readonly #sessions: Sessions;
  readonly #rowsRemoved: number;
  readonly #encoders = new Map<Dataset, RowEncoder>();
  #packetBytes: number | undefined;

  /** @param open opens a connection, as `openMysql` does */
  constructor(open: () => Promise<Connection>, how: Patience = patience) {
    this.#sessions = new Sessions(open, how);
    this.#rowsRemoved = how.rowsRemoved;
  }

  async load(file: RowsFile): Promise<Loaded | 'stale'> {
    const { dataset, key, sequencer, rows: given } = file;
    const rows = [...given].sort((a, b) => a.record - b.record);
    const twice = rows.find(({ record }, i) => rows[i + 1]?.record === record);
    if (twice !== undefined) throw new RangeError(`Record ${twice.record} of ${key} occurs twice.`);
    const encoder = this.#encoder(dataset);
    const guarded = guardedObject(dataset, key, sequencer);
    // A version is reprocessed to repair the rows, so existing rows are not trusted.
    const rewrite = parseRevision(sequencer).revision > 0;
    let clearLists = rewrite;
    const attempt = (careful: boolean) =>
      this.#sessions.run(async (session) => {
        if (await raise(session, guarded)) return 'stale';
        const packetBytes = await this.#packetSize(session);
        await session.execute('START TRANSACTION');
        if (await isOvertaken(session, guarded, 'LOCK IN SHARE MODE')) {
          await session.execute('ROLLBACK');
          return 'stale';
        }
        const options = { encoder, rows, packetBytes, careful, clearLists, rewrite, ...guarded };
        try {
          const loaded = await loadRows(session, options);
          await noteVersion(session, guarded, file);
          await session.execute('COMMIT');
          return loaded;
        } catch (error) {
          // The next attempt finds rows of another load, but not list elements without their row.
          clearLists ||= isDuplicateKey(error);
          throw error;
        }
      });
    try {
      return await attempt(false);
    } catch (error) {
      if (!(error instanceof RowRefused)) throw error;
      return await attempt(true);
    }
  }

  async retract(
    dataset: Dataset,
    key: string,
    sequencer: string,
    { which = 'older', leaving }: Retraction = {},
  ): Promise<number> {
    const guarded = guardedObject(dataset, key, sequencer);
    const { table, lists } = this.#encoder(dataset).tables;
    await this.#sessions.run((session) => raise(session, guarded));
    const ofObject = `WHERE _object = x'${guarded.object}'`;
    const older = `_sequencer ${OPERATORS[which]} '${guarded.sequencer}'`;
    let removed = 0;
    let last = 0;
    for (;;) {
      const records = await this.#sessions.run(async (session) => {
        await session.execute('START TRANSACTION');
        const found = await session.select(
          `SELECT _record FROM ${mysqlName(table.name)} ${ofObject} AND _record > ${last} AND ${older} ` +
            `ORDER BY _record LIMIT ${this.#rowsRemoved} FOR UPDATE`,
        );
        const numbers = found.map(([record]) => Number(record));
        for (const { name } of numbers.length === 0 ? [] : [...lists.map((list) => list.table), table])
          await session.execute(
            `DELETE FROM ${mysqlName(name)} ${ofObject} AND _record IN (${numbers.join()})`,
          );
        if (numbers.length < this.#rowsRemoved)
          await session.execute(`DELETE FROM ${versions} ${ofObject} AND ${older} AND dataset = ?`, [
            dataset.name,
          ]);
        await session.execute('COMMIT');
        return numbers;
      });
      removed += records.length;
      if (records.length < this.#rowsRemoved) break;
      last = records.at(-1) ?? last;
    }
    if (leaving !== undefined) await this.#sessions.run((session) => lower(session, guarded, leaving));
    return removed;
  }

  async count(dataset: Dataset, key: string, sequencer: string): Promise<number> {
    const { object, sequencer: of } = guardedObject(dataset, key, sequencer);
    const { table } = this.#encoder(dataset).tables;
    const [row] = await this.#sessions.run((session) =>
      session.select(
        `SELECT COUNT(*) FROM ${mysqlName(table.name)} WHERE _object = x'${object}' AND _sequencer = ?`,
        [of],
      ),
    );
    return Number(row?.[0]);
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  #encoder(dataset: Dataset): RowEncoder {
    let encoder = this.#encoders.get(dataset);
    if (encoder === undefined) {
      encoder = new RowEncoder(dataset);
      this.#encoders.set(dataset, encoder);
    }
    return encoder;
  }

  async #packetSize(session: Session): Promise<number> {
    if (this.#packetBytes === undefined) {
      const [row] = await session.select('SELECT @@max_allowed_packet');
      this.#packetBytes = Number(row?.[0]);
    }
    return this.#packetBytes;
  }
}

function guardedObject({ name }: Dataset, key: string, sequencer: string): Guarded {
  return { dataset: name, object: objectHash(key), sequencer: sortableSequencer(sequencer) };
}

/**
 * Raises the object's guard to at least this sequencer; locks nothing if it is there already.
 *
 * @returns whether the guard is at a newer sequencer
 */
async function raise(session: Session, guarded: Guarded): Promise<boolean> {
  const { dataset, object, sequencer } = guarded;
  const known = await guardOf(session, guarded);
  if (known !== undefined && known >= sequencer) return known > sequencer;
  await session.execute(
    `INSERT INTO ${guards} (dataset, _object, sequencer) VALUES (?, x'${object}', ?) ` +
      'ON DUPLICATE KEY UPDATE sequencer = IF(VALUES(sequencer) > sequencer, VALUES(sequencer), sequencer)',
    [dataset, sequencer],
  );
  return false;
}

/**
 * Notes the provenance of the rows with this sequencer. It is the last statement of a load, since the loads
 * of the version's other parts wait for it until this one is committed.
 */
async function noteVersion(
  session: Session,
  { dataset, object, sequencer }: Guarded,
  { key, versionId, loadedAt }: RowsFile,
): Promise<void> {
  await session.execute(
    `INSERT INTO ${versions} (dataset, _object, _sequencer, _source, _version, _loaded_at) ` +
      `VALUES (?, x'${object}', ?, ?, ?, ?) ` +
      'ON DUPLICATE KEY UPDATE _version = VALUES(_version), _loaded_at = VALUES(_loaded_at)',
    [dataset, sequencer, key, versionId, loadedAt?.replace('T', ' ').replace('Z', '') ?? null],
  );
}

/** Lowers an object's guard to the active version, unless a newer version has raised it. */
async function lower(session: Session, { dataset, object, sequencer }: Guarded, to: string): Promise<void> {
  await session.execute(
    `UPDATE ${guards} SET sequencer = ? WHERE dataset = ? AND _object = x'${object}' AND sequencer = ?`,
    [sortableSequencer(to), dataset, sequencer],
  );
}

async function isOvertaken(session: Session, guarded: Guarded, lock: string): Promise<boolean> {
  return ((await guardOf(session, guarded, lock)) ?? '') > guarded.sequencer;
}

async function guardOf(
  session: Session,
  { dataset, object }: Guarded,
  lock = '',
): Promise<string | undefined> {
  const [row] = await session.select(
    `SELECT sequencer FROM ${guards} WHERE dataset = ? AND _object = x'${object}' ${lock}`,
    [dataset],
  );
  return row === undefined ? undefined : String(row[0]);
}
