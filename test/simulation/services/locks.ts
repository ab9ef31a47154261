import type { Clock } from '../../../local-aws/core/clock.ts';
import type { Party } from '../network.ts';

/** As openMysql sets it. */
const LOCK_WAIT_MS = 10_000;

/** Who may hold locks: a client's session. */
export interface Holder {
  readonly party: Party;
  broken: boolean;
}

interface Lock {
  readonly shared: Set<Holder>;
  exclusive: Holder | undefined;
}

/**
 * Locks as InnoDB has them, by name: held shared by many or by one alone, waited for, and given up after a
 * while.
 */
export class Locks {
  readonly #clock: Clock;
  readonly #locks = new Map<string, Lock>();
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The names of those that somebody holds, of those that begin like this. */
  held(prefix: string): string[] {
    return [...this.#locks.keys()].filter((name) => name.startsWith(prefix));
  }

  /**
   * Takes all that are wanted by then, as soon as nobody else is in the way.
   *
   * @throws {Error} as mysql2, when that takes too long, or the holder has gone meanwhile
   */
  async acquire(holder: Holder, wanted: () => readonly string[], how: 'shared' | 'exclusive'): Promise<void> {
    const until = this.#clock.now() + LOCK_WAIT_MS;
    while (wanted().some((name) => this.#isInTheWay(holder, name, how))) {
      if (this.#clock.now() >= until)
        throw driverError('ER_LOCK_WAIT_TIMEOUT', 1205, 'Lock wait timeout exceeded');
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.schedule(until - this.#clock.now(), resolve);
        this.#waiting.push(() => {
          cancel();
          resolve();
        });
      });
    }
    if (!holder.party.alive || holder.broken) throw driverError('', undefined, 'The connection is closed.');
    for (const name of wanted()) {
      const lock = this.#locks.get(name) ?? { shared: new Set(), exclusive: undefined };
      this.#locks.set(name, lock);
      if (how === 'shared') lock.shared.add(holder);
      else lock.exclusive = holder;
    }
  }

  /** Lets go of all that somebody holds. */
  release(holder: Holder): void {
    for (const [name, lock] of this.#locks) {
      lock.shared.delete(holder);
      if (lock.exclusive === holder) lock.exclusive = undefined;
      if (lock.shared.size === 0 && lock.exclusive === undefined) this.#locks.delete(name);
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #isInTheWay(holder: Holder, name: string, how: 'shared' | 'exclusive'): boolean {
    const lock = this.#locks.get(name);
    if (lock === undefined) return false;
    const holders = [...(how === 'exclusive' ? lock.shared : []), lock.exclusive];
    return holders.some((each) => each !== undefined && each !== holder);
  }
}

/** As mysql2 throws it: what the server says has a state, and what is wrong with the connection is fatal. */
export function driverError(code: string, errno: number | undefined, message: string): Error {
  return Object.assign(
    new Error(message),
    errno === undefined ? { code, fatal: true } : { code, errno, sqlState: 'HY000' },
  );
}
