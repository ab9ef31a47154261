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

/** A character from the surrogates on: see `compareKeys`. */
const HIGH = /[\ud800-\uffff]/;

/** The keys of a map, whatever its values. */
export type Keys = Pick<SortedMap<unknown>, 'walk' | typeof Symbol.iterator>;

/**
 * Values by keys, in byte order of the keys. Over a million keys it takes less memory than a `Map` beside
 * their order, and half the time to fill.
 */
export class SortedMap<Value> {
  /** Concatenated, the runs are all keys. None is empty, except the only one of an empty map. */
  readonly #runs: string[][] = [[]];
  /** The values of the keys, in runs alike. */
  readonly #values: Value[][] = [[]];
  /** Whether a key has a high character. If none has, JavaScript's own order, which is faster, is theirs. */
  #high = false;

  get size(): number {
    return this.#runs.reduce((sum, { length }) => sum + length, 0);
  }

  get(key: string): Value | undefined {
    const { run, at } = this.#placeOf(key);
    return this.#runs[run]?.[at] === key ? this.#values[run]?.[at] : undefined;
  }

  set(key: string, value: Value): void {
    const place = this.#placeOf(key);
    const values = this.#values[place.run];
    if (this.#at(place) !== key) this.#insert(place, key, value);
    else if (values !== undefined) values[place.at] = value;
  }

  /** Sets the value of a key that has none. Returns whether it had none. */
  add(key: string, value: Value): boolean {
    const place = this.#placeOf(key);
    if (this.#at(place) === key) return false;
    this.#insert(place, key, value);
    return true;
  }

  delete(key: string): void {
    const { run, at } = this.#placeOf(key);
    const keys = this.#runs[run];
    if (keys?.[at] !== key) return;
    keys.splice(at, 1);
    this.#values[run]?.splice(at, 1);
    if (keys.length > 0 || this.#runs.length === 1) return;
    this.#runs.splice(run, 1);
    this.#values.splice(run, 1);
  }

  /** The keys. */
  *[Symbol.iterator](): Generator<string> {
    for (const keys of this.#runs) yield* keys;
  }

  *values(): Generator<Value> {
    for (const values of this.#values) yield* values;
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
    let place = this.#find((key) => !this.#isBefore(key, prefix) && from(key));
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

  #insert({ run, at }: Place, key: string, value: Value): void {
    const [keys, values] = [this.#runs[run], this.#values[run]];
    if (keys === undefined || values === undefined) return;
    this.#high ||= HIGH.test(key);
    keys.splice(at, 0, key);
    values.splice(at, 0, value);
    if (keys.length <= largestRun) return;
    // Keys that come in order leave full runs behind them.
    const rest = at === largestRun ? largestRun : largestRun / 2;
    this.#runs.splice(run + 1, 0, keys.splice(rest));
    this.#values.splice(run + 1, 0, values.splice(rest));
  }

  /** Where the key is, or would be. */
  #placeOf(key: string): Place {
    const run = this.#runs.length - 1;
    const keys = this.#runs[run] ?? [];
    const last = keys.at(-1);
    // A journal that was rewritten has them in order.
    if (last !== undefined && this.#isBefore(last, key)) return { run, at: keys.length };
    return this.#find((other) => !this.#isBefore(other, key));
  }

  /** Of a key of the map, and any text. A high character is after all others in both orders. */
  #isBefore(key: string, other: string): boolean {
    return this.#high ? compareKeys(key, other) < 0 : key < other;
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
