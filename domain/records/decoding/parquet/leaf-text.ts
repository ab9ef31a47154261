import type { SchemaElement } from 'hyparquet';
import { base64Of } from '../../../base64.ts';
import {
  bigEndian,
  dayText,
  decimalWriter,
  doubleText,
  instantText,
  timeText,
  type Unit,
  uuidText,
} from '../as-json/value-texts.ts';
import { typeOf } from './shape.ts';

/** A value, which is not null, as text of JSON. */
export type TextOf = (value: never) => string;

/** Text that is not UTF-8, as its bytes: the library's parser returns these in place of a text. */
export const notText = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** Whether the library is to decode the values as text. */
export const isTextLeaf = (element: SchemaElement): boolean =>
  ['STRING', 'UTF8', 'ENUM', 'JSON'].includes(typeOf(element) ?? '');

/**
 * How the values of a leaf are written, such that a dataset's fields read each one exactly
 * (docs/datasets/types.md): 64-bit integers and decimals with all digits, and instants with those that they
 * have.
 */
export function textOfLeaf(element: SchemaElement): TextOf {
  const { type, logical_type: logical, converted_type: converted, scale = 0 } = element;
  switch (typeOf(element)) {
    case 'STRING':
    case 'UTF8':
    case 'ENUM':
      return JSON.stringify;
    case 'JSON':
      return (value: string) => (isJson(value) ? value : JSON.stringify(value));
    case 'DECIMAL': {
      const write = decimalWriter(scale);
      return type === 'INT32' || type === 'INT64'
        ? (value: number | bigint) => write(BigInt(value))
        : (value: Uint8Array) => write(bigEndian(value));
    }
    case 'DATE':
      return (days: number) => `"${dayText(BigInt(days))}"`;
    case 'TIMESTAMP': {
      const { unit, isAdjustedToUTC } = logical as { unit: Unit; isAdjustedToUTC: boolean };
      return (value: bigint) => instantText(value, unit, isAdjustedToUTC);
    }
    case 'TIMESTAMP_MILLIS':
      return (value: bigint) => instantText(value, 'MILLIS', true);
    case 'TIMESTAMP_MICROS':
      return (value: bigint) => instantText(value, 'MICROS', true);
    case 'TIME':
      return (value: number | bigint) => `"${timeText(BigInt(value), (logical as { unit: Unit }).unit)}"`;
    case 'TIME_MILLIS':
      return (value: number) => `"${timeText(BigInt(value), 'MILLIS')}"`;
    case 'TIME_MICROS':
      return (value: bigint) => `"${timeText(value, 'MICROS')}"`;
    case 'UUID':
      return (value: Uint8Array) => `"${uuidText(value)}"`;
    case 'FLOAT16':
      return (value: Uint8Array) => doubleText(halfOf(value));
  }
  const isUnsigned =
    converted?.startsWith('UINT_') || (logical?.type === 'INTEGER' && logical.isSigned === false);
  switch (type) {
    case 'BOOLEAN':
      return String;
    case 'INT32':
      return isUnsigned ? (value: number) => String(value >>> 0) : String;
    case 'INT64':
      return isUnsigned ? (value: bigint) => String(BigInt.asUintN(64, value)) : String;
    case 'INT96':
      return (nanoseconds: bigint) => instantText(nanoseconds, 'NANOS', true);
    case 'FLOAT':
    case 'DOUBLE':
      return doubleText;
    default:
      return (value: Uint8Array) => `"${base64Of(value)}"`;
  }
}

function isJson(text: unknown): boolean {
  try {
    JSON.parse(text as string);
    return true;
  } catch {
    return false;
  }
}

/** IEEE 754's number of 16 bits. */
function halfOf(bytes: Uint8Array): number {
  const bits = Buffer.from(bytes).readUInt16LE(0);
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * 2 ** -14 * fraction : sign * 2 ** (exponent - 15) * (1 + fraction);
}
