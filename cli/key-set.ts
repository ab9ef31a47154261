import { createHash } from 'node:crypto';

/**
 * A set of keys that keeps eight bytes of each key's hash. The probability that any two of ten million keys
 * share these bytes is one in 400,000. Add all keys before asking for one: each switch from adding to asking
 * sorts the set again.
 */
export class KeySet {
  #hashes = new BigUint64Array(1024);
  #size = 0;
  #sorted = true;

  add(key: string): void {
    if (this.#size === this.#hashes.length) {
      const larger = new BigUint64Array(this.#size * 2);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#size] = hashOf(key);
    this.#size += 1;
    this.#sorted = false;
  }

  has(key: string): boolean {
    if (!this.#sorted) this.#hashes.subarray(0, this.#size).sort();
    this.#sorted = true;
    const wanted = hashOf(key);
    let [from, to] = [0, this.#size];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#hashes[middle] ?? 0n) < wanted) from = middle + 1;
      else to = middle;
    }
    return from < this.#size && this.#hashes[from] === wanted;
  }
}

function hashOf(key: string): bigint {
  return createHash('sha256').update(key).digest().readBigUInt64BE();
}
