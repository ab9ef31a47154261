import { createHash } from 'node:crypto';
import type { StoredObject, WriteCondition } from '../../../local-aws/s3/storage/model.ts';
import type { Store } from '../../../local-aws/s3/storage/store.ts';
import type { NewObject } from '../../../store/object-store.ts';

const metadataPrefix = 'x-amz-meta-';

/** Stores an object at once. @returns its version */
export function put(
  store: Store,
  { bucket, key, body: content, contentType, metadata = {} }: NewObject,
  reason: 'PutObject' | 'CopyObject' = 'PutObject',
  condition?: WriteCondition,
): Promise<StoredObject> {
  const headers = Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [metadataPrefix + name, value]),
  );
  const all = { 'content-type': contentType, ...headers };
  return putBytes(store, { bucket, key }, Buffer.from(content), all, reason, condition);
}

/**
 * Deletes a key at once, as a DELETE without a version does; or one version for good.
 *
 * @returns the version that the delete marker has, or that went
 */
export async function remove(
  store: Store,
  bucketName: string,
  key: string,
  versionId?: string,
): Promise<string> {
  const bucket = store.bucket(bucketName);
  const { done, marker = versionId ?? '' } = bucket.remove(key, versionId, store.stamp());
  if (done) await store.commit(bucket, originOf(store), done);
  return marker;
}

function originOf({ accountId }: Store) {
  return { requestId: 'simulation', requester: accountId, sourceIp: '127.0.0.1' };
}

export async function putBytes(
  store: Store,
  to: { readonly bucket: string; readonly key: string },
  content: Buffer,
  headers: Readonly<Record<string, string>>,
  reason: 'PutObject' | 'CopyObject',
  condition?: WriteCondition,
): Promise<StoredObject> {
  const bucket = store.bucket(to.bucket);
  const attempt = condition && bucket.begin(to.key, condition);
  const etag = createHash('md5').update(content).digest('hex');
  try {
    const { version } = await store.take(bucket, originOf(store), inOnePiece(content), (blob) => {
      const slices = [{ blob, size: content.length }];
      const object = { size: content.length, etag, slices, multipart: false, headers };
      return bucket.put(to.key, object, reason, store.stamp(), attempt);
    });
    return version;
  } finally {
    if (attempt) bucket.end(attempt);
  }
}

export async function bytesOf(
  store: Store,
  { slices, size }: Pick<StoredObject, 'slices' | 'size'>,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  if (size > 0) for await (const chunk of store.blobs.read(slices, 0, size)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function metadataOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith(metadataPrefix))
      .map(([name, value]) => [name.slice(metadataPrefix.length), value]),
  );
}

async function* inOnePiece(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
}
