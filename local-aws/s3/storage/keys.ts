/**
 * Orders keys by their UTF-8 bytes, as S3 lists them ("Amazon S3 User Guide: Listing object keys
 * programmatically"). UTF-16 code units have the same order except for surrogates, which encode characters
 * after U+FFFF.
 */
export function compareKeys(left: string, right: string): number {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return rank(a) - rank(b);
  }
  return left.length - right.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Keys per run: inserting one into a single array of hundreds of thousands would take a millisecond. */
const largestRun = 1024;

/** A key's actual or future position: its run, and its index in the run. */
interface Place {
  readonly run: number;
  readonly at: number;
}

/** A set of keys in byte order. */
export class SortedKeys {
  /** Concatenated, the runs are all keys. None is empty, except the only one of an empty set. */
  readonly #runs: string[][] = [[]];

  add(key: string): void {
    const last = this.#runs.at(-1)?.at(-1);
    // A journal that was rewritten has them in order.
    const isLast = last !== undefined && compareKeys(last, key) < 0;
    const end = { run: this.#runs.length - 1, at: this.#runs.at(-1)?.length ?? 0 };
    const place = isLast ? end : this.#find((other) => compareKeys(other, key) >= 0);
    const keys = this.#runs[place.run];
    if (keys === undefined || keys[place.at] === key) return;
    keys.splice(place.at, 0, key);
    if (keys.length > largestRun) this.#runs.splice(place.run + 1, 0, keys.splice(largestRun / 2));
  }

  delete(key: string): void {
    const { run, at } = this.#find((other) => compareKeys(other, key) >= 0);
    const keys = this.#runs[run];
    if (keys?.[at] !== key) return;
    keys.splice(at, 1);
    if (keys.length === 0 && this.#runs.length > 1) this.#runs.splice(run, 1);
  }

  *[Symbol.iterator](): Generator<string> {
    for (const keys of this.#runs) yield* keys;
  }

  /**
   * Walks the keys that start with `prefix`, in order, from the first one for which `from` is true (a
   * predicate that stays true from then on). Keys with a common prefix up to `delimiter` are returned once,
   * as that prefix.
   */
  *walk(options: {
    prefix: string;
    delimiter: string;
    from: (key: string) => boolean;
    visible: (key: string) => boolean;
  }): Generator<{ key: string; common: boolean }> {
    const { prefix, delimiter, from, visible } = options;
    let place = this.#find((key) => compareKeys(key, prefix) >= 0 && from(key));
    for (let key = this.#at(place); key?.startsWith(prefix); key = this.#at(place)) {
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      if (!visible(key)) place = this.#after(place);
      else if (end < 0) {
        yield { key, common: false };
        place = this.#after(place);
      } else {
        const common = key.slice(0, end + delimiter.length);
        yield { key: common, common: true };
        place = this.#find((other) => isAfter(other, common));
      }
    }
  }

  #at({ run, at }: Place): string | undefined {
    return this.#runs[run]?.[at];
  }

  #after({ run, at }: Place): Place {
    return at + 1 < (this.#runs[run]?.length ?? 0) ? { run, at: at + 1 } : { run: run + 1, at: 0 };
  }

  /** The first place where `reached` is true; the end of the last run if there is none. */
  #find(reached: (key: string) => boolean): Place {
    const runs = this.#runs;
    const run = first(runs.length - 1, (index) => reached(runs[index]?.at(-1) ?? ''));
    const keys = runs[run] ?? [];
    return { run, at: first(keys.length, (index) => reached(keys[index] ?? '')) };
  }
}

/**
 * The first index below `length` where `reached` is true, as it is for all after it; `length` if there is
 * none.
 */
function first(length: number, reached: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (reached(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether `key` sorts after `prefix` and everything that starts with it. */
export function isAfter(key: string, prefix: string): boolean {
  return compareKeys(key, prefix) > 0 && !key.startsWith(prefix);
}
