import { readVarInt } from 'hyparquet/src/thrift.js';

/** Where the next byte is read, as the library does. */
export interface Reader {
  readonly view: DataView;
  offset: number;
}

/** Thrown if there are more values than allowed. */
export class TooMany extends Error {
  override readonly name = 'TooMany';
}

/** A whole number of 64 bits has no more. */
const MOST_DIGITS = 10;
/** What Parquet has is not half as deep. */
const MAX_DEPTH = 32;

/**
 * Checks a struct of Thrift's compact protocol before the library reads it, which makes an object of every
 * struct, and a number of as many digits as there are: a megabyte of them takes it minutes.
 *
 * @param most values @throws {Error} if there are more, or the bytes end before
 */
export function checkStruct({ view, offset }: Reader, most: number): void {
  const reader = { view, offset };
  let left = most;

  function number(): number {
    const start = reader.offset;
    const value = readVarInt(reader);
    if (reader.offset - start > MOST_DIGITS) throw new Error('a number has too many digits');
    return value;
  }

  function skip(count: number): void {
    if (count < 0 || reader.offset + count > view.byteLength) throw new Error('a value goes beyond the end');
    reader.offset += count;
  }

  function struct(depth: number): void {
    if (depth > MAX_DEPTH) throw new Error('it is nested too deeply');
    for (;;) {
      const field = view.getUint8(reader.offset);
      skip(1);
      const type = field & 0x0f;
      if (type === 0) return;
      if (field >>> 4 === 0) number();
      // Booleans are in the type.
      if (type > 2) value(type, depth);
    }
  }

  function list(depth: number): void {
    const head = view.getUint8(reader.offset);
    skip(1);
    const length = head >>> 4 === 15 ? number() : head >>> 4;
    for (let i = 0; i < length; i += 1) value(Math.max(3, head & 0x0f), depth + 1);
  }

  function value(type: number, depth: number): void {
    left -= 1;
    if (left < 0) throw new TooMany(`it has more than ${most} values`);
    if (type === 3) skip(1);
    else if (type < 7) number();
    else if (type === 7) skip(8);
    else if (type === 8) skip(number());
    else if (type === 9 && depth <= MAX_DEPTH) list(depth);
    else if (type === 12) struct(depth + 1);
    else throw new Error('a value has no known type');
  }

  struct(0);
}
