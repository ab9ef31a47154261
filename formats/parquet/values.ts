import type { ColumnType } from '../../domain/columns.ts';

export type LeafType = Exclude<ColumnType, { kind: 'list' | 'struct' }>;

/** The smallest and the greatest value of a column chunk, in the encoding of the format's statistics. */
export interface Range {
  readonly min: Buffer;
  readonly max: Buffer;
}

const DAY_MS = 86_400_000;

/** The values of the current page, in the plain encoding (Encodings.md, "Plain"), in a buffer that grows. */
export abstract class Values {
  protected bytes: Buffer = Buffer.allocUnsafeSlow(512);
  protected length = 0;

  get size(): number {
    return this.length;
  }

  /** @throws {TypeError} if the value is not of the column's type */
  abstract add(value: unknown): void;

  /** The range of all values since the last call; `undefined` if it is unknown or useless. */
  takeRange(): Range | undefined {
    return undefined;
  }

  /** The page's values; valid until the next one is added. */
  take(): Buffer {
    const values = this.bytes.subarray(0, this.length);
    this.length = 0;
    return values;
  }

  protected reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.length + more));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}

/**
 * Has no range: it would cost a comparison for each text, in another order than JavaScript's, and exclude
 * little.
 */
class Strings extends Values {
  override add(value: unknown): void {
    if (typeof value !== 'string') throw mismatch('string', value);
    this.reserve(4 + 3 * value.length);
    const { bytes, length: at } = this;
    const written = bytes.write(value, at + 4);
    bytes[at] = written;
    bytes[at + 1] = written >>> 8;
    bytes[at + 2] = written >>> 16;
    bytes[at + 3] = written >>> 24;
    this.length = at + 4 + written;
  }
}

/** Eight to a byte, the lowest bit first. */
class Booleans extends Values {
  #count = 0;

  override add(value: unknown): void {
    if (typeof value !== 'boolean') throw mismatch('boolean', value);
    const bit = this.#count % 8;
    if (bit === 0) {
      this.reserve(1);
      this.bytes[this.length] = 0;
      this.length += 1;
    }
    if (value) this.bytes[this.length - 1] = (this.bytes[this.length - 1] as number) | (1 << bit);
    this.#count += 1;
  }

  override take(): Buffer {
    this.#count = 0;
    return super.take();
  }
}

interface NumberEncoding {
  readonly kind: string;
  readonly width: 4 | 8;
  /** The number to store for a value; NaN if the value is not of the type. */
  readonly numberOf: (value: unknown) => number;
  readonly write: (bytes: Buffer, value: number, at: number) => void;
}

class Numbers extends Values {
  readonly #encoding: NumberEncoding;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  constructor(encoding: NumberEncoding) {
    super();
    this.#encoding = encoding;
  }

  override add(value: unknown): void {
    const { kind, width, numberOf, write } = this.#encoding;
    const number = numberOf(value);
    if (Number.isNaN(number)) throw mismatch(kind, value);
    this.reserve(width);
    write(this.bytes, number, this.length);
    this.length += width;
    if (number < this.#min) this.#min = number;
    if (number > this.#max) this.#max = number;
  }

  override takeRange(): Range | undefined {
    const { width, write } = this.#encoding;
    const [min, max] = [this.#min, this.#max];
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = Number.NEGATIVE_INFINITY;
    if (min > max) return undefined;
    const range = { min: Buffer.alloc(width), max: Buffer.alloc(width) };
    // The format requires -0 as the minimum and +0 as the maximum (parquet.thrift, ColumnOrder).
    write(range.min, min === 0 ? -0 : min, 0);
    write(range.max, max === 0 ? 0 : max, 0);
    return range;
  }
}

const writeInt32: NumberEncoding['write'] = (bytes, value, at) => bytes.writeInt32LE(value, at);
const writeDouble: NumberEncoding['write'] = (bytes, value, at) => bytes.writeDoubleLE(value, at);
const writeInt64: NumberEncoding['write'] = (bytes, value, at) => {
  const high = Math.floor(value / 2 ** 32);
  bytes.writeUInt32LE(value - high * 2 ** 32, at);
  bytes.writeInt32LE(high, at + 4);
};

const number = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);
const int32 = (value: unknown): number => (value === (number(value) | 0) ? number(value) : Number.NaN);
const int64 = (value: unknown): number => (Number.isSafeInteger(value) ? number(value) : Number.NaN);
/** A time without an offset is UTC; JavaScript would read it as local time. */
const inUtc = (time: string): string => (/T[^Z+-]*$/.test(time) ? `${time}Z` : time);
/** Milliseconds since the epoch for an ISO 8601 text; NaN for anything else. */
export const instant = (value: unknown): number =>
  typeof value === 'string' ? Date.parse(inUtc(value)) : Number.NaN;
const day = (value: unknown): number => Math.floor(instant(value) / DAY_MS);

export function valuesOf({ kind }: LeafType): Values {
  switch (kind) {
    case 'string':
      return new Strings();
    case 'boolean':
      return new Booleans();
    case 'int32':
      return new Numbers({ kind, width: 4, numberOf: int32, write: writeInt32 });
    case 'date':
      return new Numbers({ kind, width: 4, numberOf: day, write: writeInt32 });
    case 'int64':
      return new Numbers({ kind, width: 8, numberOf: int64, write: writeInt64 });
    case 'timestamp':
      return new Numbers({ kind, width: 8, numberOf: instant, write: writeInt64 });
    case 'double':
      return new Numbers({ kind, width: 8, numberOf: number, write: writeDouble });
  }
}

function mismatch(kind: string, value: unknown): TypeError {
  return new TypeError(`A ${typeof value} (${String(value).slice(0, 100)}) can't be stored as ${kind}.`);
}
