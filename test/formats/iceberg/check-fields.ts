import { expect } from 'vitest';
import type { Column } from '../../../domain/columns.ts';
import { longOf } from '../../../domain/long.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import type { NestedField, StructType } from '../../../domain/tables/schema/types.ts';
import type { DataFile } from '../../../formats/iceberg/manifest/data-file.ts';
import {
  compareValues,
  deserialize,
  type SingleValue,
} from '../../../formats/iceberg/values/single-value.ts';
import { microseconds, wholeNumber } from '../parquet-rows.ts';

/**
 * Expects the statistics of a file to count the values of every column, and to exclude none of them.
 *
 * @param rows of the file, or the structs of a column
 */
export function checkFields(
  file: DataFile,
  { fields }: StructType,
  columns: readonly Column[],
  rows: readonly (Row | null)[],
): void {
  for (const [i, field] of fields.entries()) {
    const column = columns[i] as Column;
    const values = rows.map((row) => row?.[column.name] ?? null);
    if (column.type.kind === 'struct')
      checkFields(file, field.type as StructType, column.type.fields, values as (Row | null)[]);
    else if (column.type.kind !== 'list' && column.type.kind !== 'map')
      checkField(file, field, column, values);
  }
}

function checkField(
  file: DataFile,
  { id, type }: NestedField,
  column: Column,
  values: readonly unknown[],
): void {
  const stored = values.filter((value) => value !== null).map((value) => storedValue(column, value));
  // An older file does not have the column: nothing is known of it, and its values are null.
  if (file.columnSizes?.has(id) !== true) {
    expect([...stored, file.nullValueCounts?.get(id), file.lowerBounds?.get(id)]).toEqual([
      undefined,
      undefined,
    ]);
    return;
  }
  expect(file.valueCounts?.get(id)).toBe(values.length);
  expect(file.nullValueCounts?.get(id)).toBe(values.length - stored.length);
  expect(file.columnSizes?.get(id)).toBeGreaterThan(0);
  const [lower, upper] = [file.lowerBounds, file.upperBounds].map((bounds) => {
    const bytes = bounds?.get(id);
    const value = bytes && deserialize(type as string, bytes);
    return column.type.kind === 'decimal' && value instanceof Uint8Array ? shortest(value) : value;
  });
  const sorted = stored.toSorted(compareValues);
  if (sorted.length === 0) {
    expect([lower, upper]).toEqual([undefined, undefined]);
    return;
  }
  // A query for any of the values finds the file.
  for (const value of stored) {
    expect(compareValues(lower as SingleValue, value)).toBeLessThanOrEqual(0);
    if (upper !== undefined) expect(compareValues(upper, value)).toBeGreaterThanOrEqual(0);
  }
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (column.type.kind === 'binary')
    expect((first as Buffer).subarray(0, (lower as Buffer).length)).toEqual(lower);
  else if (typeof first === 'string') expect(first.startsWith(String(lower))).toBe(true);
  // Zero's sign is widened.
  else
    expect([Number(lower), Number(upper)]).toEqual([
      Number(first) || Number(lower),
      Number(last) || Number(upper),
    ]);
}

/** The whole number of a decimal, in as few bytes as hold it. */
function shortest(bytes: Uint8Array): bigint {
  const value = wholeNumber(bytes);
  if (bytes.length > 1) expect(BigInt.asIntN(8 * (bytes.length - 1), value)).not.toBe(value);
  return value;
}

function storedValue({ type }: Column, value: unknown): SingleValue {
  const { kind } = type;
  if (kind === 'date') return Date.parse(String(value)) / 86_400_000;
  if (kind === 'timestamp') return longOf(microseconds(value));
  if (kind === 'binary') return Buffer.from(String(value), 'base64');
  if (kind === 'decimal') return wholeNumber(value, type.scale);
  // Half a surrogate pair is stored as U+FFFD.
  return kind === 'string' ? Buffer.from(String(value)).toString() : (value as SingleValue);
}
