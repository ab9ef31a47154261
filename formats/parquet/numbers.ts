import { mismatch, type Range, RangedValues } from './page-values.ts';

export interface NumberEncoding {
  readonly kind: string;
  readonly width: 4 | 8;
  /** The number to store for a value; NaN if the value is not of the type. */
  readonly numberOf: (value: unknown) => number;
  readonly write: (bytes: Buffer, value: number, at: number) => void;
}

/** Values that are numbers in memory. */
export class Numbers extends RangedValues<number> {
  readonly #encoding: NumberEncoding;

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
    if (number < this.min) this.min = number;
    if (number > this.max) this.max = number;
  }

  protected override encoded(min: number, max: number): Range {
    const { width, write } = this.#encoding;
    const range = { min: Buffer.alloc(width), max: Buffer.alloc(width) };
    // The format requires -0 as the minimum and +0 as the maximum (parquet.thrift, ColumnOrder).
    write(range.min, min === 0 ? -0 : min, 0);
    write(range.max, max === 0 ? 0 : max, 0);
    return range;
  }
}

export const writeInt32: NumberEncoding['write'] = (bytes, value, at) => bytes.writeInt32LE(value, at);
export const writeDouble: NumberEncoding['write'] = (bytes, value, at) => bytes.writeDoubleLE(value, at);
export const writeInt64: NumberEncoding['write'] = (bytes, value, at) => {
  const high = Math.floor(value / 2 ** 32);
  bytes.writeUInt32LE(value - high * 2 ** 32, at);
  bytes.writeInt32LE(high, at + 4);
};
