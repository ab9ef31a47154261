import type { Connection } from 'mysql2/promise';
import type { Network, Party } from '../network.ts';
import { driverError, type Holder, Locks } from './locks.ts';
import { parseStatement, type Statement, type Value, type Version, type Where } from './sql.ts';

export type StoredRow = Readonly<Record<string, string | number | null>>;

/** Until the server finds that a client is gone, and undoes what it had open. */
const NOTICED_MS = 5000;
const PACKET_BYTES = 16 * 1024 * 1024;

/** A client's session: its transaction is what can be undone. */
interface Session extends Holder {
  readonly undo: (() => void)[];
  /** Tables and objects that the transaction has changed. */
  readonly changed: Set<string>;
  inTransaction: boolean;
  savepoint: number;
  object: string;
}

/** What looks at what happens. */
export interface TableOnlooker {
  /** An object's rows in a table have changed. */
  committed(table: string, object: string): void;
  /** The caller was told that a call came to nothing. */
  trouble(caller: Party): void;
}

/**
 * MySQL in memory, as the loading stage's own `MysqlTableStore` sees it: sessions, transactions that are
 * undone when their client is lost, locks that others wait for, and rows that the server refuses. Its tables
 * hold characters of three bytes at most, as those of many a server do. A test holds it against the real one.
 */
export class MemoryMysql {
  readonly #network: Network;
  readonly #onlooker: TableOnlooker;
  readonly #guards = new Map<string, string>();
  /** By dataset and object, and then by sequencer. */
  readonly #versions = new Map<string, Map<string, Version>>();
  /** By table and object, and then by record; in the table of a list, by record and position. */
  readonly #rows = new Map<string, Map<string, StoredRow>>();
  readonly #locks: Locks;
  readonly #open = new Set<Session>();

  constructor(network: Network, onlooker: TableOnlooker = { committed: () => {}, trouble: () => {} }) {
    this.#network = network;
    this.#onlooker = onlooker;
    this.#locks = new Locks(network.clock);
  }

  /** What is committed of an object, in the order of its records. */
  rows(table: string, object: string): StoredRow[] {
    this.#forgetTheDead();
    return [...(this.#rows.get(`${table} ${object}`)?.values() ?? [])].sort(
      (a, b) => Number(a['_record']) - Number(b['_record']),
    );
  }

  /** The provenance that is committed of an object's rows, by their sequencers. */
  versions(dataset: string, object: string): ReadonlyMap<string, Version> {
    this.#forgetTheDead();
    return this.#versionsOf(dataset, object);
  }

  #versionsOf(dataset: string, object: string): Map<string, Version> {
    const name = `${dataset} ${object}`;
    const versions = this.#versions.get(name) ?? new Map<string, Version>();
    this.#versions.set(name, versions);
    return versions;
  }

