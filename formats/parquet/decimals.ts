import type { DecimalType } from '../../domain/column-type.ts';
import { bytesOfDigits, isDecimal, unscaled } from '../../domain/decimal.ts';
import { longOf } from '../../domain/long.ts';
import { Longs } from './longs.ts';
import { Numbers, writeInt32 } from './numbers.ts';
import { mismatch, type Range, Values } from './page-values.ts';

/** As Iceberg asks for it (specification, Appendix A, "Parquet"). */
const INT32_DIGITS = 9;
const INT64_DIGITS = 18;
/** A whole number of so many digits is a number that is exact. */
const SAFE_DIGITS = 15;

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/** How decimals of so many digits are stored; for the last one with the length in bytes. */
export function decimalStorage({ precision }: DecimalType) {
  if (precision <= INT32_DIGITS) return { physical: 'int32' } as const;
  if (precision <= INT64_DIGITS) return { physical: 'int64' } as const;
  return { physical: 'bytes', length: bytesOfDigits(precision) } as const;
}

export function decimalValues(type: DecimalType): Values {
  const { kind, precision } = type;
  const few = (value: unknown) => (isDecimal(value, type) ? wholeNumber(value) : Number.NaN);
  if (precision <= INT32_DIGITS) return new Numbers({ kind, width: 4, numberOf: few, write: writeInt32 });
  if (precision <= SAFE_DIGITS)
    return new Longs(kind, (value) => (isDecimal(value, type) ? wholeNumber(value) : undefined));
  if (precision <= INT64_DIGITS)
    return new Longs(kind, (value) => (isDecimal(value, type) ? longOf(unscaled(value)) : undefined));
  return new LargeDecimals(type, bytesOfDigits(precision));
}

/** `unscaled` of few digits. */
function wholeNumber(value: string): number {
  let number = 0;
  for (let i = 0; i < value.length; i += 1) {
    const character = value.charCodeAt(i);
    if (character !== POINT && character !== MINUS) number = 10 * number + character - ZERO;
  }
  return value.charCodeAt(0) === MINUS ? -number : number;
}

/** Decimals of more digits than 64 bits hold: two's complement, the highest byte first. */
class LargeDecimals extends Values {
  readonly #type: DecimalType;
  readonly #width: number;
  #min: bigint | undefined;
  #max: bigint | undefined;
  #fileMin: bigint | undefined;
  #fileMax: bigint | undefined;

  constructor(type: DecimalType, width: number) {
    super();
    this.#type = type;
    this.#width = width;
  }

  override add(value: unknown): void {
    if (!isDecimal(value, this.#type)) throw mismatch('decimal', value);
    const whole = unscaled(value);
    this.reserve(this.#width);
    writeBigEndian(this.bytes, whole, this.length, this.#width);
    this.length += this.#width;
    if (this.#min === undefined || whole < this.#min) this.#min = whole;
    if (this.#max === undefined || whole > this.#max) this.#max = whole;
  }

  override takeRange(): Range | undefined {
    const [min, max] = [this.#min, this.#max];
    this.#min = this.#max = undefined;
    if (min === undefined || max === undefined) return undefined;
    if (this.#fileMin === undefined || min < this.#fileMin) this.#fileMin = min;
    if (this.#fileMax === undefined || max > this.#fileMax) this.#fileMax = max;
    return this.#encoded(min, max);
  }

  override range(): Range | undefined {
    const [min, max] = [this.#fileMin, this.#fileMax];
    return min === undefined || max === undefined ? undefined : this.#encoded(min, max);
  }

  #encoded(min: bigint, max: bigint): Range {
    const range = { min: Buffer.alloc(this.#width), max: Buffer.alloc(this.#width) };
    writeBigEndian(range.min, min, 0, this.#width);
    writeBigEndian(range.max, max, 0, this.#width);
    return range;
  }
}

function writeBigEndian(bytes: Buffer, value: bigint, at: number, width: number): void {
  let rest = value;
  for (let i = at + width - 1; i >= at; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/** The whole number of these bytes, the highest first. */
export function fromBigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  return BigInt.asIntN(8 * bytes.length, value);
}
