import type * as z from 'zod';
import { errorText } from '../errors.ts';

/** Thrown when a document that the pipeline wrote can't be read: it is damaged, or was changed by hand. */
export class UnreadableDocument extends Error {
  override readonly name = 'UnreadableDocument';
  readonly key: string;
  readonly reason: string;

  constructor({ bucket, key }: DocumentAddress, reason: string) {
    super(`s3://${bucket}/${key} can’t be read: ${reason}.`);
    this.key = key;
    this.reason = reason;
  }
}

export interface DocumentAddress {
  readonly bucket: string;
  readonly key: string;
}

/** Reads a JSON document. @throws {UnreadableDocument} */
export function parseDocument<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  address: DocumentAddress,
): z.output<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UnreadableDocument(address, errorText(error));
  }
  const { data, error } = schema.safeParse(json);
  if (error !== undefined) throw new UnreadableDocument(address, reasonOf(error));
  return data;
}

/**
 * Renders a JSON document, if its readers can read it. An unreadable document would stop them for good,
 * whereas a failed write is retried.
 *
 * @throws {TypeError} that names the field
 */
export function renderDocument<Schema extends z.ZodType>(schema: Schema, value: z.input<Schema>): string {
  const { error } = schema.safeParse(value);
  if (error !== undefined)
    throw new TypeError(
      `The document was not written, since it could not be read again: ${reasonOf(error)}.`,
    );
  return JSON.stringify(value);
}

function reasonOf({ issues: [first] }: z.ZodError): string {
  const path = first?.path.join('.') ?? '';
  return `${path === '' ? 'the whole' : path}: ${first?.message ?? 'invalid'}`;
}
