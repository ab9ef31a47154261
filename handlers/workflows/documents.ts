import type * as z from 'zod';
import type { ObjectStore } from '../edges/object-store.ts';

/** What an execution has written down, as JSON; `undefined` when there is no such object. */
export async function findDocument<Schema extends z.ZodType>(
  store: ObjectStore,
  bucket: string,
  key: string,
  schema: Schema,
): Promise<z.infer<Schema> | undefined> {
  const found = await store.find(bucket, key);
  return found && schema.parse(JSON.parse(found.text));
}

/** @throws {Error} when there is no such object */
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

export function writeDocument(
  store: ObjectStore,
  bucket: string,
  key: string,
  content: object,
): Promise<void> {
  return store.write({ bucket, key, body: JSON.stringify(content), contentType: 'application/json' });
}
