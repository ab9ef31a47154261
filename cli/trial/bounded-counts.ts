/** How many names are counted one by one. A hostile file may have a new one in every record. */
const MOST_NAMES = 1000;
/** Longer names are cut. Characters. */
const LONGEST_NAME = 200;

/** Counts by name, in bounded memory: names beyond the first thousand are counted together. */
export class BoundedCounts {
  /** How often names were met that have no count of their own. */
  others = 0;
  readonly #counts = new Map<string, number>();

  add(given: string): void {
    const name = given.length > LONGEST_NAME ? cut(given) : given;
    const known = this.#counts.get(name);
    if (known === undefined && this.#counts.size === MOST_NAMES) this.others += 1;
    else this.#counts.set(name, (known ?? 0) + 1);
  }

  /** The most frequent first. */
  get sorted(): { readonly name: string; readonly count: number }[] {
    return [...this.#counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
  }
}

/** A copy: a slice would keep the whole text in memory. */
const cut = (text: string) => `${Buffer.from(text.slice(0, LONGEST_NAME)).toString()}…`;
