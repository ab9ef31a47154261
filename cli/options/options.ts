import { InvalidArgumentError } from 'commander';
import { datasets, registry } from '../../datasets/index.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { permanentCodes, transientCodes } from '../../domain/errors.ts';
import { rejectCodes } from '../../domain/records/reject.ts';
import { UserError } from '../terminal/user-error.ts';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `10m`, `2h` or `1d`, as milliseconds. @throws {InvalidArgumentError} */
export function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const scale = Object.entries(unitMs).find(([name]) => name === unit)?.[1];
  if (scale === undefined)
    throw new InvalidArgumentError('Expected a duration, such as 500ms, 30s, 10m, 2h or 1d.');
  return Math.round(Number(number) * scale);
}

/**
 * A date or time as in ISO 8601, or a duration before now, as milliseconds since the epoch.
 *
 * @throws {InvalidArgumentError}
 */
export function pointInTime(text: string): number {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const at = Date.parse(text);
    if (Number.isFinite(at)) return at;
  } else if (/^[\d.]+[a-z]+$/.test(text)) return Date.now() - milliseconds(text);
  throw new InvalidArgumentError(
    'Expected a date, such as 2026-11-22 or 2026-11-22T10:00:00Z, or a duration before now, such as 12h or 7d.',
  );
}

/** A parser of whole numbers that are `least` or more. */
export function whole(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least) return value;
    throw new InvalidArgumentError(`Expected a whole number, ${least} or more.`);
  };
}

/** A parser that accepts only these words. */
export function choice(...words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text;
    throw new InvalidArgumentError(`Expected one of ${words.join(', ')}.`);
  };
}

/** Adds a value to those before, for a repeatable option. */
export function more(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Those of the datasets' own checks. */
const ownCodes = datasets.flatMap(({ checks = [] }) => checks.map(({ code }) => code));

const codes: ReadonlySet<string> = new Set([
  ...rejectCodes,
  ...ownCodes,
  ...permanentCodes,
  ...transientCodes,
]);

/**
 * Adds a code of a reject or fault to those before, for a repeatable option.
 *
 * @throws {InvalidArgumentError}
 */
export function oneMoreCode(code: string, before: readonly string[]): string[] {
  if (codes.has(code)) return [...before, code];
  throw new InvalidArgumentError(`There is no such code. The codes are ${[...codes].sort().join(', ')}.`);
}

/** A code under which receipts count rejected records; of `too_many_rejects` there are no lines. */
const recordCodes: ReadonlySet<string> = new Set([...rejectCodes, ...ownCodes, 'too_many_rejects']);

/**
 * The same, of codes that a record can have.
 *
 * @throws {InvalidArgumentError}
 */
export function oneMoreRecordCode(code: string, before: readonly string[]): string[] {
  if (recordCodes.has(code)) return [...before, code];
  const all = `The codes of records are ${[...recordCodes].sort().join(', ')}.`;
  throw new InvalidArgumentError(
    codes.has(code)
      ? `It is the code of a fault of a whole object. To see faults: npx sluice status. ${all}`
      : `There is no such code. ${all}`,
  );
}

/** A prefix of keys, without the bucket. @throws {InvalidArgumentError} */
export function keyPrefix(text: string): string {
  if (!text.startsWith('s3://')) return text;
  const own = text.replace(/^s3:\/\/[^/]*\/?/, '');
  throw new InvalidArgumentError(`Name the prefix without the bucket: ${JSON.stringify(own)}.`);
}

/** The dataset of this name. @throws {UserError} when there is none */
export function chosenDataset(name: string): Dataset {
  const dataset = registry.named(name);
  if (dataset !== undefined) return dataset;
  throw new UserError(`There is no dataset ${JSON.stringify(name)}. The datasets are ${datasetNames}.`);
}

/** `recipes, passengers` */
export const datasetNames = datasets.map(({ name }) => name).join(', ');
