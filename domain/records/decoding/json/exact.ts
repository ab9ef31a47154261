import { inexactMessage, isExact } from '../../number-text.ts';

/**
 * Replaces a number in a record that no double can hold. It is a function, since no schema accepts a function
 * for anything in JSON: a field that wants a number, an object or text refuses it, and in a field that nobody
 * reads it does no harm. `String` gives the digits of the input. Converting it to a number or writing it as
 * JSON throws, so that it can't change unnoticed.
 */
export interface InexactNumber {
  (): void;
  readonly text: string;
}

/** Thrown if an inexact number would be used in a computation or written. */
export class InexactNumberError extends Error {
  override readonly name = 'InexactNumberError';
  readonly number: InexactNumber;

  constructor(number: InexactNumber) {
    super(inexactMessage(number.text));
    this.number = number;
  }
}

/** JSON has no other functions. */
export function isInexactNumber(value: unknown): value is InexactNumber {
  return typeof value === 'function';
}

function inexactNumber(text: string): InexactNumber {
  const refuse = (): never => {
    throw new InexactNumberError(number);
  };
  const number: InexactNumber = Object.assign(() => {}, {
    text,
    toJSON: refuse,
    [Symbol.toPrimitive]: (hint: string) => (hint === 'string' ? text : refuse()),
  });
  return number;
}

/**
 * Parses JSON; numbers that no double holds become `InexactNumber`. `isExact`: it surely has none.
 *
 * @throws {SyntaxError} if it is not JSON @throws {RangeError} if it has such a number and is nested
 * thousands of levels deep
 */
export function parseExactly(json: string): { readonly value: unknown; readonly isExact: boolean } {
  if (!mayHaveInexactNumber(json)) return { value: JSON.parse(json), isExact: true };
  const value = json.includes(MARK)
    ? JSON.parse(json, withInexactNumbers)
    : unmarked(JSON.parse(json.replace(TEXT_OR_NUMBER, marked)));
  return { value, isExact: false };
}

/**
 * A text that begins with it is an inexact number in disguise: a reviver for each value would take several
 * times as long as a search for the numbers. No text of JSON has the character itself.
 */
const MARK = '\\u0000';
/** A text, or a number of JSON where a value may be: else a number in a wrong place would become right. */
const TEXT_OR_NUMBER =
  /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|(?<![^\s:,[])-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=\s*(?:[,}\]]|$))/g;

function marked(token: string): string {
  return token.startsWith('"') || isExact(token) ? token : `"${MARK}${token}"`;
}

function unmarked(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('\0') ? inexactNumber(value.slice(1)) : value;
  if (typeof value !== 'object' || value === null) return value;
  const fields = value as Record<string, unknown>;
  for (const name in fields) {
    const inner = fields[name];
    if (typeof inner === 'object' || (typeof inner === 'string' && inner.startsWith('\0')))
      fields[name] = unmarked(inner);
  }
  return value;
}

function withInexactNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value;
  return isExact(context.source) ? value : inexactNumber(context.source);
}

/** Every inexact number has three digits in a row: in its exponent, or among its sixteen or more digits. */
const THREE_DIGITS = /\d\d\d/;
/**
 * The lookbehind comes after the first digit, so that most of a text is skipped at the speed of a search for
 * digits.
 */
const LONG_NUMBER = /\d(?<=[:,[\s-]\d|^\d)(?:[\d.]{15,}(?:[eE][+-]?\d+)?|[\d.]*[eE][+-]?\d{3,})/g;

/**
 * Whether anything looks like such a number, even within a string: a reviver for every record would take
 * several times as long.
 */
function mayHaveInexactNumber(json: string): boolean {
  if (!THREE_DIGITS.test(json)) return false;
  LONG_NUMBER.lastIndex = 0;
  for (let match = LONG_NUMBER.exec(json); match !== null; match = LONG_NUMBER.exec(json))
    if (!isExact(match[0])) return true;
  return false;
}
