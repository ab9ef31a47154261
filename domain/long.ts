/**
 * A 64-bit integer: a number where that is exact, otherwise a bigint. So equal integers are `===`, and can be
 * keys of a Map. Our own ids have 52 bits; other writers' ids have 63.
 */
export type Long = number | bigint;

/** The one form of an integer, see `Long`. */
export function longOf(value: bigint): Long {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/**
 * `JSON.parse` tells a reviver the number's own digits (ECMAScript proposal "JSON.parse source text access").
 */
type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown;

const exactly: Reviver = (_key, value, { source }) =>
  typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
    ? longOf(BigInt(source))
    : value;

/** What an integer has that is not safe, which are those from 9007199254740992 on. */
const MANY_DIGITS = /9\d{15}|\d{17}/;

/** Like `JSON.parse`, but keeps every digit of an integer. @throws {SyntaxError} */
export function parseJson(text: string): unknown {
  // A reviver costs several times as much as all the rest.
  if (!MANY_DIGITS.test(text)) return JSON.parse(text);
  return JSON.parse(text, exactly as Parameters<typeof JSON.parse>[1]);
}

/** Like `JSON.stringify`, with bigints as numbers. */
export function jsonOf(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch (error) {
    // A bigint is rare, and looking for one costs as much as all the rest.
    if (!(error instanceof TypeError)) throw error;
  }
  const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };
  return JSON.stringify(
    value,
    (_key, each: unknown) => (typeof each === 'bigint' ? rawJSON(each.toString()) : each),
    indent,
  );
}
