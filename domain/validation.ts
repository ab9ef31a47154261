import { isUtf8 } from 'node:buffer';
import type * as z from 'zod';
import type { Dataset } from './dataset.ts';
import { EXCERPT_BYTES, MAX_RECORD_BYTES, type RawRecord } from './decoding/record.ts';
import type { Problem, Reject, RejectCode } from './reject.ts';

/** How many problems of one record are listed. */
const MAX_PROBLEMS = 10;

/** A valid record as a line of a part, or why it is none. */
export type Validated = { readonly line: string } | { readonly reject: Reject };

/**
 * Parses and validates one record.
 *
 * @param recordNumber the record's position in its object, from 1
 * @returns the record, with unknown fields dropped, as a line of a part; or its reject
 */
export function validate(dataset: Dataset, raw: RawRecord, recordNumber: number): Validated {
  const refuse = (code: RejectCode, message: string): Validated => ({
    reject: {
      recordNumber,
      path: '',
      code,
      message,
      excerpt: raw.bytes.subarray(0, EXCERPT_BYTES).toString('utf8'),
    },
  });
  if (raw.length > MAX_RECORD_BYTES) {
    return refuse('record_too_large', `The record has ${raw.length} bytes; ${MAX_RECORD_BYTES} are allowed.`);
  }
  if (!isUtf8(raw.bytes))
    return refuse('invalid_utf8', 'The record is not UTF-8. Convert the file (iconv -t utf-8).');
  const json = raw.bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    if (raw.unterminated) return refuse('truncated', 'The file ends within this record.');
    return refuse('malformed_json', `The record is not JSON: ${(error as Error).message}.`);
  }
  let line: string;
  try {
    const result = dataset.record.safeParse(value);
    if (!result.success) {
      const [first, ...further] = problemsOf(result.error, value);
      return { reject: { recordNumber, ...first, ...(further.length > 0 && { further }), json } };
    }
    line = `[${recordNumber},${JSON.stringify(result.data)}]`;
  } catch (error) {
    // A check of the dataset's own that throws, or nesting too deep to be printed: no more than this record's fault.
    const message = `The ${dataset.name} record could not be checked: ${(error as Error).message}.`;
    return { reject: { recordNumber, path: '', code: 'invalid_value', message, json } };
  }
  if (hasUnpairedSurrogate(line)) {
    const message = 'A text of the record has half of a surrogate pair: no UTF-8 can hold it.';
    return { reject: { recordNumber, path: '', code: 'unpaired_surrogate', message, json } };
  }
  return { line };
}

/** `JSON.stringify` writes nothing but unpaired surrogates as `\ud…`; a doubled backslash before it is a text's own. */
function hasUnpairedSurrogate(line: string): boolean {
  return line.includes('\\ud') && /(?<!\\)(?:\\\\)*\\ud/.test(line);
}

/** What zod found wrong, in our codes; at least one problem. */
export function problemsOf(error: z.core.$ZodError, value: unknown): [Problem, ...Problem[]] {
  const [first, ...further] = error.issues.slice(0, MAX_PROBLEMS).map((issue) => {
    const code = codeOf(issue, value);
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

function codeOf(issue: z.core.$ZodIssue, value: unknown): RejectCode {
  switch (issue.code) {
    case 'invalid_type':
      return isMissing(value, issue.path) ? 'missing_field' : 'wrong_type';
    case 'too_small':
      return issue.minimum === 1 && (issue.origin === 'array' || issue.origin === 'string')
        ? 'empty'
        : 'too_small';
    case 'too_big':
      return 'too_large';
    case 'custom':
      return issue.params?.['code'] === 'empty' ? 'empty' : 'invalid_value';
    default:
      return 'invalid_value';
  }
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let at: unknown = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return false;
    at = Object.hasOwn(at, step) ? (at as Record<PropertyKey, unknown>)[step] : undefined;
  }
  return at === undefined;
}
