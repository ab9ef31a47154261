import * as z from 'zod';
import type { ColumnType } from '../column-type.ts';
import { isInexactNumber } from '../records/decoding/json/exact.ts';
import { inexactMessage } from '../records/number-text.ts';
import type { RejectCode } from '../records/reject.ts';

/** How much of a wrong text a message shows. */
const SHOWN_CHARACTERS = 50;

export type Refuse = (issue: z.core.$ZodRawIssue) => never;

/** One of the types that `domain/fields.ts` offers, for records and for rows. */
export interface FieldType<Value> {
  /** What a column of it becomes. */
  readonly column: ColumnType;
  /** What to say in a row, if the field is about how a text of a record is written. */
  readonly inRow?: string;
  /** The type that a message asks for if there is none of the values that can be read. */
  readonly expected: z.core.$ZodInvalidTypeExpected;
  /**
   * Reads a value as JSON, CSV or a transform has it, or returns the result of `refuse`. What it returns, it
   * reads as the same.
   *
   * @param input neither null nor undefined
   */
  readonly read: (input: unknown, refuse: Refuse) => Value;
  /**
   * Reads the bytes of a text of ASCII as `read` would read the text, if it is as plain as most are.
   * `undefined` tells nothing.
   */
  readonly readBytes?: ((bytes: Uint8Array, start: number, end: number) => Value | undefined) | undefined;
  /** Whether a value is one that `read` returns. */
  readonly isRead: (value: unknown) => boolean;
}

/** By the function in the schema's definition, which a copy of the schema with further checks shares. */
const types = new WeakMap<object, FieldType<unknown>>();

/** One schema for a field, not a chain of them: each schema costs as much as the work that it does. */
export function field<Value>(type: FieldType<Value>) {
  const { expected, read } = type;
  const schema = z.transform((input: unknown, { issues }): Value => {
    const refuse: Refuse = (issue) => {
      issues.push(issue);
      return z.NEVER;
    };
    return input === undefined || input === null
      ? refuse({ code: 'invalid_type', expected, input })
      : read(input, refuse);
  });
  types.set(schema._zod.def.transform, type);
  return schema;
}

/** What `field` made the schema of, whatever checks it has got since; `undefined` if it did not make it. */
export function fieldTypeOf(schema: z.core.$ZodType): FieldType<unknown> | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === 'transform' ? types.get(def.transform) : undefined;
}

/** The text of a number: of JSON with the digits of the input, of CSV without white space around it. */
export function numberText(input: unknown): string | undefined {
  if (typeof input === 'string') return input.trim();
  if (typeof input === 'number' || typeof input === 'bigint') return String(input);
  return isInexactNumber(input) ? input.text : undefined;
}

/** The issue of a value that has the right type and is not one of ours. */
export function fault(code: RejectCode, input: unknown, message: string): z.core.$ZodRawIssue {
  return { code: 'custom', input, message, params: { code } };
}

export function inexact(text: string): z.core.$ZodRawIssue {
  return fault('inexact_number', text, inexactMessage(text));
}

export function notA(what: string, input: string): z.core.$ZodRawIssue {
  const message = `is not a ${what}: ${JSON.stringify(input.slice(0, SHOWN_CHARACTERS))}`;
  return { code: 'invalid_type', expected: 'number', input, message };
}
