import { type Long, longOf } from '../../../domain/long.ts';

/** A single value as the format stores it: days for a date, microseconds for an instant. */
export type SingleValue = string | Long | boolean | Buffer;

/**
 * A single value as bytes (specification, Appendix D, "Binary single-value serialization"), for bounds.
 *
 * @throws {TypeError} if the value is not of the type, or the type has no such form here
 */
export function serialize(type: string, value: SingleValue): Buffer {
  switch (type) {
    case 'boolean':
      if (typeof value === 'boolean') return Buffer.of(value ? 1 : 0);
      break;
    case 'int':
    case 'date':
      if (typeof value === 'number') return filled(4, (bytes) => bytes.writeInt32LE(value));
      break;
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      if (typeof value === 'number' || typeof value === 'bigint')
        return filled(8, (bytes) => bytes.writeBigInt64LE(BigInt(value)));
      break;
    case 'float':
      if (typeof value === 'number' && !Number.isNaN(value))
        return filled(4, (bytes) => bytes.writeFloatLE(value));
      break;
    case 'double':
      if (typeof value === 'number' && !Number.isNaN(value))
        return filled(8, (bytes) => bytes.writeDoubleLE(value));
      break;
    case 'string':
      if (typeof value === 'string') return Buffer.from(value);
      break;
    default:
      if (value instanceof Uint8Array) return Buffer.from(value);
  }
  throw new TypeError(`${String(value).slice(0, 100)} can't be a bound of a column of type ${type}.`);
}

function filled(size: number, fill: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size);
  fill(bytes);
  return bytes;
}

/**
 * The value of these bytes. Bounds of before a column's type was widened have the older type's length
 * ("Schema Evolution").
 *
 * @throws {Error} if the bytes have another length than a value of the type
 */
export function deserialize(type: string, bytes: Buffer): SingleValue {
  const { length } = bytes;
  switch (type) {
    case 'boolean':
      if (length === 1) return bytes[0] !== 0;
      break;
    case 'int':
    case 'date':
      if (length === 4) return bytes.readInt32LE();
      break;
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      if (length === 4) return bytes.readInt32LE();
      if (length === 8) return longOf(bytes.readBigInt64LE());
      break;
    case 'float':
      if (length === 4) return bytes.readFloatLE();
      break;
    case 'double':
      if (length === 4) return bytes.readFloatLE();
      if (length === 8) return bytes.readDoubleLE();
      break;
    case 'string':
      return bytes.toString('utf8');
    default:
      return bytes;
  }
  throw new Error(`A value of type ${type} can't have ${length} bytes.`);
}

/**
 * The order of two values of a column: numbers by size, with -0 before 0; texts by code points, which is the
 * order of their bytes; false before true.
 */
export function compareValues(one: SingleValue, other: SingleValue): number {
  if (typeof one === 'string' && typeof other === 'string')
    return Buffer.compare(Buffer.from(one), Buffer.from(other));
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other);
  if (one === 0 && other === 0) return Number(Object.is(other, -0)) - Number(Object.is(one, -0));
  return one < other ? -1 : one > other ? 1 : 0;
}
