import type { DecimalType } from './column-type.ts';

/**
 * Decimals are texts with all of their digits after the point: 12.5 is `12.50` in a column that has two of
 * them.
 */

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;

/** The type as SQL, Iceberg and Hive write it. */
export function decimalName({ precision, scale }: DecimalType): string {
  return `decimal(${precision},${scale})`;
}

/** Whether a value is a text of a decimal with all of its digits after the point and none too many before. */
export function isDecimal(value: unknown, { precision, scale }: DecimalType): value is string {
  if (typeof value !== 'string') return false;
  const start = value.charCodeAt(0) === MINUS ? 1 : 0;
  const point = scale === 0 ? value.length : value.length - scale - 1;
  const whole = point - start;
  const isFraction = value.charCodeAt(start) === ZERO;
  if (whole < 1 || (isFraction ? whole > 1 : whole > precision - scale)) return false;
  let isZero = true;
  for (let i = start; i < value.length; i += 1) {
    const character = value.charCodeAt(i);
    if (i === point) {
      if (character !== POINT) return false;
    } else {
      if (character < ZERO || character > ZERO + 9) return false;
      if (character !== ZERO) isZero = false;
    }
  }
  return !(isZero && start === 1);
}

/** The order of two decimals of one type. */
export function compareDecimals(one: string, other: string): number {
  const [isLess, isNegative] = [one.startsWith('-'), other.startsWith('-')];
  if (isLess !== isNegative) return isLess ? -1 : 1;
  const order = one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);
  return isLess ? -order : order;
}

/** The bytes that a whole number of so many digits takes, with its sign. */
export function bytesOfDigits(digits: number): number {
  return Math.ceil((Math.log2(10) * digits + 1) / 8);
}

/** The whole number that a decimal is a power of ten of: 1250 of `12.50`. */
export function unscaled(value: string): bigint {
  return BigInt(value.replace('.', ''));
}

/** The decimal of a whole number: `12.50` of 1250, with two digits after the point. */
export function scaledBy(value: bigint | number, scale: number): string {
  const digits = String(value);
  if (scale === 0) return digits;
  const isNegative = digits.startsWith('-');
  const whole = digits.slice(isNegative ? 1 : 0).padStart(scale + 1, '0');
  return `${isNegative ? '-' : ''}${whole.slice(0, -scale)}.${whole.slice(-scale)}`;
}
