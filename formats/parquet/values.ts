import type { ColumnType } from '../../domain/columns.ts';

export type LeafType = Exclude<ColumnType, { kind: 'list' | 'struct' }>;

/** The smallest and the greatest of some values, in the encoding of the format's statistics. */
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

  /** The range of all values ever, up to the last call of `takeRange`; `undefined` if it is unknown. */
  range(): Range | undefined {
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

/** How much of a text its range knows: more than sixteen code points. Bytes. */
const TEXT_RANGE_BYTES = 65;

/** A chunk has no range: it would exclude little. The file has one if it is asked for. */
class Strings extends Values {
  readonly #ranged: boolean;
  #min: Buffer | undefined;
  #max: Buffer | undefined;

  constructor(ranged: boolean) {
    super();
    this.#ranged = ranged;
  }

  override range(): Range | undefined {
    return this.#min && this.#max && { min: this.#min, max: this.#max };
  }

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
    if (this.#ranged) this.#extendRange(at + 4, this.length);
  }

  /**
   * Byte by byte: mostly, the first byte decides. Made for this loop, it costs less than `Buffer.compare`.
   */
  #extendRange(start: number, end: number): void {
    const { bytes } = this;
    const known = Math.min(end, start + TEXT_RANGE_BYTES);
    if (this.#min === undefined || compareBytes(bytes, start, known, this.#min) < 0)
      this.#min = Buffer.from(bytes.subarray(start, known));
    if (this.#max === undefined || compareBytes(bytes, start, known, this.#max) > 0)
      this.#max = Buffer.from(bytes.subarray(start, known));
  }
}

/** Negative if the bytes come before `other`, 0 if they are equal to it, positive if they come after it. */
function compareBytes(bytes: Buffer, start: number, end: number, other: Buffer): number {
  const common = Math.min(end - start, other.length);
  for (let i = 0; i < common; i += 1) {
    const difference = (bytes[start + i] as number) - (other[i] as number);
    if (difference !== 0) return difference;
  }
  return end - start - other.length;
}

/** Eight to a byte, the lowest bit first. */
class Booleans extends Values {
  #count = 0;
  #anyFalse = false;
  #anyTrue = false;

  override range(): Range | undefined {
    if (!this.#anyFalse && !this.#anyTrue) return undefined;
    return { min: Buffer.of(this.#anyFalse ? 0 : 1), max: Buffer.of(this.#anyTrue ? 1 : 0) };
  }

  override add(value: unknown): void {
    if (typeof value !== 'boolean') throw mismatch('boolean', value);
    const bit = this.#count % 8;
    if (bit === 0) {
      this.reserve(1);
      this.bytes[this.length] = 0;
      this.length += 1;
    }
    if (value) {
      this.bytes[this.length - 1] = (this.bytes[this.length - 1] as number) | (1 << bit);
      this.#anyTrue = true;
    } else this.#anyFalse = true;
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
  #fileMin = Number.POSITIVE_INFINITY;
  #fileMax = Number.NEGATIVE_INFINITY;

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
    const [min, max] = [this.#min, this.#max];
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = Number.NEGATIVE_INFINITY;
    if (min < this.#fileMin) this.#fileMin = min;
    if (max > this.#fileMax) this.#fileMax = max;
    return this.#encoded(min, max);
  }

  override range(): Range | undefined {
    return this.#encoded(this.#fileMin, this.#fileMax);
  }

  #encoded(min: number, max: number): Range | undefined {
    const { width, write } = this.#encoding;
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

/** Milliseconds as microseconds. These may have more digits than a number, so its halves are multiplied. */
const writeMicros: NumberEncoding['write'] = (bytes, value, at) => {
  const high = Math.floor(value / 2 ** 32);
  const low = (value - high * 2 ** 32) * 1000;
  const carry = Math.floor(low / 2 ** 32);
  bytes.writeUInt32LE(low - carry * 2 ** 32, at);
  bytes.writeInt32LE(high * 1000 + carry, at + 4);
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

/** @param ranged whether texts have a range: that of other values costs nothing */
export function valuesOf({ kind }: LeafType, ranged: boolean): Values {
  switch (kind) {
    case 'string':
      return new Strings(ranged);
    case 'boolean':
      return new Booleans();
    case 'int32':
      return new Numbers({ kind, width: 4, numberOf: int32, write: writeInt32 });
    case 'date':
      return new Numbers({ kind, width: 4, numberOf: day, write: writeInt32 });
    case 'int64':
      return new Numbers({ kind, width: 8, numberOf: int64, write: writeInt64 });
    case 'timestamp':
      return new Numbers({ kind, width: 8, numberOf: instant, write: writeMicros });
    case 'double':
      return new Numbers({ kind, width: 8, numberOf: number, write: writeDouble });
  }
}

function mismatch(kind: string, value: unknown): TypeError {
  return new TypeError(`A ${typeof value} (${String(value).slice(0, 100)}) can't be stored as ${kind}.`);
}
