import { isBase64 } from '../domain/base64.ts';
import type { DecimalType, NestedKind } from '../domain/column-type.ts';
import type { Column, ColumnType } from '../domain/columns.ts';
import { isDecimal } from '../domain/decimal.ts';
import { instantText, microsecondsOf } from '../domain/instant.ts';
import { longOf } from '../domain/long.ts';

/** The types of text in CSV and in keys: no lists and structs. */
type ScalarKind = Exclude<ColumnType['kind'], NestedKind | 'decimal'>;

/**
 * A value as text that MySQL, Redshift and DuckDB read. Timestamps are UTC in SQL's notation.
 *
 * @throws {TypeError} if the value is not of the column's type
 */
export function textOf({ name, type }: Column, value: unknown): string {
  const { kind } = type;
  switch (kind) {
    case 'string':
    case 'date':
      if (typeof value === 'string') return value;
      break;
    case 'timestamp': {
      const micros = microsecondsOf(value);
      if (micros !== undefined) return instantText(micros).replace('T', ' ').replace('Z', '');
      break;
    }
    case 'binary':
      if (isBase64(value)) return value;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return String(value);
      break;
    case 'int64':
      if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return String(value);
      if (Number.isSafeInteger(value)) return String(value);
      break;
    case 'decimal':
      if (isDecimal(value, type)) return value;
      break;
    case 'int32':
      if (Number.isSafeInteger(value)) return String(value);
      break;
    case 'double':
      // `String` would lose the sign of negative zero.
      if (Object.is(value, -0)) return '-0';
      if (Number.isFinite(value)) return String(value);
      break;
  }
  throw new TypeError(`${name} is ${String(value).slice(0, 100)}, which can't be stored as ${kind}.`);
}

/** Reads a text of `textOf`. @throws {TypeError} if `textOf` can't have written it */
export function parseText({ name, type }: Column, text: string): unknown {
  const { kind } = type;
  const value = kind === 'decimal' ? decimal(type, text) : parsers[kind as ScalarKind]?.(text);
  if (value === undefined || Number.isNaN(value))
    throw new TypeError(`${name} is ${JSON.stringify(text.slice(0, 100))}, which is not a ${kind}.`);
  return value;
}

const number = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

const decimal = (type: DecimalType, text: string) => (isDecimal(text, type) ? text : undefined);

const parsers: Readonly<Record<ScalarKind, (text: string) => unknown>> = {
  string: (text) => text,
  date: (text) => text,
  binary: (text) => (isBase64(text) ? text : undefined),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  int32: number,
  int64: (text) => (/^-?\d+$/.test(text) ? longOf(BigInt(text)) : undefined),
  double: number,
  timestamp: (text) => {
    const micros = microsecondsOf(text.replace(' ', 'T'));
    return micros === undefined ? undefined : instantText(micros);
  },
};
