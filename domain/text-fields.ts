import * as z from 'zod';

/**
 * What the fields of a CSV record can be: text comes in, and a value of the column's type goes on. An empty field is a
 * missing one, which `.optional()` allows. White space around numbers and booleans doesn't count.
 */

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const MIN_INT32 = -(2 ** 31);
const MAX_INT32 = 2 ** 31 - 1;
/** How much of a wrong text is shown. */
const SHOWN_CHARACTERS = 50;

type Refuse = (issue: z.core.$ZodRawIssue) => never;

/** Text that isn't blank, as it stands: spaces, formulas and all. */
export const text = () =>
  field('string', (content, refuse) =>
    content.trim() === ''
      ? refuse({ code: 'custom', input: content, message: 'is blank', params: { code: 'empty' } })
      : content,
  );

/** A whole number that 32 bits hold; `3.0` is one. */
export const int32 = () =>
  field('int', (content, refuse) => {
    const value = numberOf(content);
    if (!Number.isInteger(value)) return refuse(notA('whole number', content));
    const range = { origin: 'int', input: content, inclusive: true } as const;
    if (value > MAX_INT32) return refuse({ ...range, code: 'too_big', maximum: MAX_INT32 });
    if (value < MIN_INT32) return refuse({ ...range, code: 'too_small', minimum: MIN_INT32 });
    return value;
  });

/** A decimal number, with a point where there is a fraction. Neither NaN nor infinite. */
export const double = () =>
  field('number', (content, refuse) => {
    const value = numberOf(content);
    return Number.isFinite(value) ? value : refuse(notA('number', content));
  });

/** `1` and `true`, `0` and `false`, in any case. */
export const flag = () =>
  field('boolean', (content, refuse) => {
    const value = content.trim().toLowerCase();
    if (value === '1' || value === 'true') return true;
    if (value === '0' || value === 'false') return false;
    return refuse(notA('boolean (0, 1, false or true)', content));
  });

/** One schema a field, not a chain of them: each costs as much as the work that it does. */
function field<Value>(
  expected: 'string' | 'int' | 'number' | 'boolean',
  parse: (content: string, refuse: Refuse) => Value,
) {
  return z.transform((input: unknown, { issues }): Value => {
    const refuse: Refuse = (issue) => {
      issues.push(issue);
      return z.NEVER;
    };
    return typeof input === 'string'
      ? parse(input, refuse)
      : refuse({ code: 'invalid_type', expected, input });
  });
}

function numberOf(content: string): number {
  const trimmed = content.trim();
  return NUMBER.test(trimmed) ? Number(trimmed) : Number.NaN;
}

function notA(what: string, input: string): z.core.$ZodRawIssue {
  const message = `is no ${what}: ${JSON.stringify(input.slice(0, SHOWN_CHARACTERS))}`;
  return { code: 'invalid_type', expected: 'number', input, message };
}
