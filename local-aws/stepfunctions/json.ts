import * as z from 'zod';

export const json = z.json();
export type Json = z.infer<typeof json>;
export type JsonObject = { readonly [name: string]: Json };

/** An error by its name in the States Language, such as `States.Timeout`, and what it says. */
export class StatesError extends Error {
  override readonly name = 'StatesError';
  readonly error: string;

  constructor(error: string, cause: string) {
    super(cause);
    this.error = error;
  }
}

/** Bytes that the input, the output or the result of a state may have as JSON ("Step Functions guide: Service quotas"). */
const largestPayload = 262_144;

/** @throws {StatesError} States.DataLimitExceeded, which nothing catches as States.ALL */
export function withinLimit(value: Json, what: string): Json {
  if (!isTooLong(JSON.stringify(value))) return value;
  throw new StatesError('States.DataLimitExceeded', `${what} has more than ${largestPayload} bytes.`);
}

export const isTooLong = (text: string) => Buffer.byteLength(text) > largestPayload;
