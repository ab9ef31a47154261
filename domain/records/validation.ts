import type * as z from 'zod';
import type { Dataset } from '../dataset.ts';
import { errorText } from '../errors.ts';
import { parseFast } from '../fields/fast-record.ts';
import { jsonOf } from '../long.ts';
import { CsvRecord } from './decoding/csv/record.ts';
import type { InputRecord } from './decoding/decode.ts';
import { InexactNumberError, isInexactNumber } from './decoding/json/exact.ts';
import { type Reading, readJson } from './decoding/reading.ts';
import { withJsonTexts } from './json-texts.ts';
import { keepsTexts } from './kept-texts.ts';
import { inexactMessage } from './number-text.ts';
import { type Problem, type Reject, type RejectCode, rejectCodes } from './reject.ts';

/** How many problems of one record are listed at most. */
export const MAX_PROBLEMS = 10;

/** A valid record, or the reject. */
export type Validated = { readonly value: unknown } | { readonly reject: Reject };

/** Reads the value of one record. */
export function readRecord(record: InputRecord): Reading {
  return record instanceof CsvRecord ? record.read() : readJson(record);
}

/**
 * Validates a record that was read.
 *
 * @param recordNumber the record's position in its object, from 1
 * @returns what the dataset's schema makes of it, so that unknown fields are dropped; or its reject
 */
export function validate(dataset: Dataset, reading: Reading, recordNumber: number): Validated {
  if ('code' in reading) return { reject: { recordNumber, path: '', ...reading } };
  const value = withJsonTexts(dataset, reading.value, reading.json);
  try {
    const plain = parseFast(dataset.record, value);
    const result =
      plain === undefined ? dataset.record.safeParse(value) : ({ success: true, data: plain } as const);
    if (!result.success) {
      const [first, ...further] = problemsOf(result.error, value);
      const json = reading.json();
      return { reject: { recordNumber, ...first, ...(further.length > 0 && { further }), json } };
    }
    const isKnown = reading.isPlain && keepsTexts(dataset.record);
    if (isKnown || !hasUnpairedSurrogate(printed(result.data))) return { value: result.data };
  } catch (error) {
    if (error instanceof InexactNumberError) {
      const path = renderPath(pathTo(error.number, value));
      const { message } = error;
      return { reject: { recordNumber, path, code: 'inexact_number', message, json: reading.json() } };
    }
    // A check of the dataset threw, or the nesting is too deep to be printed: only this record is at fault.
    const message = `The ${dataset.name} record could not be checked: ${errorText(error)}.`;
    return { reject: { recordNumber, path: '', code: 'invalid_value', message, json: reading.json() } };
  }
  const message = 'A text of the record has half of a surrogate pair, which is not valid in UTF-8.';
  return { reject: { recordNumber, path: '', code: 'unpaired_surrogate', message, json: reading.json() } };
}

/** @throws {RangeError} if it is nested too deeply @throws {InexactNumberError} if it has such a number */
function printed(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch (error) {
    // It has an integer of 64 bits. Printing these takes longer, and less depth is possible.
    if (error instanceof TypeError) return jsonOf(value);
    throw error;
  }
}

/**
 * `JSON.stringify` writes only unpaired surrogates as `\ud…`; with a doubled backslash before it, it is part
 * of a text.
 */
function hasUnpairedSurrogate(json: string): boolean {
  return json.includes('\\ud') && /(?<!\\)(?:\\\\)*\\ud/.test(json);
}

/** The problems that zod found, with our codes; at least one. */
export function problemsOf(error: z.core.$ZodError, value: unknown): [Problem, ...Problem[]] {
  const [first, ...further] = error.issues.slice(0, MAX_PROBLEMS).map((issue): Problem => {
    const given = at(value, issue.path);
    if (isInexactNumber(given) && !saysWhy(issue)) {
      const message = inexactMessage(given.text);
      return { path: renderPath(issue.path), code: 'inexact_number', message };
    }
    const code = codeOf(issue, given);
    const message = issue.message.replace(/^Invalid input: /, '');
    return {
      path: renderPath(issue.path),
      code,
      message:
        code === 'missing_field' ? message.replace(', received undefined', ', found nothing') : message,
    };
  });
  return [first ?? { path: '', code: 'invalid_value', message: error.message }, ...further];
}

/** Whether one of our fields has looked at the digits of a number. */
function saysWhy(issue: z.core.$ZodIssue): boolean {
  const { code } = issue;
  return code === 'too_big' || code === 'too_small' || (code === 'custom' && 'code' in (issue.params ?? {}));
}

/** `['steps', 2, 'a b']` as `steps[2]["a b"]`. */
export function renderPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(step))) text += text === '' ? String(step) : `.${String(step)}`;
    else text += `[${JSON.stringify(String(step))}]`;
  }
  return text;
}

function codeOf(issue: z.core.$ZodIssue, given: unknown): RejectCode {
  switch (issue.code) {
    case 'invalid_type':
      return given === undefined ? 'missing_field' : 'wrong_type';
    case 'too_small':
      return issue.minimum === 1 && (issue.origin === 'array' || issue.origin === 'string')
        ? 'empty'
        : 'too_small';
    case 'too_big':
      return 'too_large';
    case 'custom':
      return rejectCodes.find((code) => code === issue.params?.['code']) ?? 'invalid_value';
    default:
      return 'invalid_value';
  }
}

/** The value at a path of a record; `undefined` if there is none. */
function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Object.hasOwn(found, step) ? (found as Record<PropertyKey, unknown>)[step] : undefined;
  }
  return found;
}

interface Place {
  readonly value: unknown;
  readonly path: readonly PropertyKey[];
}

/** The path of a value in a record. */
function pathTo(wanted: unknown, record: unknown): readonly PropertyKey[] {
  const open: Place[] = [{ value: record, path: [] }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { value, path } = place;
    if (value === wanted) return path;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, inner] of Object.entries(value))
      open.push({ value: inner, path: [...path, Array.isArray(value) ? Number(key) : key] });
  }
  return [];
}
