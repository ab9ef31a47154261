import { type Column, isNested } from '../../column-type.ts';
import type { SourceFormat } from '../../source-format.ts';
import { whyNoChecks } from './row-check.ts';

/** What a dataset says of files and records that are not as they should be, as far as it can be wrong. */
interface Contract {
  readonly source: SourceFormat;
  readonly unknown?: 'count' | 'reject' | { readonly rescue: string };
  readonly minRecords?: number;
  readonly maxShrink?: number;
  readonly unique?: readonly string[];
  readonly expectedEvery?: { readonly hours: number };
  readonly checks?: Parameters<typeof whyNoChecks>[0];
}

/** An alarm has an hour more, and a week at most (CloudWatch API, PutMetricAlarm). */
const MOST_HOURS = 7 * 24 - 1;

/** Why a dataset can't have such a contract: a sentence. `undefined` if it can. */
export function whyNoContract(
  { source, unknown, minRecords = 0, maxShrink = 0, unique, expectedEvery, checks = [] }: Contract,
  columns: ReadonlyMap<string, Column>,
): string | undefined {
  if (!(Number.isSafeInteger(minRecords) && minRecords >= 0))
    return 'minRecords must be a whole number, 0 or more.';
  if (!(maxShrink >= 0 && maxShrink <= 1)) return 'maxShrink must be from 0 to 1.';
  const hours = expectedEvery?.hours ?? 1;
  if (!(Number.isSafeInteger(hours) && hours >= 1 && hours <= MOST_HOURS))
    return `expectedEvery.hours must be a whole number from 1 to ${MOST_HOURS}: CloudWatch looks back a week.`;
  if (unique?.length === 0) return 'unique names no column.';
  for (const name of unique ?? []) {
    const type = columns.get(name)?.type;
    if (type === undefined) return `unique: ${name} is not a column of its row.`;
    if (isNested(type) || type.kind === 'binary' || (type.kind === 'string' && type.json))
      return `unique: ${name} has values that can’t be compared: make a part of it, or a hash, a column.`;
  }
  return whyNoChecks(checks, columns) ?? whyNoUnknown(source, unknown, columns);
}

function whyNoUnknown(
  source: SourceFormat,
  unknown: Contract['unknown'],
  columns: ReadonlyMap<string, Column>,
): string | undefined {
  if (unknown === undefined || unknown === 'count') return undefined;
  const isExact = source.format === 'csv' && source.columns !== 'ignore-additional';
  if (isExact)
    return `unknown: a file with other columns is refused as a whole, so no record has any. Declare columns: 'ignore-additional' in its source.`;
  if (unknown === 'reject') return undefined;
  const column = columns.get(unknown.rescue);
  if (column === undefined)
    return `unknown: ${unknown.rescue} is not a column of its row. Add it: ${unknown.rescue}: json().optional().`;
  if (column.type.kind !== 'string' || !column.type.json || !column.nullable)
    return `unknown: ${unknown.rescue} must be json().optional() in its row.`;
  return undefined;
}
