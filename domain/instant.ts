import type { Long } from './long.ts';

/**
 * Instants are texts of ISO 8601 in rows, and microseconds since 1970 in files. Those that the pipeline
 * writes are in UTC with six digits after the second, so that equal instants are equal texts, in their order.
 */

const INSTANT = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
/** No shorter text has digits below the millisecond. */
const MILLISECONDS_LENGTH = '2026-01-31T10:30:00.000Z'.length;
const BELOW_MILLISECOND = /\.\d{3}(\d{1,3})/;
/** A time without an offset is UTC; JavaScript would read it as local time. */
const inUtc = (time: string): string => (/T[^Z+-]*$/.test(time) ? `${time}Z` : time);

/** Milliseconds since the epoch of a text of ISO 8601; NaN of anything else. */
export function millisecondsOf(value: unknown): number {
  return typeof value === 'string' ? Date.parse(inUtc(value)) : Number.NaN;
}

/** Microseconds since the epoch of a text of ISO 8601, without finer digits; `undefined` of anything else. */
export function microsecondsOf(value: unknown): Long | undefined {
  const ms = millisecondsOf(value);
  if (Number.isNaN(ms)) return undefined;
  const text = value as string;
  const [, digits = ''] = (text.length > MILLISECONDS_LENGTH && BELOW_MILLISECOND.exec(text)) || [];
  const below = digits === '' ? 0 : Number(digits.padEnd(3, '0'));
  const micros = ms * 1000 + below;
  return Number.isSafeInteger(micros) ? micros : BigInt(ms) * 1000n + BigInt(below);
}

/** The text of an instant. @throws {RangeError} beyond the years 1 to 9999, which have four digits */
export function instantText(microseconds: Long): string {
  const micros = BigInt(microseconds);
  const below = ((micros % 1000n) + 1000n) % 1000n;
  const text = new Date(Number((micros - below) / 1000n)).toISOString();
  return `${text.slice(0, -1)}${String(below).padStart(3, '0')}Z`;
}

/** Whether a text has the form that `instantText` writes. */
export function isInstantText(value: unknown): value is string {
  return typeof value === 'string' && INSTANT.test(value) && isCanonical(value);
}

/** Whether there is such a day and such a time: else another one would come back. */
function isCanonical(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19);
}
