/**
 * Orders keys by their UTF-8 bytes, as S3 lists them ("Amazon S3 User Guide: Listing object keys programmatically").
 * UTF-16 code units sort the same, but for surrogates: they stand for what comes after U+FFFF.
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

/** A set of keys in byte order. */
export class SortedKeys {
  readonly #keys: string[] = [];

  add(key: string): void {
    const at = this.#find((other) => compareKeys(other, key) >= 0);
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key);
  }

  delete(key: string): void {
    const at = this.#find((other) => compareKeys(other, key) >= 0);
    if (this.#keys[at] === key) this.#keys.splice(at, 1);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#keys[Symbol.iterator]();
  }

  /**
   * Walks the keys that start with `prefix`, in order, from the first one for which `from` is true (a predicate that
   * stays true once it is). Keys that share a common prefix up to `delimiter` come out once, as that prefix.
   */
  *walk(options: {
    prefix: string;
    delimiter: string;
    from: (key: string) => boolean;
    visible: (key: string) => boolean;
  }): Generator<{ key: string; common: boolean }> {
    const { prefix, delimiter, from, visible } = options;
    let at = this.#find((key) => compareKeys(key, prefix) >= 0 && from(key));
    for (let key = this.#keys[at]; key?.startsWith(prefix); key = this.#keys[at]) {
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      if (!visible(key)) at += 1;
      else if (end < 0) {
        yield { key, common: false };
        at += 1;
      } else {
        const common = key.slice(0, end + delimiter.length);
        yield { key: common, common: true };
        at = this.#find((other) => isAfter(other, common));
      }
    }
  }

  /** The first position where `reached` is true. */
  #find(reached: (key: string) => boolean): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (reached(this.#keys[middle] ?? '')) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Whether `key` sorts after `prefix` and everything that starts with it. */
export function isAfter(key: string, prefix: string): boolean {
  return compareKeys(key, prefix) > 0 && !key.startsWith(prefix);
}
