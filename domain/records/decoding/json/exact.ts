import { inexactMessage, isExact } from '../../number-text.ts';

/**
 * Stands in a record for a number that no double holds. A function, since no schema takes one for anything that JSON has: so a
 * field that wants a number, an object or a text refuses it, and one that nobody reads does no harm. `String` gives the digits
 * that stood in the input; whoever makes a number of it or writes it as JSON fails, so that it can't change unnoticed.
 */
export interface InexactNumber {
  (): void;
  readonly text: string;
}

/** Thrown where an inexact number would be computed with, or written. */
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
 * Parses JSON; numbers that no double holds become `InexactNumber`.
 *
 * @throws {SyntaxError} when it is no JSON
 * @throws {RangeError} when it has such a number and is nested thousands of levels deep
 */
export function parseExactly(json: string): unknown {
  return mayHaveInexactNumber(json) ? JSON.parse(json, withInexactNumbers) : JSON.parse(json);
}

function withInexactNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value;
  return isExact(context.source) ? value : inexactNumber(context.source);
}

/** In every number that is not exact: in its exponent, or among its sixteen digits or more. */
const THREE_DIGITS = /\d\d\d/;
/** What stands before is looked at after the first digit: so most of a text is passed over at the speed of a search for digits. */
const LONG_NUMBER = /\d(?<=[:,[\s-]\d|^\d)(?:[\d.]{15,}(?:[eE][+-]?\d+)?|[\d.]*[eE][+-]?\d{3,})/g;

/** Whether there is what looks like such a number, be it in a text: a reviver for every record would take several times as long. */
function mayHaveInexactNumber(json: string): boolean {
  if (!THREE_DIGITS.test(json)) return false;
  LONG_NUMBER.lastIndex = 0;
  for (let match = LONG_NUMBER.exec(json); match !== null; match = LONG_NUMBER.exec(json))
    if (!isExact(match[0])) return true;
  return false;
}
