import { InvalidArgumentError } from 'commander';
import { permanentCodes, transientCodes } from '../../domain/errors.ts';
import { rejectCodes } from '../../domain/records/reject.ts';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `10m`, `2h` or `1d`, as milliseconds. @throws {InvalidArgumentError} */
export function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const scale = Object.entries(unitMs).find(([name]) => name === unit)?.[1];
  if (scale === undefined)
    throw new InvalidArgumentError('It takes a duration, as 500ms, 30s, 10m, 2h or 1d.');
  return Math.round(Number(number) * scale);
}

/** A date or time as ISO 8601 has it, or a duration before now, as milliseconds since the epoch. @throws {InvalidArgumentError} */
export function pointInTime(text: string): number {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const at = Date.parse(text);
    if (Number.isFinite(at)) return at;
  } else if (/^[\d.]+[a-z]+$/.test(text)) return Date.now() - milliseconds(text);
  throw new InvalidArgumentError(
    'It takes a date, as 2026-11-22 or 2026-11-22T10:00:00Z, or how long ago, as 12h or 7d.',
  );
}

/** A whole number, at least so large. */
export function whole(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least) return value;
    throw new InvalidArgumentError(`It takes a whole number, ${least} or more.`);
  };
}

/** One of these words. */
export function choice(...words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text;
    throw new InvalidArgumentError(`It takes one of ${words.join(', ')}.`);
  };
}

const codes: ReadonlySet<string> = new Set([...rejectCodes, ...permanentCodes, ...transientCodes]);

/** Another code of a reject or a fault, for an option that may be repeated. @throws {InvalidArgumentError} */
export function oneMoreCode(code: string, before: readonly string[]): string[] {
  if (codes.has(code)) return [...before, code];
  throw new InvalidArgumentError(`There is no such code. There are ${[...codes].sort().join(', ')}.`);
}
