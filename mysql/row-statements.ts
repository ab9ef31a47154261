import type { EncodedRow } from '../domain/tables/encoded-row.ts';
import { type DatasetTables, type MysqlTable, mysqlName } from '../domain/tables/mysql.ts';
import { rowFault } from './failure.ts';
import type { Session } from './session.ts';

/** The maximum size of a statement, unless one row alone is larger. Characters. */
const STATEMENT_CHARACTERS = 1024 * 1024;

/** The maximum size of a character. Bytes. */
const CHARACTER_BYTES = 3;

/**
 * A session variable with the object. Parsing the object again in each of a million tuples would take a tenth
 * of the server's time.
 */
const OBJECT = '@object';

/** Thrown if the server refuses a row that seemed storable. */
export class RowRefused extends Error {
  override readonly name = 'RowRefused';
  /** The dataset's column, or empty. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** The rows of a table that are gathered for one statement. */
interface Gathering {
  /** The list's column; empty for the dataset's own table. */
  readonly list: string;
  readonly head: string;
  readonly tail: string;
  tuples: string;
}

interface Statement {
  readonly sql: string;
  readonly list: string;
}

/**
 * Writes rows of one version of one object into a dataset's tables, many rows in each statement. The next
 * statement is built while the server executes the last one.
 */
export class RowStatements {
  readonly #session: Session;
  readonly #object: string;
  readonly #sequencer: string;
  readonly #table: string;
  readonly #inserts: Gathering;
  readonly #replacements: Gathering;
  readonly #lists: readonly Gathering[];
  readonly #listTables: readonly MysqlTable[];
  readonly #most: number;
  #ready: Statement[] = [];
  #running: Promise<unknown> | undefined;

  /**
   * @param object from `objectHash` @param sequencer from `sortableSequencer` @param mostBytes the maximum
   * size of a statement without its head
   */
  constructor(
    session: Session,
    { table, lists }: DatasetTables,
    object: string,
    sequencer: string,
    mostBytes: number,
  ) {
    this.#session = session;
    this.#sequencer = `'${sequencer}'`;
    this.#table = mysqlName(table.name);
    this.#inserts = gathering('', table);
    this.#replacements = { ...this.#inserts, tail: onDuplicateKey(table) };
    this.#lists = lists.map((list) => gathering(list.column, list.table));
    this.#listTables = lists.map((list) => list.table);
    this.#object = `x'${object}'`;
    this.#most = Math.min(STATEMENT_CHARACTERS, mostBytes / CHARACTER_BYTES);
  }

  /** Prepares the session. */
  async begin(): Promise<void> {
    await this.#session.execute(`SET ${OBJECT} = ${this.#object}`);
  }

  /** Removes the list elements of records. */
  async clearLists(records: readonly number[]): Promise<void> {
    if (records.length === 0) return;
    this.#deleteLists(records);
    await this.#send();
  }

  /** Adds a new row. */
  async insert(row: EncodedRow): Promise<void> {
    this.#gather(row, this.#inserts);
    if (this.#ready.length > 0) await this.#send();
  }

  /** Replaces changed rows and their lists. */
  async replace(rows: readonly EncodedRow[]): Promise<void> {
    if (rows.length === 0) return;
    this.#deleteLists(recordsOf(rows));
    for (const row of rows) this.#gather(row, this.#replacements);
    await this.#send();
  }

  /** Marks unchanged rows as rows of this version. */
  async touch(rows: readonly EncodedRow[]): Promise<void> {
    if (rows.length === 0) return;
    const set = `UPDATE ${this.#table} SET _sequencer = ${this.#sequencer}`;
    this.#ready.push({ sql: `${set} ${this.#where(recordsOf(rows))}`, list: '' });
    await this.#send();
  }

  /**
   * Sends the remaining statements and waits for all of them.
   *
   * @throws {RowRefused} here or in the calls before; the same goes for the driver's errors
   */
  async finish(): Promise<void> {
    for (const each of [this.#inserts, this.#replacements, ...this.#lists]) this.#complete(each);
    await this.#send();
    await this.#running;
    this.#running = undefined;
  }

  /** Drops statements that were not sent, and waits for the one that was, however it ends. */
  async discard(): Promise<void> {
    for (const each of [this.#inserts, this.#replacements, ...this.#lists]) each.tuples = '';
    this.#ready = [];
    await Promise.allSettled([this.#running]);
    this.#running = undefined;
  }

  #gather({ record, hash, values, lists }: EncodedRow, table: Gathering): void {
    const own = values === '' ? '' : `,${values}`;
    this.#add(table, `(${OBJECT},${record},${this.#sequencer},x'${hash}'${own})`);
    const start = `(${OBJECT},${record},`;
    for (let i = 0; i < lists.length; i += 1) {
      const list = this.#lists[i] as Gathering;
      const elements = lists[i] as readonly string[];
      for (let j = 0; j < elements.length; j += 1) this.#add(list, `${start}${j + 1},${elements[j]})`);
    }
  }

  #add(to: Gathering, tuple: string): void {
    if (to.tuples.length + tuple.length >= this.#most) this.#complete(to);
    to.tuples += to.tuples === '' ? tuple : `,${tuple}`;
  }

  #complete(gathered: Gathering): void {
    const { head, tuples, tail, list } = gathered;
    if (tuples === '') return;
    this.#ready.push({ sql: head + tuples + tail, list });
    gathered.tuples = '';
  }

  /** Sends the statements that are ready, and returns when the last of them is running. */
  async #send(): Promise<void> {
    const statements = this.#ready;
    this.#ready = [];
    for (const statement of statements) {
      await this.#running;
      this.#running = this.#execute(statement);
      // The next caller that waits for it gets the error.
      this.#running.catch(() => {});
    }
  }

  async #execute({ sql, list }: Statement): Promise<void> {
    try {
      await this.#session.execute(sql);
    } catch (error) {
      const fault = rowFault(error);
      if (fault === undefined) throw error;
      throw new RowRefused(list === '' ? fault.column : list, fault.message);
    }
  }

  #deleteLists(records: readonly number[]): void {
    for (const { name } of this.#listTables)
      this.#ready.push({ sql: `DELETE FROM ${mysqlName(name)} ${this.#where(records)}`, list: '' });
  }

  #where(records: readonly number[]): string {
    return `WHERE _object = ${this.#object} AND _record IN (${records.join()})`;
  }
}

const recordsOf = (rows: readonly EncodedRow[]) => rows.map(({ record }) => record);

function gathering(list: string, { name, columns }: MysqlTable): Gathering {
  const names = columns.map((column) => mysqlName(column.name)).join();
  return { list, head: `INSERT INTO ${mysqlName(name)} (${names}) VALUES `, tail: '', tuples: '' };
}

/** MySQL 8 prefers an alias to VALUES(), but MariaDB does not support aliases here; both support VALUES(). */
function onDuplicateKey({ columns, primaryKey }: MysqlTable): string {
  const changes = columns
    .filter(({ name }) => !primaryKey.includes(name))
    .map(({ name }) => `${mysqlName(name)}=VALUES(${mysqlName(name)})`);
  return ` ON DUPLICATE KEY UPDATE ${changes.join()}`;
}
