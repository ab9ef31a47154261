import * as z from 'zod';
import { inexactMessage, isExact, isNumber } from './number-text.ts';

/**
 * Schemas for the fields of a CSV record: they turn text into a value of the column's type. An empty field
 * counts as missing, which `.optional()` allows. White space around numbers and booleans is ignored.
 */

const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;
/** How much of a wrong text a message shows. */
const SHOWN_CHARACTERS = 50;

type Refuse = (issue: z.core.$ZodRawIssue) => never;

/** Text that isn't blank, unchanged: with its spaces, even if it is a formula. */
export const text = () =>
  field('string', (content, refuse) =>
    content.trim() === ''
      ? refuse({ code: 'custom', input: content, message: 'is blank', params: { code: 'empty' } })
      : content,
  );

/** A whole number that 32 bits hold; `3.0` is one. */
export const int32 = () =>
  field('int', (content, refuse) => {
    const digits = content.trim();
    const value = isNumber(digits) ? Number(digits) : Number.NaN;
    const range = { origin: 'int', input: content, inclusive: true } as const;
    if (value > MAX_INT32) return refuse({ ...range, code: 'too_big', maximum: MAX_INT32 });
    if (value < MIN_INT32) return refuse({ ...range, code: 'too_small', minimum: MIN_INT32 });
    if (!Number.isInteger(value)) return refuse(notA('whole number', content));
    return isExact(digits) ? value : refuse(inexact(digits));
  });

/**
 * A decimal number with no more digits than a double holds and a point before a fraction. Neither NaN nor
 * infinite.
 */
export const double = () =>
  field('number', (content, refuse) => {
    const digits = content.trim();
    if (!isNumber(digits)) return refuse(notA('number', content));
    return isExact(digits) ? Number(digits) : refuse(inexact(digits));
  });

const TRUE = /^\s*(?:1(?:\.0*)?|true)\s*$/i;
const FALSE = /^\s*(?:0(?:\.0*)?|false)\s*$/i;

/**
 * `1` and `true`, `0` and `false`, in upper or lower case; also `1.0`, which data frames write for a column
 * with gaps.
 */
export const flag = () =>
  field('boolean', (content, refuse) => {
    if (TRUE.test(content)) return true;
    if (FALSE.test(content)) return false;
    return refuse(notA('boolean (0, 1, false or true)', content));
  });

/** Reads a text, or returns the result of `refuse`. */
type Parse<Value> = (content: string, refuse: Refuse) => Value;

const parsers = new WeakMap<z.core.$ZodType, Parse<unknown>>();

/** One schema for a field, not a chain of them: each schema costs as much as the work that it does. */
function field<Value>(expected: 'string' | 'int' | 'number' | 'boolean', parse: Parse<Value>) {
  const schema = z.transform((input: unknown, { issues }): Value => {
    const refuse: Refuse = (issue) => {
      issues.push(issue);
      return z.NEVER;
    };
    return typeof input === 'string'
      ? parse(input, refuse)
      : refuse({ code: 'invalid_type', expected, input });
  });
  parsers.set(schema, parse);
  return schema;
}

function inexact(input: string): z.core.$ZodRawIssue {
  return { code: 'custom', input, message: inexactMessage(input), params: { code: 'inexact_number' } };
}

function notA(what: string, input: string): z.core.$ZodRawIssue {
  const message = `is not a ${what}: ${JSON.stringify(input.slice(0, SHOWN_CHARACTERS))}`;
  return { code: 'invalid_type', expected: 'number', input, message };
}

type ReadRecord = (record: unknown) => Record<string, unknown> | undefined;

const readers = new WeakMap<z.core.$ZodType, ReadRecord>();

/**
 * The schema's result for a record of text fields. `undefined` tells nothing: then the schema itself must be
 * asked, which takes several times as long.
 */
export function parseFast(schema: z.core.$ZodType, record: unknown): Record<string, unknown> | undefined {
  let reader = readers.get(schema);
  if (reader === undefined) {
    reader = readerOf(schema);
    readers.set(schema, reader);
  }
  return reader(record);
}

const REFUSED = Symbol('refused');
const refuse = (() => REFUSED) as () => never;
const never: ReadRecord = () => undefined;

function readerOf(schema: z.core.$ZodType): ReadRecord {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type !== 'object' || def.catchall !== undefined || (def.checks?.length ?? 0) > 0) return never;
  const fields: { readonly name: string; readonly parse: Parse<unknown>; readonly optional: boolean }[] = [];
  for (const [name, declared] of Object.entries(def.shape)) {
    const inner = innerOf(declared);
    const parse = parsers.get(inner) ?? (isPlainText(inner) ? (content: string) => content : undefined);
    if (parse === undefined) return never;
    fields.push({ name, parse, optional: inner !== declared });
  }
  return (record) => {
    if (typeof record !== 'object' || record === null) return undefined;
    const read: Record<string, unknown> = {};
    for (const { name, parse, optional } of fields) {
      const content = (record as Record<string, unknown>)[name];
      if (typeof content !== 'string' && (content !== undefined || !optional)) return undefined;
      const value = content === undefined ? undefined : parse(content, refuse);
      if (value === REFUSED) return undefined;
      read[name] = value;
    }
    return read;
  };
}

/** The schema of an optional field's value. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'optional' && (def.checks?.length ?? 0) === 0 ? def.innerType : schema;
}

function isPlainText(schema: z.core.$ZodType): boolean {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'string' && !('format' in def) && (def.checks?.length ?? 0) === 0;
}
