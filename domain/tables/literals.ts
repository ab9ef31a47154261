import { isBase64 } from '../base64.ts';
import type { ColumnType } from '../column-type.ts';
import { isDecimal } from '../decimal.ts';
import { isLonger } from '../fields/texts.ts';
import { instantText, microsecondsOf } from '../instant.ts';
import { jsonOf } from '../long.ts';
import { type StoredColumn, varcharLength } from './mysql.ts';

/** Thrown if a column can't hold its value. */
export class NotStorable extends Error {
  override readonly name = 'NotStorable';
}

const DAY = /^\d{4}-\d\d-\d\d$/;

/** Writes a value as a literal of SQL. @throws {NotStorable} */
export type Literal = (value: unknown) => string;

/** The writer of a column's values, and of NULL if the column allows it. */
export function literalOf(column: StoredColumn): Literal {
  const write = writerOf(column);
  return (value) => {
    if (value !== null && value !== undefined) return write(value);
    if (column.nullable) return 'NULL';
    throw new NotStorable('has no value and is required');
  };
}

function writerOf({ kind, type, of }: StoredColumn): Literal {
  switch (kind) {
    case 'string': {
      const length = varcharLength(type);
      return length === undefined ? text : boundedText(length);
    }
    case 'int32':
      return integer(-(2n ** 31n), 2n ** 31n - 1n);
    case 'int64':
      return integer(-(2n ** 63n), 2n ** 63n - 1n);
    case 'decimal':
      return decimal(type);
    case 'double':
      return double;
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? (value ? '1' : '0') : mismatch('boolean', value));
    case 'date':
      return (value) => `'${dayOf(value)}'`;
    case 'timestamp':
      return (value) => `'${timeOf(value)}'`;
    case 'binary':
      return (value) =>
        isBase64(value)
          ? `x'${Buffer.from(value, 'base64').toString('hex')}'`
          : mismatch('text in base64', value);
    case 'struct':
    case 'map':
      return jsonOfType(of);
    // A nested list, or the number of elements of a list with its own table.
    case 'list':
      return type === 'JSON'
        ? jsonOfType(of)
        : (value) => (Array.isArray(value) ? `${value.length}` : mismatch('list', value));
  }
}

/** Characters that must be escaped in a text (MySQL reference manual, "String Literals"). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the server reads Control-Z and others as more than themselves.
const special = /[\0\b\t\n\r\u001a"'\\]/;
const everySpecial = new RegExp(special, 'g');
const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\u001a': '\\Z',
  '"': '\\"',
  "'": "\\'",
  '\\': '\\\\',
};

function text(value: unknown): string {
  if (typeof value !== 'string') return mismatch('text', value);
  return special.test(value)
    ? `'${value.replace(everySpecial, (character) => escapes[character] ?? character)}'`
    : `'${value}'`;
}

function boundedText(most: number): Literal {
  return (value) => {
    if (typeof value === 'string' && isLonger(value, most))
      throw new NotStorable(`has ${[...value].length} characters; the column holds ${most}`);
    return text(value);
  };
}

function integer(least: bigint, most: bigint): Literal {
  return (value) => {
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return mismatch('whole number', value);
    const whole = value as number | bigint;
    if (whole < least || whole > most)
      throw new NotStorable(`is ${whole}; the column holds ${least} to ${most}`);
    return `${whole}`;
  };
}

/** @param type in SQL @returns a writer that refuses what the server would round */
function decimal(type: string): Literal {
  const [precision = 0, scale = 0] = type.match(/\d+/g)?.map(Number) ?? [];
  return (value) =>
    isDecimal(value, { kind: 'decimal', precision, scale }) ? value : mismatch(`decimal of ${type}`, value);
}

/**
 * Has an exponent, so that the server reads a double; `0.1` would be read as a decimal first. Negative zero
 * becomes zero, since not every server preserves it.
 */
function double(value: unknown): string {
  if (typeof value !== 'number' || !Number.isFinite(value)) return mismatch('finite number', value);
  const digits = `${value}`;
  return digits.includes('e') ? digits : `${digits}e0`;
}

function dayOf(value: unknown): string {
  return typeof value === 'string' && DAY.test(value) ? value : isoTime(value).slice(0, 10);
}

/**
 * `2026-11-22 10:30:00.000`, with six digits only if three are too few: the hash of a row is made of it, and
 * older rows have three.
 */
function timeOf(value: unknown): string {
  return isoTime(value).slice(0, -1).replace('T', ' ').replace(/000$/, '');
}

/** Text as `2026-11-22T10:30:00.000000Z`; a time without an offset is UTC, as in the Parquet files. */
function isoTime(value: unknown): string {
  const micros = microsecondsOf(value);
  if (micros === undefined) return mismatch('date or time', value);
  const iso = instantText(micros);
  if (/^[+-]/.test(iso))
    throw new NotStorable(`is in the year ${iso.slice(0, 7)}; the column holds 0 to 9999`);
  return iso;
}

function jsonOfType(type: ColumnType): Literal {
  return hasMap(type) ? (value) => json(inOrder(value, type)) : json;
}

function json(value: unknown): string {
  return text(jsonOf(value));
}

/**
 * A value of a column of JSON with its names in one order, since MySQL sorts them: those of a struct in the
 * schema's, in which a row has them, and those of a map sorted.
 */
export function inOrder(value: unknown, type: ColumnType): unknown {
  if (type.kind === 'list' && Array.isArray(value)) return value.map((each) => inOrder(each, type.element));
  if (typeof value !== 'object' || value === null) return value;
  const { ...rest } = value as Record<string, unknown>;
  if (type.kind === 'map')
    return Object.fromEntries(
      Object.keys(rest)
        .sort()
        .map((name) => [name, inOrder(rest[name], type.value)]),
    );
  if (type.kind !== 'struct') return value;
  const ordered: Record<string, unknown> = {};
  for (const { name, type: field } of type.fields) {
    if (!Object.hasOwn(rest, name)) continue;
    ordered[name] = inOrder(rest[name], field);
    delete rest[name];
  }
  return { ...ordered, ...rest };
}

/** Whether values of the type have names in no order of the schema's. */
function hasMap(type: ColumnType): boolean {
  switch (type.kind) {
    case 'map':
      return true;
    case 'list':
      return hasMap(type.element);
    case 'struct':
      return type.fields.some((field) => hasMap(field.type));
    default:
      return false;
  }
}

function mismatch(wanted: string, value: unknown): never {
  throw new NotStorable(`is not a ${wanted}: ${typeof value} ${String(value).slice(0, 100)}`);
}
