import type * as z from 'zod';
import { parseDocument } from '../domain/versions/document.ts';
import type { ObjectStore } from './object-store.ts';

/** Reads a document; `undefined` if it does not exist. @throws {UnreadableDocument} */
export async function findDocument<Schema extends z.ZodType>(
  store: ObjectStore,
  bucket: string,
  key: string,
  schema: Schema,
): Promise<z.infer<Schema> | undefined> {
  const found = await store.find(bucket, key);
  return found && parseDocument(schema, found.text, { bucket, key });
}

/** @throws {Error} if the document does not exist */
export async function readDocument<Schema extends z.ZodType>(
  store: ObjectStore,
  bucket: string,
  key: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const found = await findDocument(store, bucket, key, schema);
  if (found === undefined) throw new Error(`s3://${bucket}/${key} is gone.`);
  return found;
}

export async function writeDocument(
  store: ObjectStore,
  bucket: string,
  key: string,
  content: object,
): Promise<void> {
  await store.write({ bucket, key, body: JSON.stringify(content), contentType: 'application/json' });
}
