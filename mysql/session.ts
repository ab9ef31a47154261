import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import pLimit from 'p-limit';
import { TransientError } from '../domain/errors.ts';
import { type MysqlFailure, mysqlFailure } from './failure.ts';

/** How often work is tried, how large a transaction may be, and how long a statement may take. */
export interface Patience {
  /** The maximum number of parallel connections. */
  readonly connections: number;
  readonly attempts: number;
  /** Waits before the next attempt, longer after each one. */
  readonly pause: (attempts: number) => Promise<void>;
  readonly statementMs: number;
  /** The maximum number of rows that a transaction removes, so that locks and undo stay bounded. */
  readonly rowsRemoved: number;
}

export const patience: Patience = {
  connections: 1,
  attempts: 6,
  pause: (attempts) => delay(50 * 2 ** (attempts - 1) * (0.5 + Math.random())),
  statementMs: 120_000,
  rowsRemoved: 5000,
};

/** A database session that is used by only one task at a time. */
export interface Session {
  /** Returns rows as arrays, in the order of the selected columns. */
  select(sql: string, values?: readonly unknown[]): Promise<unknown[][]>;
  /** @returns how many rows the statement changed, as the server counts them */
  execute(sql: string, values?: readonly unknown[]): Promise<number>;
}

/**
 * The connections of a function's environment. Each runs one task at a time. A connection is opened when it
 * is first needed, and again after it broke, as happens when the environment was frozen for long.
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
   * Runs work that is either undone on failure or safe to repeat. It is retried if another transaction was in
   * the way or the connection broke.
   *
   * @throws {TransientError} `database`, or `throttled`, with the kind of failure; any other error of the
   * work is thrown as it is
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
          if (!failure.passes || attempt >= this.#patience.attempts) throw transient(failure, error);
        }
        await this.#patience.pause(attempt);
      }
    });
  }

  /** Closes idle connections. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#idle.splice(0).map((connection) => connection.end()));
  }

  /** Rolls back the open transaction. A broken connection is closed, and the server rolls back. */
  async #abandon(connection: Connection | undefined, broken: boolean): Promise<void> {
    if (connection === undefined) return;
    try {
      if (broken) throw new Error('The connection is broken.');
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

/**
 * After a statement's timeout, its answer may still arrive, and would be taken for that of the next
 * statement.
 */
function isBroken(error: unknown): boolean {
  const { fatal, code, sqlState } = error as { fatal?: boolean; code?: string; sqlState?: string };
  return (
    fatal === true || code === 'PROTOCOL_SEQUENCE_TIMEOUT' || (code !== undefined && sqlState === undefined)
  );
}

/**
 * An error of the driver carries the statement, and with it data: only its code and message are passed on.
 */
function transient({ message, throttled }: MysqlFailure, error: unknown): TransientError {
  const { code, message: said } = error as { code?: string; message: string };
  return new TransientError(throttled === true ? 'throttled' : 'database', message, {
    stage: 'loading',
    cause: `${code}: ${said}`,
  });
}
