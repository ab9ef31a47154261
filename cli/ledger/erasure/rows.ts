import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import type { ErasureScope } from '../../../domain/operations/erasure.ts';
import type { InTables } from '../../../domain/operations/reconciliation.ts';
import { mysqlName, objectsTable } from '../../../domain/tables/mysql.ts';
import { objectHash } from '../../../domain/tables/row-identity.ts';

/** How many rows one statement deletes. */
const ROWS_AT_ONCE = 5000;

/** The rows in MySQL that an erasure takes. */
export interface ErasableRows {
  count(scope: ErasureScope): Promise<ReadonlyMap<string, number>>;
  remove(scope: ErasureScope, signal: AbortSignal): Promise<void>;
}

/**
 * The rows of whole objects. Every table with rows of objects has the column `_object`, also those of
 * datasets that are gone; so the database says which tables these are. The guards in `sluice_objects` stay:
 * they have the hash of the key and a sequencer, and refuse rows of old versions.
 */
export class RowsOfObjects implements ErasableRows {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async count(scope: ErasureScope): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const table of await this.#tables()) {
      const [[row]] = await this.#connection.query<RowDataPacket[]>(
        `SELECT COUNT(*) AS n FROM ${mysqlName(table)} WHERE ${ofObjects(scope)}`,
      );
      const n = Number(row?.['n']);
      if (n > 0) counts.set(table, n);
    }
    return counts;
  }

  async remove(scope: ErasureScope, signal: AbortSignal): Promise<void> {
    for (const table of await this.#tables())
      for (;;) {
        signal.throwIfAborted();
        const [{ affectedRows }] = await this.#connection.query<ResultSetHeader>(
          `DELETE FROM ${mysqlName(table)} WHERE ${ofObjects(scope)} LIMIT ${ROWS_AT_ONCE}`,
        );
        if (affectedRows < ROWS_AT_ONCE) break;
      }
  }

  /** The tables of lists first, so that no element is ever without its row. */
  async #tables(): Promise<string[]> {
    const [found] = await this.#connection.query<RowDataPacket[]>(
      'SELECT TABLE_NAME AS name FROM information_schema.COLUMNS ' +
        'JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME) ' +
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' " +
        "AND COLUMN_NAME IN ('_object', 'position') GROUP BY TABLE_NAME " +
        "HAVING SUM(COLUMN_NAME = '_object') > 0 ORDER BY COUNT(*) DESC, TABLE_NAME",
    );
    return found.map(({ name }) => String(name)).filter((name) => name !== objectsTable.name);
  }
}

/**
 * The rows of all versions of an object but the active one. The pipeline itself removes them, as soon as the
 * active version is complete.
 */
export class RowsOfOldVersions implements ErasableRows {
  readonly #table: string;
  readonly #look: () => Promise<InTables>;

  constructor(table: string, look: () => Promise<InTables>) {
    this.#table = table;
    this.#look = look;
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    const { others, orphans } = await this.#look();
    const counts = [[this.#table, others] as const, ...Object.entries(orphans)];
    return new Map(counts.filter(([, n]) => n > 0));
  }

  async remove(): Promise<void> {}
}

function ofObjects({ keys }: ErasureScope): string {
  return `_object IN (${keys.map((key) => `x'${objectHash(key)}'`).join()})`;
}
