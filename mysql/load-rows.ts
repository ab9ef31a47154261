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

/** How many rows are looked up at once; of 1,000 values, MariaDB would make a table first. */
const LOOKED_UP_ROWS = 500;

/** How many rows are written at once, and how much of them is held as SQL, unless one alone is more. */
const BATCH_ROWS = 1000;
const BATCH_CHARACTERS = 4 * 1024 * 1024;

/** What a statement has besides its rows. Bytes. */
const STATEMENT_RESERVE = 16 * 1024;

export interface LoadOptions {
  readonly encoder: RowEncoder;
  /** Of `objectHash`. */
  readonly object: string;
  /** Of `sortableSequencer`. */
  readonly sequencer: string;
  /** In the order of their records, each record once. */
  readonly rows: readonly NumberedRow[];
  /** The server's max_allowed_packet. Bytes. */
  readonly packetBytes: number;
  /** Whether a row that the server refuses is to be found and left out; else it is thrown as it comes. */
  readonly careful: boolean;
  /** Whether lists may have been left of rows that are gone, deleted by hand: they are removed first. */
  readonly clearLists: boolean;
  /** Whether rows of other versions that say the same are written all the same: somebody may have changed them by hand. */
  readonly rewrite: boolean;
}

interface Known {
  readonly hash: string;
  readonly sequencer: string;
}

/**
 * Writes rows in the transaction that is open: new ones are inserted, changed ones replaced, of those that say the same
 * only the sequencer is brought up to date, unless they are to be rewritten.
 *
 * @throws {RowRefused} when the server refuses a row and `careful` is not set
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
  /** What the table had of these records when they were looked up, and locked. */
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
      // Nothing of it may be under way when the transaction is undone.
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

  /** Halves a batch that the server refuses until the rows are found that it refuses. */
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
   * Before anything is written, so that no statement waits for an answer; locks the rows that are there, so that nobody
   * removes what is about to be kept. What lists have of rows that are not there goes where it is asked for.
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
