import type * as z from 'zod';

/** Thrown when an object that the pipeline wrote is not what its reader takes it for: damaged, or changed by hand. */
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

interface DocumentAddress {
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
    throw new UnreadableDocument(address, (error as Error).message);
  }
  const { data, error } = schema.safeParse(json);
  if (error !== undefined) throw new UnreadableDocument(address, reasonOf(error));
  return data;
}

/**
 * A JSON document as it is written: only what its readers can read. What could not be read again would stop them for
 * good, where a failure to write it is retried.
 *
 * @throws {TypeError} that names the field
 */
export function renderDocument<Schema extends z.ZodType>(schema: Schema, value: z.input<Schema>): string {
  const { error } = schema.safeParse(value);
  if (error !== undefined)
    throw new TypeError(`Not written, since nobody could read it: ${reasonOf(error)}.`);
  return JSON.stringify(value);
}

function reasonOf({ issues: [first] }: z.ZodError): string {
  const path = first?.path.join('.') ?? '';
  return `${path === '' ? 'the whole' : path}: ${first?.message ?? 'invalid'}`;
}
