import type { Long } from '../../domain/long.ts';
import { writeInt64 } from './numbers.ts';
import { mismatch, type Range, RangedValues } from './page-values.ts';

const WIDTH = 8;

/** 64-bit integers, of which those that a number holds exactly are numbers. */
export class Longs extends RangedValues<Long> {
  readonly #kind: string;
  readonly #read: (value: unknown) => Long | undefined;

  /** @param read the integer to store for a value, as a bigint only if it is beyond 2^53; else `undefined` */
  constructor(kind: string, read: (value: unknown) => Long | undefined) {
    super();
    this.#kind = kind;
    this.#read = read;
  }

  override add(value: unknown): void {
    const long = this.#read(value);
    if (long === undefined) throw mismatch(this.#kind, value);
    this.reserve(WIDTH);
    write(this.bytes, long, this.length);
    this.length += WIDTH;
    if (long < this.min) this.min = long;
    if (long > this.max) this.max = long;
  }

  protected override encoded(min: Long, max: Long): Range {
    const range = { min: Buffer.alloc(WIDTH), max: Buffer.alloc(WIDTH) };
    write(range.min, min, 0);
    write(range.max, max, 0);
    return range;
  }
}

function write(bytes: Buffer, value: Long, at: number): void {
  if (typeof value === 'number') writeInt64(bytes, value, at);
  else bytes.writeBigInt64LE(value, at);
}
