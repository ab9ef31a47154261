import type { Reject } from '../domain/records/reject.ts';
import {
  type EncodedRow,
  type NumberedRow,
  notStorable,
  type RowEncoder,
} from '../domain/tables/encoded-row.ts';
import { mysqlName } from '../domain/tables/mysql.ts';
import { RowRefused, RowStatements } from './row-statements.ts';
import type { Session } from './session.ts';
import type { Loaded } from './table-store.ts';

/** How many rows are looked up at once; MariaDB would turn a list of 1,000 values into a table first. */
const LOOKED_UP_ROWS = 500;

/**
 * How many rows are written at once, and how many characters of SQL are held, unless one row alone has more.
 */
const BATCH_ROWS = 1000;
const BATCH_CHARACTERS = 4 * 1024 * 1024;

/** The size of a statement without its rows. Bytes. */
const STATEMENT_RESERVE = 16 * 1024;

export interface LoadOptions {
  readonly encoder: RowEncoder;
  /** From `objectHash`. */
  readonly object: string;
  /** From `sortableSequencer`. */
  readonly sequencer: string;
  /** In the order of their records, each record once. */
  readonly rows: readonly NumberedRow[];
  /** The server's max_allowed_packet. Bytes. */
  readonly packetBytes: number;
  /** Whether to find rows that the server refuses and leave them out; otherwise the error is thrown. */
  readonly careful: boolean;
  /** Whether to remove list elements first whose rows are gone: rows may have been deleted by hand. */
  readonly clearLists: boolean;
  /**
   * Whether to write rows even if another version has the same content: somebody may have changed them by
   * hand.
   */
  readonly rewrite: boolean;
}

interface Known {
  readonly hash: string;
  readonly sequencer: string;
}

/**
 * Writes rows in the open transaction: new rows are inserted and changed rows replaced. For rows with the
 * same content, only the sequencer is updated, unless they are to be rewritten.
 *
 * @throws {RowRefused} if the server refuses a row and `careful` is not set
 */
export async function loadRows(session: Session, options: LoadOptions): Promise<Loaded> {
  return new Loading(session, options).run();
}

class Loading {
  readonly #session: Session;
  readonly #options: LoadOptions;
  readonly #statements: RowStatements;
  readonly #mostBytes: number;
  readonly #rejected: Reject[] = [];
  /** The table's rows of these records when they were looked up and locked. */
  readonly #known = new Map<number, Known>();
  #written = 0;
  #unchanged = 0;

  constructor(session: Session, options: LoadOptions) {
    const { encoder, object, sequencer, packetBytes } = options;
    this.#session = session;
    this.#options = options;
    this.#mostBytes = packetBytes - STATEMENT_RESERVE;
    this.#statements = new RowStatements(session, encoder.tables, object, sequencer, this.#mostBytes);
  }

  async run(): Promise<Loaded> {
    const { rows, encoder, careful } = this.#options;
    const write = careful ? this.#writeCarefully : this.#write;
    let batch: EncodedRow[] = [];
    let characters = 0;
    await this.#statements.begin();
    await this.#lookUp();
    try {
      for (const row of rows) {
        const encoded = encoder.encode(row, this.#mostBytes);
        if ('reject' in encoded) {
          this.#rejected.push(encoded.reject);
          continue;
        }
        batch.push(encoded);
        characters += encoded.size;
        if (batch.length < BATCH_ROWS && characters < BATCH_CHARACTERS) continue;
        await write.call(this, batch);
        batch = [];
        characters = 0;
      }
      await write.call(this, batch);
      await this.#statements.finish();
    } finally {
      // No statement may be running when the transaction is rolled back.
      await this.#statements.discard();
    }
    return { written: this.#written, unchanged: this.#unchanged, rejected: this.#rejected };
  }

  async #write(batch: readonly EncodedRow[]): Promise<void> {
    if (batch.length === 0) return;
    const changed: EncodedRow[] = [];
    const untouched: EncodedRow[] = [];
    const { sequencer, rewrite } = this.#options;
    let unchanged = 0;
    for (const row of batch) {
      const before = this.#known.get(row.record);
      const isOurs = before?.sequencer === sequencer;
      if (before === undefined) await this.#statements.insert(row);
      else if (before.hash !== row.hash || (rewrite && !isOurs)) changed.push(row);
      else {
        unchanged += 1;
        if (!isOurs) untouched.push(row);
      }
    }
    await this.#statements.replace(changed);
    await this.#statements.touch(untouched);
    this.#unchanged += unchanged;
    this.#written += batch.length - unchanged;
  }

  /** Halves a batch that the server refuses until the refused rows are found. */
  async #writeCarefully(batch: readonly EncodedRow[]): Promise<void> {
    const counts = [this.#written, this.#unchanged] as const;
    await this.#session.execute('SAVEPOINT batch');
    try {
      await this.#write(batch);
      await this.#statements.finish();
    } catch (error) {
      if (!(error instanceof RowRefused)) throw error;
      await this.#statements.discard();
      await this.#session.execute('ROLLBACK TO SAVEPOINT batch');
      [this.#written, this.#unchanged] = counts;
      const [first, second] = batch;
      if (first === undefined) return;
      if (second === undefined) {
        this.#reject(first, error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.#writeCarefully(batch.slice(0, half));
      await this.#writeCarefully(batch.slice(half));
    }
  }

  #reject({ record }: EncodedRow, { path, message }: RowRefused): void {
    const row = this.#options.rows.find((each) => each.record === record);
    if (row !== undefined) this.#rejected.push(notStorable(row, path, `${message}.`));
  }

  /**
   * Looks up all rows before anything is written, so that no later statement waits for an answer. Locks
   * existing rows, so that nobody removes them. If asked for, removes list elements whose rows do not exist.
   */
  async #lookUp(): Promise<void> {
    const { encoder, object, rows, clearLists } = this.#options;
    const table = mysqlName(encoder.tables.table.name);
    for (let from = 0; from < rows.length; from += LOOKED_UP_ROWS) {
      const records = rows.slice(from, from + LOOKED_UP_ROWS).map(({ record }) => record);
      const found = await this.#session.select(
        `SELECT _record, LOWER(HEX(_hash)), _sequencer FROM ${table} ` +
          `WHERE _object = x'${object}' AND _record IN (${records.join()}) FOR UPDATE`,
      );
      for (const [record, hash, sequencer] of found)
        this.#known.set(Number(record), { hash: String(hash), sequencer: String(sequencer) });
      if (clearLists) await this.#statements.clearLists(records.filter((record) => !this.#known.has(record)));
    }
  }
}
