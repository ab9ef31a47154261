/** Longer names are cut. Characters. */
const LONGEST_NAME = 100;

/**
 * Counts by name, in bounded memory: names beyond the first ones are counted together. A hostile file may
 * have a new one in every record.
 */
export class BoundedCounts {
  /** How often names were met that have no count of their own. */
  others = 0;
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  /** @param most how many names are counted one by one */
  constructor(most: number) {
    this.#most = most;
  }

  add(given: string, times = 1): void {
    const name = given.length > LONGEST_NAME ? cut(given) : given;
    const known = this.#counts.get(name);
    if (known === undefined && this.#counts.size === this.#most) this.others += times;
    else this.#counts.set(name, (known ?? 0) + times);
  }

  /** The most frequent first. */
  get sorted(): { readonly name: string; readonly count: number }[] {
    return [...this.#counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
  }
}

/** A copy: a slice would keep the whole text in memory. */
const cut = (text: string) => `${Buffer.from(text.slice(0, LONGEST_NAME)).toString()}…`;