  async #setVersion(
    session: Session,
    { dataset, object, sequencer, version }: Extract<Statement, { kind: 'note' }>,
  ): Promise<unknown> {
    const key = `${versionPrefix(dataset, object)}${sequencer}`;
    await this.#locks.acquire(session, () => [key], 'exclusive');
    this.#putVersion(session, this.#versionsOf(dataset, object), sequencer, version);
    return { affectedRows: 1 };
  }

  async #forget(
    session: Session,
    { dataset, object, older }: Extract<Statement, { kind: 'forget' }>,
  ): Promise<unknown> {
    const versions = this.#versionsOf(dataset, object);
    const prefix = versionPrefix(dataset, object);
    const isMeant = (sequencer: string) => compares(sequencer, older);
    // Also what another transaction has removed, and may yet bring back.
    const held = () => this.#locks.held(prefix).map((key) => key.slice(prefix.length));
    const known = () => [...new Set([...versions.keys(), ...held()])].filter(isMeant);
    await this.#locks.acquire(session, () => known().map((each) => prefix + each), 'exclusive');
    const meant = [...versions.keys()].filter(isMeant);
    for (const sequencer of meant) this.#putVersion(session, versions, sequencer, undefined);
    return { affectedRows: meant.length };
  }

  #putVersion(
    session: Session,
    versions: Map<string, Version>,
    sequencer: string,
    version: Version | undefined,
  ): void {
    const before = versions.get(sequencer);
    session.undo.push(() => restore(versions, sequencer, before));
    restore(versions, sequencer, version);
  }

  /** As much of mysql2's connection as the store uses. */
  async connect(party: Party): Promise<Connection> {
    await this.#call(undefined, party, 'connect to MySQL', () => {});
    const session: Session = {
      party,
      undo: [],
      changed: new Set(),
      inTransaction: false,
      savepoint: 0,
      object: '',
      broken: false,
    };
    this.#open.add(session);
    const connection = {
      query: async ({ sql, values }: { readonly sql: string; readonly values?: readonly unknown[] }) => {
        if (session.broken) throw driverError('', undefined, 'The connection is closed.');
        const statement = parseStatement(sql, values);
        return [
          await this.#call(session, party, `SQL ${labelOf(statement)}`, () => this.#run(session, statement)),
        ];
      },
      destroy: () => this.#lose(session),
      end: async () => this.#lose(session),
    };
    return connection as unknown as Connection;
  }

  async #call<Answer>(
    session: Session | undefined,
    party: Party,
    what: string,
    effect: () => Answer | Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await this.#network.call(party, what, effect);
    } catch (error) {
      this.#onlooker.trouble(party);
      if (error instanceof Error && 'sqlState' in error) throw error;
      if (session !== undefined) this.#lose(session);
      throw driverError('PROTOCOL_CONNECTION_LOST', undefined, 'The server closed the connection.');
    }
  }

  /** The server notices that a client has died, and undoes what it had open. */
  #forgetTheDead(): void {
    for (const session of this.#open) {
      if (session.party.alive) continue;
      this.#open.delete(session);
      this.#rollback(session);
    }
  }

  #lose(session: Session): void {
    session.broken = true;
    const { clock, random } = this.#network;
    clock.schedule(random.between(0, NOTICED_MS), () => {
      this.#open.delete(session);
      this.#rollback(session);
    });
  }

  async #run(session: Session, statement: Statement): Promise<unknown> {
    this.#forgetTheDead();
    if (statement.kind === 'control') return this.#control(session, statement.what);
    const from = session.undo.length;
    try {
      const answer = await this.#execute(session, statement);
      if (!session.inTransaction) this.#commit(session);
      return answer;
    } catch (error) {
      undo(session, from);
      if (!session.inTransaction) this.#release(session);
      throw error;
    }
  }

  #control(session: Session, what: string): unknown {
    switch (what) {
      case 'START TRANSACTION':
        this.#commit(session);
        session.inTransaction = true;
        break;
      case 'COMMIT':
        this.#commit(session);
        break;
      case 'ROLLBACK':
        this.#rollback(session);
        break;
      case 'SAVEPOINT':
        session.savepoint = session.undo.length;
        break;
      default:
        undo(session, session.savepoint);
    }
    return { affectedRows: 0 };
  }

  async #execute(session: Session, statement: Exclude<Statement, { kind: 'control' }>): Promise<unknown> {
    switch (statement.kind) {
      case 'set':
        session.object = statement.object;
        return { affectedRows: 0 };
      case 'packet':
        return [[PACKET_BYTES]];
      case 'guard': {
        const name = `${statement.dataset} ${statement.object}`;
        if (statement.locked) await this.#locks.acquire(session, () => [`guard ${name}`], 'shared');
        const known = this.#guards.get(name);
        return known === undefined ? [] : [[known]];
      }
      case 'raise':
      case 'lower': {
        const name = `${statement.dataset} ${statement.object}`;
        await this.#locks.acquire(session, () => [`guard ${name}`], 'exclusive');
        const before = this.#guards.get(name);
        const isToChange =
          statement.kind === 'lower'
            ? before === statement.from
            : before === undefined || statement.sequencer > before;
        if (isToChange)
          this.#guards.set(name, statement.kind === 'lower' ? statement.to : statement.sequencer);
        session.undo.push(() => restore(this.#guards, name, before));
        return { affectedRows: isToChange ? 1 : 0 };
      }
      case 'note':
        return this.#setVersion(session, statement);
      case 'forget':
        return this.#forget(session, statement);
      case 'select': {
        const { columns, limit } = statement;
        const found = () => this.#find(statement.table, statement.where).slice(0, limit);
        if (columns[0] === 'COUNT(*)') return [[found().length]];
        await this.#locks.acquire(
          session,
          () => this.#locksOf(statement.table, statement.where),
          'exclusive',
        );
        return found().map((row) => columns.map((column) => row[column]));
      }
      case 'insert':
        return this.#insert(session, statement);
      case 'touch':
      case 'delete': {
        const { table, where } = statement;
        await this.#locks.acquire(session, () => this.#locksOf(table, where), 'exclusive');
        const rows = this.#find(table, where);
        for (const row of rows)
          this.#put(
            session,
            table,
            row,
            statement.kind === 'delete' ? undefined : { ...row, _sequencer: statement.sequencer },
          );
        return { affectedRows: rows.length };
      }
    }
  }

  async #insert(
    session: Session,
    { table, columns, tuples, replaces }: Extract<Statement, { kind: 'insert' }>,
  ): Promise<unknown> {
    const plain = (value: Value) => (typeof value === 'object' && value !== null ? session.object : value);
    const rows = tuples.map(
      (tuple): StoredRow => Object.fromEntries(tuple.map((value, i) => [columns[i] ?? '', plain(value)])),
    );
    await this.#locks.acquire(session, () => rows.map((row) => rowLock(table, row)), 'exclusive');
    for (const row of rows) {
      const wrong = columns.find((column) => /[\u{10000}-\u{10ffff}]/u.test(String(row[column])));
      if (wrong !== undefined)
        throw driverError(
          'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
          1366,
          `Incorrect string value for column '${wrong}' at row 1`,
        );
      const known = this.#of(table, row).get(identity(row));
      if (known !== undefined && !replaces)
        throw driverError('ER_DUP_ENTRY', 1062, `Duplicate entry '${identity(row)}' for key 'PRIMARY'`);
      this.#put(session, table, row, row);
    }
    return { affectedRows: rows.length };
  }

  #of(table: string, { _object }: StoredRow): Map<string, StoredRow> {
    const name = `${table} ${_object}`;
    const rows = this.#rows.get(name) ?? new Map<string, StoredRow>();
    this.#rows.set(name, rows);
    return rows;
  }

  #find(table: string, { object, records, after = -1, sequencer }: Where): StoredRow[] {
    const isIn = (row: StoredRow) => {
      const record = Number(row['_record']);
      if (record <= after || records?.has(record) === false) return false;
      return sequencer === undefined || compares(String(row['_sequencer']), sequencer);
    };
    const rows = this.#rows.get(`${table} ${object}`)?.values() ?? [];
    return [...rows].filter(isIn).sort((a, b) => Number(a['_record']) - Number(b['_record']));
  }

  /** Of what a condition meets: also of rows that another transaction has removed, and may yet bring back. */
  #locksOf(table: string, where: Where): string[] {
    const own = this.#find(table, where).map((row) => rowLock(table, row));
    const prefix = `row ${table} ${where.object} `;
    const locked = this.#locks.held(prefix).filter((key) => {
      const record = Number(key.slice(prefix.length));
      return record > (where.after ?? -1) && where.records?.has(record) !== false;
    });
    return [...new Set([...own, ...locked])];
  }

  #put(session: Session, table: string, row: StoredRow, after: StoredRow | undefined): void {
    const rows = this.#of(table, row);
    const before = rows.get(identity(row));
    session.undo.push(() => restore(rows, identity(row), before));
    session.changed.add(`${table} ${row['_object']}`);
    restore(rows, identity(row), after);
  }

  #commit(session: Session): void {
    const changed = [...session.changed];
    session.undo.length = 0;
    this.#release(session);
    for (const each of changed) {
      const [table = '', object = ''] = each.split(' ');
      this.#onlooker.committed(table, object);
    }
  }

  #rollback(session: Session): void {
    undo(session, 0);
    this.#release(session);
  }

  #release(session: Session): void {
    session.inTransaction = false;
    session.changed.clear();
    this.#locks.release(session);
  }
}

function undo(session: Session, to: number): void {
  for (const step of session.undo.splice(to).reverse()) step();
}

function restore<Kept>(map: Map<string, Kept>, name: string, value: Kept | undefined): void {
  if (value === undefined) map.delete(name);
  else map.set(name, value);
}

/** Only a list's rows have a position; whoever holds the row that they belong to holds them. */
const identity = ({ _record, position = '' }: StoredRow) => `${_record} ${position}`;
const rowLock = (table: string, { _object, _record }: StoredRow) => `row ${table} ${_object} ${_record}`;

function compares(
  sequencer: string,
  { operator, value }: { readonly operator: string; readonly value: string },
): boolean {
  if (operator === '=') return sequencer === value;
  return sequencer < value || (operator === '<=' && sequencer === value);
}

function labelOf(statement: Statement): string {
  if (statement.kind === 'control') return statement.what;
  return 'table' in statement ? `${statement.kind} ${statement.table}` : statement.kind;
}

const versionPrefix = (dataset: string, object: string) => `version ${dataset} ${object} `;
