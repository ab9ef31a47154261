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
