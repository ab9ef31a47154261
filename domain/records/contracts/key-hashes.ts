import { hash } from 'node:crypto';

/** How many records a file may have to be searched for keys that are there twice: 16 MB of hashes. */
export const MOST_RECORDS = 2_000_000;

const BYTES = 8;
/** How many of the keys that are there twice are looked for in the order of the records. */
const MOST_DUPLICATES = 1000;

/**
 * A hash of the key of each record that became a row, in the order of the records, eight bytes each; zeros
 * for the others. A file of two million different keys seems to have the same one twice with a probability of
 * one in ten million.
 */
export class KeyHashes {
  readonly #columns: readonly string[];
  readonly #key: string;
  readonly #first: number;
  #bytes = Buffer.alloc(1024 * BYTES);
  #records = 0;

  /**
   * @param columns that make the key
   * @param key of the object: hashes of different objects can't be compared, so they tell of no person
   * @param first the number of the first record
   */
  constructor(columns: readonly string[], key: string, first: number) {
    this.#columns = columns;
    this.#key = key;
    this.#first = first;
  }

  /** As in SQL, a key with a null is equal to no other. */
  add(recordNumber: number, row: Readonly<Record<string, unknown>>): void {
    if (recordNumber > MOST_RECORDS) return;
    const values = this.#columns.map((column) => row[column]);
    if (values.some((value) => value === null || value === undefined)) return;
    const text = JSON.stringify([this.#key, ...values.map((value) => `${typeof value} ${value}`)]);
    const start = (recordNumber - this.#first) * BYTES;
    while (start + BYTES > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    hash('sha256', text, 'buffer').copy(this.#bytes, start, 0, BYTES);
    this.#records = recordNumber - this.#first + 1;
  }

  /** Base64. */
  get text(): string {
    return this.#bytes.toString('base64', 0, this.#records * BYTES);
  }
}

/** The hashes of consecutive records, and how many records these are. */
interface HashedRecords {
  readonly read: number;
  readonly keyHashes?: string | undefined;
}

/** Keys that are there more than once. */
interface Duplicates {
  /** How many rows have a key that a row before has. */
  readonly rows: number;
  /** The numbers of two records with the same key: of some keys, in the order of the records. */
  readonly pairs: readonly (readonly [number, number])[];
}

/**
 * Finds the keys that are there more than once among the records of a file, given in their order.
 *
 * @returns `undefined` if there is none, or a part was hashed by code that did not do so
 */
export function duplicatesIn(parts: readonly HashedRecords[]): Duplicates | undefined {
  if (parts.some(({ keyHashes }) => keyHashes === undefined)) return undefined;
  const all = new BigUint64Array(parts.reduce((sum, { read }) => sum + read, 0));
  const bytes = Buffer.from(all.buffer);
  let first = 0;
  for (const { read, keyHashes = '' } of parts) {
    bytes.write(keyHashes, first * BYTES, read * BYTES, 'base64');
    first += read;
  }
  const sorted = all.toSorted();
  const found = new Set<bigint>();
  let rows = 0;
  for (let i = 1; i < sorted.length; i += 1) {
    const each = sorted[i] ?? 0n;
    if (each === 0n || each !== sorted[i - 1]) continue;
    rows += 1;
    if (found.size < MOST_DUPLICATES) found.add(each);
  }
  return rows === 0 ? undefined : { rows, pairs: pairsOf(all, found) };
}

function pairsOf(all: BigUint64Array, wanted: Set<bigint>): [number, number][] {
  const before = new Map<bigint, number>();
  const pairs: [number, number][] = [];
  for (const [i, each] of all.entries()) {
    if (!wanted.has(each)) continue;
    const other = before.get(each);
    if (other === undefined) before.set(each, i + 1);
    else {
      pairs.push([other, i + 1]);
      wanted.delete(each);
    }
  }
  return pairs;
}
