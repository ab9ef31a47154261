import type { EncodedRow } from '../domain/tables/encoded-row.ts';
import { type DatasetTables, type MysqlTable, mysqlName } from '../domain/tables/mysql.ts';
import { rowFault } from './failure.ts';
import type { Session } from './session.ts';

/** How large a statement is at most, unless one row alone is larger. Characters. */
const STATEMENT_CHARACTERS = 1024 * 1024;

/** What a character takes at most. Bytes. */
const CHARACTER_BYTES = 3;

/** Holds the object in the session: in each of a million tuples, the server would parse it anew, which takes a tenth of its time. */
const OBJECT = '@object';

/** Thrown when the server refuses a row that looked storable. */
export class RowRefused extends Error {
  override readonly name = 'RowRefused';
  /** The column of the dataset, or empty. */
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** Rows of a table that are gathered for one statement. */
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
 * Writes rows of one version of one object into a dataset's tables, many rows a statement. The next statement is made
 * while the server works on the last one.
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
   * @param object of `objectHash`
   * @param sequencer of `sortableSequencer`
   * @param mostBytes what a statement may have besides its head
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

  /** Makes the session ready for them. */
  async begin(): Promise<void> {
    await this.#session.execute(`SET ${OBJECT} = ${this.#object}`);
  }

  /** Removes what lists have of records. */
  async clearLists(records: readonly number[]): Promise<void> {
    if (records.length === 0) return;
    this.#deleteLists(records);
    await this.#send();
  }

  /** Adds a row that is not there yet. */
  async insert(row: EncodedRow): Promise<void> {
    this.#gather(row, this.#inserts);
    if (this.#ready.length > 0) await this.#send();
  }

  /** Replaces rows that say something else, their lists included. */
  async replace(rows: readonly EncodedRow[]): Promise<void> {
    if (rows.length === 0) return;
    this.#deleteLists(recordsOf(rows));
    for (const row of rows) this.#gather(row, this.#replacements);
    await this.#send();
  }

  /** Says of rows that they are of this version, too. */
  async touch(rows: readonly EncodedRow[]): Promise<void> {
    if (rows.length === 0) return;
    const set = `UPDATE ${this.#table} SET _sequencer = ${this.#sequencer}`;
    this.#ready.push({ sql: `${set} ${this.#where(recordsOf(rows))}`, list: '' });
    await this.#send();
  }

  /**
   * Sends what is left and waits for the end of all.
   *
   * @throws {RowRefused} here or in the calls before; so are the driver's errors
   */
  async finish(): Promise<void> {
    for (const each of [this.#inserts, this.#replacements, ...this.#lists]) this.#complete(each);
    await this.#send();
    await this.#running;
    this.#running = undefined;
  }

  /** Drops what was not sent, and waits for what was, however it ends. */
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

  /** Hands over what is ready, and returns when the last of it is under way. */
  async #send(): Promise<void> {
    const statements = this.#ready;
    this.#ready = [];
    for (const statement of statements) {
      await this.#running;
      this.#running = this.#execute(statement);
      // Whoever waits for it next is told.
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

/** MySQL 8 prefers an alias to VALUES(), which MariaDB does not know; both know VALUES(). */
function onDuplicateKey({ columns, primaryKey }: MysqlTable): string {
  const changes = columns
    .filter(({ name }) => !primaryKey.includes(name))
    .map(({ name }) => `${mysqlName(name)}=VALUES(${mysqlName(name)})`);
  return ` ON DUPLICATE KEY UPDATE ${changes.join()}`;
}
