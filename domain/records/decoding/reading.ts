import { isUtf8 } from 'node:buffer';
import { errorText } from '../../errors.ts';
import type { RejectCode } from '../reject.ts';
import { parseExactly } from './json/exact.ts';
import { mayBecomeJson } from './json/prefix.ts';
import { EXCERPT_BYTES, MAX_RECORD_BYTES, type RawRecord } from './record.ts';

/** The value of a record, or why it can't be read; with its text in the input. */
export type Reading =
  | {
      readonly value: unknown;
      readonly json: () => string;
      /** Whether it has neither a number that no double holds nor, perhaps, half a surrogate pair. */
      readonly isPlain: boolean;
    }
  | (Unreadable & { readonly json?: string; readonly excerpt?: string });

export interface Unreadable {
  readonly code: RejectCode;
  readonly message: string;
}

export function tooLarge(length: number): Unreadable {
  const message = `The record has ${length} bytes; ${MAX_RECORD_BYTES} are allowed.`;
  return { code: 'record_too_large', message };
}

export const notUtf8: Unreadable = {
  code: 'invalid_utf8',
  message: 'The record is not UTF-8. Convert the file (iconv -t utf-8).',
};

const nestedTooDeep: Unreadable = {
  code: 'invalid_value',
  message:
    'The record seems to have a number with too many digits, and is nested too deeply to be searched for it.',
};

/** Reads a record of JSON. */
export function readJson({ bytes, length, unterminated }: RawRecord): Reading {
  const unreadable = (problem: Unreadable): Reading => ({
    ...problem,
    excerpt: bytes.subarray(0, EXCERPT_BYTES).toString('utf8'),
  });
  if (length > MAX_RECORD_BYTES) return unreadable(tooLarge(length));
  if (!isUtf8(bytes) && !(unterminated && breaksOffInCharacter(bytes))) return unreadable(notUtf8);
  const json = bytes.toString('utf8');
  try {
    const { value, isExact } = parseExactly(json);
    return { value, json: () => json, isPlain: isExact && !mayHaveSurrogates(json) };
  } catch (error) {
    if (error instanceof RangeError) return { ...nestedTooDeep, json };
    if (unterminated && mayBecomeJson(json))
      return unreadable({ code: 'truncated', message: 'The file ends within this record.' });
    const message = `The record is not JSON: ${errorText(error)}.`;
    return unreadable({ code: 'malformed_json', message });
  }
}

/** UTF-8 has none, so only an escape can make one. */
const mayHaveSurrogates = (json: string) => json.includes('\\ud') || json.includes('\\uD');

/** Whether the bytes are UTF-8, except for an incomplete last character. */
function breaksOffInCharacter(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
