import type { NestedKind } from '../../domain/column-type.ts';
import type { ColumnType } from '../../domain/columns.ts';
import { microsecondsOf, millisecondsOf } from '../../domain/instant.ts';
import type { Long } from '../../domain/long.ts';
import { decimalValues } from './decimals.ts';
import { Longs } from './longs.ts';
import { Numbers, writeDouble, writeInt32 } from './numbers.ts';
import { mismatch, type Range, Values } from './page-values.ts';

export type LeafType = Exclude<ColumnType, { kind: NestedKind }>;

const DAY_MS = 86_400_000;

/** How much of a text its range knows: more than sixteen code points. Bytes. */
const TEXT_RANGE_BYTES = 65;

/** Texts, or bytes in base64. A chunk has no range: it would exclude little. The file has one on demand. */
class Strings extends Values {
  readonly #encoding: 'utf8' | 'base64';
  readonly #ranged: boolean;
  #min: Buffer | undefined;
  #max: Buffer | undefined;

  constructor(encoding: 'utf8' | 'base64', ranged: boolean) {
    super();
    this.#encoding = encoding;
    this.#ranged = ranged;
  }

  override range(): Range | undefined {
    return this.#min && this.#max && { min: this.#min, max: this.#max };
  }

  override add(value: unknown): void {
    if (typeof value !== 'string') throw mismatch('string', value);
    this.reserve(4 + 3 * value.length);
    const { bytes, length: at } = this;
    const written = bytes.write(value, at + 4, this.#encoding);
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

const number = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);
const int32 = (value: unknown): number => (value === (number(value) | 0) ? number(value) : Number.NaN);
/** Most are numbers in memory, which cost least. */
const int64 = (value: unknown): Long | undefined => {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== 'bigint') return undefined;
  const rounded = Number(value);
  if (Number.isSafeInteger(rounded)) return rounded;
  return BigInt.asIntN(64, value) === value ? value : undefined;
};
const day = (value: unknown): number => Math.floor(millisecondsOf(value) / DAY_MS);

/** @param ranged whether texts have a range: that of other values costs nothing */
export function valuesOf(type: LeafType, ranged: boolean): Values {
  const { kind } = type;
  switch (kind) {
    case 'string':
      return new Strings('utf8', ranged);
    case 'binary':
      return new Strings('base64', ranged);
    case 'boolean':
      return new Booleans();
    case 'int32':
      return new Numbers({ kind, width: 4, numberOf: int32, write: writeInt32 });
    case 'date':
      return new Numbers({ kind, width: 4, numberOf: day, write: writeInt32 });
    case 'int64':
      return new Longs(kind, int64);
    case 'timestamp':
      return new Longs(kind, microsecondsOf);
    case 'double':
      return new Numbers({ kind, width: 8, numberOf: number, write: writeDouble });
    case 'decimal':
      return decimalValues(type);
  }
}
