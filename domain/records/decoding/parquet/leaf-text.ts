import type { SchemaElement } from 'hyparquet';
import { base64Of } from '../../../base64.ts';
import { fault } from './fault.ts';
import { typeOf } from './shape.ts';

/** A value, which is not null, as text of JSON. */
export type TextOf = (value: never) => string;

/** Text that is not UTF-8, as its bytes: the library's parser returns these in place of a text. */
export const notText = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** How many digits of a second a unit has. */
const digits = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const;
type Unit = keyof typeof digits;

const MICROS_DIGITS = 6;
const SECONDS_A_DAY = 86_400n;

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
    case 'DECIMAL':
      if (!(Number.isInteger(scale) && scale >= 0 && scale <= 76))
        throw fault('corrupt_file', `A decimal in the Parquet file has ${scale} digits after the point.`);
      return type === 'INT32' || type === 'INT64'
        ? (value: number | bigint) => decimalText(BigInt(value), scale)
        : (value: Uint8Array) => decimalText(bigEndian(value), scale);
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

/** JSON has neither infinity nor NaN: they are texts, which no field of numbers takes. */
function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function decimalText(unscaled: bigint, scale: number): string {
  const isNegative = unscaled < 0n;
  const all = String(isNegative ? -unscaled : unscaled).padStart(scale + 1, '0');
  const whole = all.slice(0, all.length - scale);
  return `${isNegative ? '-' : ''}${whole}${scale === 0 ? '' : `.${all.slice(-scale)}`}`;
}

/** Twice what a decimal of the most digits takes, which is 76 (Arrow's decimal256). */
const MOST_DECIMAL_BYTES = 64;

function bigEndian(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  if (bytes.length > MOST_DECIMAL_BYTES)
    throw fault('corrupt_file', `A decimal of the Parquet file has ${bytes.length} bytes.`);
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

/** @param days since 1970 */
function dayText(days: bigint): string {
  const date = new Date(Number(days) * 86_400_000);
  return Number.isNaN(date.getTime()) ? `day ${days} since 1970` : (date.toISOString().split('T')[0] ?? '');
}

/** In microseconds, unless there are digits below them; without `Z` if it is a time of no known clock. */
function instantText(value: bigint, unit: Unit, isUtc: boolean): string {
  const aDay = SECONDS_A_DAY * 10n ** BigInt(digits[unit]);
  const time = ((value % aDay) + aDay) % aDay;
  return `"${dayText((value - time) / aDay)}T${timeText(time, unit)}${isUtc ? 'Z' : ''}"`;
}

function timeText(value: bigint, unit: Unit): string {
  const scale = digits[unit];
  const all = String(value).padStart(scale + 1, '0');
  const seconds = Number(all.slice(0, -scale));
  const fraction = all.slice(-scale).padEnd(MICROS_DIGITS, '0');
  const two = (part: number) => String(part).padStart(2, '0');
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return `${clock}.${/^\d{6}000$/.test(fraction) ? fraction.slice(0, MICROS_DIGITS) : fraction}`;
}

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
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
