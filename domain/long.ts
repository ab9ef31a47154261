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

/** Like `JSON.parse`, but keeps every digit of an integer. @throws {SyntaxError} */
export function parseJson(text: string): unknown {
  return JSON.parse(text, exactly as Parameters<typeof JSON.parse>[1]);
}

/** Like `JSON.stringify`, with bigints as numbers. */
export function jsonOf(value: unknown, indent?: number): string {
  const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };
  return JSON.stringify(
    value,
    (_key, each: unknown) => (typeof each === 'bigint' ? rawJSON(each.toString()) : each),
    indent,
  );
}
