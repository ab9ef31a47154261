import * as z from 'zod';

export const json = z.json();
export type Json = z.infer<typeof json>;
export type JsonObject = { readonly [name: string]: Json };

/** An error with its name in the States Language, such as `States.Timeout`, and its cause. */
export class StatesError extends Error {
  override readonly name = 'StatesError';
  readonly error: string;

  constructor(error: string, cause: string) {
    super(cause);
    this.error = error;
  }
}

/** Maximum bytes of a state's input, output or result as JSON ("Step Functions guide: Service quotas"). */
const largestPayload = 262_144;

/** @throws {StatesError} States.DataLimitExceeded, which States.ALL does not catch */
export function withinLimit(value: Json, what: string): Json {
  if (!isTooLong(JSON.stringify(value))) return value;
  throw new StatesError('States.DataLimitExceeded', `${what} has more than ${largestPayload} bytes.`);
}

export const isTooLong = (text: string) => Buffer.byteLength(text) > largestPayload;
