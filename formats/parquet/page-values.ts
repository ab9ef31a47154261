import type { Long } from '../../domain/long.ts';

/** The smallest and the greatest of some values, in the encoding of the format's statistics. */
export interface Range {
  readonly min: Buffer;
  readonly max: Buffer;
}

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

/** Values that are compared as they are in memory, with the range of a page and that of the file. */
export abstract class RangedValues<Value extends Long> extends Values {
  protected min: Value | number = Number.POSITIVE_INFINITY;
  protected max: Value | number = Number.NEGATIVE_INFINITY;
  #fileMin: Value | number = Number.POSITIVE_INFINITY;
  #fileMax: Value | number = Number.NEGATIVE_INFINITY;

  /** @param min not above `max` */
  protected abstract encoded(min: Value | number, max: Value | number): Range;

  override takeRange(): Range | undefined {
    const { min, max } = this;
    this.min = Number.POSITIVE_INFINITY;
    this.max = Number.NEGATIVE_INFINITY;
    if (min < this.#fileMin) this.#fileMin = min;
    if (max > this.#fileMax) this.#fileMax = max;
    return this.#rangeOf(min, max);
  }

  override range(): Range | undefined {
    return this.#rangeOf(this.#fileMin, this.#fileMax);
  }

  #rangeOf(min: Value | number, max: Value | number): Range | undefined {
    return min > max ? undefined : this.encoded(min, max);
  }
}

export function mismatch(kind: string, value: unknown): TypeError {
  return new TypeError(`A ${typeof value} (${String(value).slice(0, 100)}) can't be stored as ${kind}.`);
}
