import { fault } from './fault.ts';

/** How many digits of a second a unit has. */
const digits = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const;
export type Unit = keyof typeof digits;

const MICROS_DIGITS = 6;
const SECONDS_A_DAY = 86_400n;
/** Arrow's decimal256 has so many digits. */
const MOST_SCALE = 76;

/** JSON has neither infinity nor NaN: they are texts, which no field of numbers takes. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function decimalText(unscaled: bigint, scale: number): string {
  const isNegative = unscaled < 0n;
  const all = String(isNegative ? -unscaled : unscaled).padStart(scale + 1, '0');
  const whole = all.slice(0, all.length - scale);
  return `${isNegative ? '-' : ''}${whole}${scale === 0 ? '' : `.${all.slice(-scale)}`}`;
}

/** How decimals of a scale are written. @throws {PermanentError} of a scale that none has */
export function decimalWriter(scale: number): (unscaled: bigint) => string {
  if (!(Number.isInteger(scale) && scale >= 0 && scale <= MOST_SCALE))
    throw fault('corrupt_file', `A decimal of the file has ${scale} digits after the point.`);
  return (unscaled) => decimalText(unscaled, scale);
}

/** Twice what a decimal of the most digits takes, which is 76 (Arrow's decimal256). */
const MOST_DECIMAL_BYTES = 64;

export function bigEndian(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  if (bytes.length > MOST_DECIMAL_BYTES)
    throw fault('corrupt_file', `A decimal of the file has ${bytes.length} bytes.`);
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

/** @param days since 1970 */
export function dayText(days: bigint): string {
  const date = new Date(Number(days) * 86_400_000);
  return Number.isNaN(date.getTime()) ? `day ${days} since 1970` : (date.toISOString().split('T')[0] ?? '');
}

/** In microseconds, unless there are digits below them; without `Z` if it is a time of no known clock. */
export function instantText(value: bigint, unit: Unit, isUtc: boolean): string {
  const aDay = SECONDS_A_DAY * 10n ** BigInt(digits[unit]);
  const time = ((value % aDay) + aDay) % aDay;
  return `"${dayText((value - time) / aDay)}T${timeText(time, unit)}${isUtc ? 'Z' : ''}"`;
}

export function timeText(value: bigint, unit: Unit): string {
  const scale = digits[unit];
  const all = String(value).padStart(scale + 1, '0');
  const seconds = Number(all.slice(0, -scale));
  const fraction = all.slice(-scale).padEnd(MICROS_DIGITS, '0');
  const two = (part: number) => String(part).padStart(2, '0');
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return `${clock}.${/^\d{6}000$/.test(fraction) ? fraction.slice(0, MICROS_DIGITS) : fraction}`;
}

export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
