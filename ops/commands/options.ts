import { InvalidArgumentError } from 'commander';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `10m`, `2h` or `1d`, as milliseconds. @throws {InvalidArgumentError} */
export function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const scale = Object.entries(unitMs).find(([name]) => name === unit)?.[1];
  if (scale === undefined)
    throw new InvalidArgumentError('It takes a duration, as 500ms, 30s, 10m, 2h or 1d.');
  return Math.round(Number(number) * scale);
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
