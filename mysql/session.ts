import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import pLimit from 'p-limit';
import { TransientError } from '../domain/errors.ts';
import { mysqlFailure } from './failure.ts';

/** How often a piece of work is tried, how large it may be, and the longest that one statement may take. */
export interface Patience {
  /** Pieces of work at a time, each on a connection of its own. */
  readonly connections: number;
  readonly attempts: number;
  /** Waits before the next attempt, the longer the more there were. */
  readonly pause: (attempts: number) => Promise<void>;
  readonly statementMs: number;
  /** Rows that a transaction removes at most: locks and undo stay bounded. */
  readonly rowsRemoved: number;
}

export const patience: Patience = {
  connections: 1,
  attempts: 6,
  pause: (attempts) => delay(50 * 2 ** (attempts - 1) * (0.5 + Math.random())),
  statementMs: 120_000,
  rowsRemoved: 5000,
};

/** A database session in which nothing else runs meanwhile. */
export interface Session {
  /** Rows as arrays, in the order of the columns asked for. */
  select(sql: string, values?: readonly unknown[]): Promise<unknown[][]>;
  /** @returns how many rows a statement changed, as the server counts them */
  execute(sql: string, values?: readonly unknown[]): Promise<number>;
}

/**
 * The connections of a function's environment. Work on one goes one after the other; it is opened when it is first
 * needed and again when it broke, as it does when the environment was frozen for long.
 */
export class Sessions {
  readonly #open: () => Promise<Connection>;
  readonly #patience: Patience;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #idle: Connection[] = [];

  constructor(open: () => Promise<Connection>, how: Patience = patience) {
    this.#open = open;
    this.#patience = how;
    this.#limit = pLimit(how.connections);
  }

  /**
   * Does a piece of work that leaves nothing behind unless it ends well, or may be done twice. It is tried again when
   * another transaction was in the way or the connection broke.
   *
   * @throws {TransientError} `database`, which says what kind of trouble it is; whatever else the work throws
   */
  run<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    return this.#limit(async () => {
      for (let attempt = 1; ; attempt += 1) {
        let connection: Connection | undefined;
        try {
          connection = this.#idle.pop() ?? (await this.#open());
          const result = await work(this.#session(connection));
          this.#idle.push(connection);
          return result;
        } catch (error) {
          await this.#abandon(connection, isBroken(error));
          const failure = mysqlFailure(error);
          if (failure === undefined) throw error;
          if (!failure.passes || attempt >= this.#patience.attempts) throw transient(failure.message, error);
        }
        await this.#patience.pause(attempt);
      }
    });
  }

  /** Closes what is idle. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#idle.splice(0).map((connection) => connection.end()));
  }

  /** Undoes what is open; a broken connection goes, and the server undoes what it had open. */
  async #abandon(connection: Connection | undefined, broken: boolean): Promise<void> {
    if (connection === undefined) return;
    try {
      if (broken) throw new Error('There is nobody to ask.');
      await connection.query({ sql: 'ROLLBACK', timeout: this.#patience.statementMs });
      this.#idle.push(connection);
    } catch {
      connection.destroy();
    }
  }

  #session(connection: Connection): Session {
    const timeout = this.#patience.statementMs;
    return {
      async select(sql, values = []) {
        const [rows] = await connection.query<RowDataPacket[][]>({
          sql,
          values: [...values],
          rowsAsArray: true,
          timeout,
        });
        return rows as unknown[][];
      },
      async execute(sql, values) {
        const [{ affectedRows }] = await connection.query<ResultSetHeader>({
          sql,
          ...(values !== undefined && { values: [...values] }),
          timeout,
        });
        return affectedRows;
      },
    };
  }
}

/** After a statement that took too long, its answer may still come, and would be taken for the next one's. */
function isBroken(error: unknown): boolean {
  const { fatal, code, sqlState } = error as { fatal?: boolean; code?: string; sqlState?: string };
  return (
    fatal === true || code === 'PROTOCOL_SEQUENCE_TIMEOUT' || (code !== undefined && sqlState === undefined)
  );
}

/** An error of the driver carries the statement, and with it the data: only what it says goes on. */
function transient(message: string, error: unknown): TransientError {
  const { code, message: said } = error as { code?: string; message: string };
  return new TransientError('database', message, { stage: 'loading', cause: `${code}: ${said}` });
}
