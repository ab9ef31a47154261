import { createHash } from 'node:crypto';
import {
  type NewObject,
  type ObjectAddress,
  ObjectNotFound,
  type ObjectStore,
} from '../../handlers/edges/object-store.ts';
import type { StoredObject, WriteCondition } from '../../local/s3/bucket.ts';
import type { Store } from '../../local/s3/store.ts';
import { ServiceError } from '../../local/service-error.ts';
import { AnswerLost, type Network, type Party } from './network.ts';

const metadataPrefix = 'x-amz-meta-';

/** The stages' port to the local cloud's buckets: every call goes through the network. */
export function memoryStore(store: Store, network: Network, caller: Party): ObjectStore {
  const call = <Answer>(
    operation: string,
    bucket: string,
    key: string,
    effect: () => Answer | Promise<Answer>,
  ) => network.call(caller, `${operation} ${bucket}/${key}`, effect);
  const find = (address: ObjectAddress): StoredObject => {
    const version = findVersion(store, address);
    if (version === undefined) throw new ObjectNotFound(address);
    return version;
  };

  // As the edge does it: after 409, with which any conditional write may meet, it is tried again; 412 is an answer.
  const putIf = async (object: NewObject, condition: WriteCondition): Promise<boolean> => {
    for (;;) {
      const status = await call('PutObject on condition', object.bucket, object.key, () =>
        network.happens('refuse') ? 409 : refusedAs(() => put(store, object, 'PutObject', condition)),
      );
      if (status !== 409) return status === 200;
    }
  };

  return {
    async read(address) {
      const { bucket, key } = address;
      const version = await call('GetObject', bucket, key, () => find(address));
      return body(await bytesOf(store, version), network, caller);
    },
    async describe(address) {
      const { bucket, key } = address;
      const { size, headers } = await call('HeadObject', bucket, key, () => find(address));
      return { bytes: size, metadata: metadataOf(headers) };
    },
    exists: (bucket, key) =>
      call('HeadObject', bucket, key, () => store.bucket(bucket).current(key) !== undefined),
    find: (bucket, key) =>
      call('GetObject', bucket, key, async () => {
        const current = store.bucket(bucket).current(key);
        return current && { text: String(await bytesOf(store, current)), etag: current.etag };
      }),
    list: (bucket, prefix) =>
      call('ListObjectsV2', bucket, prefix, () =>
        [...store.bucket(bucket).keys].filter((key) => key.startsWith(prefix)),
      ),
    async remove(bucket, keys) {
      // One request, and yet each key is deleted by itself: the caller may die between two of them.
      for (const key of keys) await call('DeleteObjects', bucket, key, () => remove(store, bucket, key));
    },
    async write(object) {
      await call('PutObject', object.bucket, object.key, () => put(store, object));
    },
    create: (object) => putIf(object, { ifNoneMatch: '*' }),
    replace: (object, etag) => putIf(object, { ifMatch: etag }),
    async copy(from, to) {
      await call('CopyObject', to.bucket, to.key, async () => {
        const source = find(from);
        await putBytes(store, to, await bytesOf(store, source), source.headers, 'CopyObject');
      });
    },
  };
}

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

/** Deletes a key at once, as a DELETE without a version does. */
export async function remove(store: Store, bucketName: string, key: string): Promise<void> {
  const bucket = store.bucket(bucketName);
  const { done } = bucket.remove(key, undefined, store.stamp());
  if (done) await store.commit(bucket, originOf(store), done);
}

function originOf({ accountId }: Store) {
  return { requestId: 'simulation', requester: accountId, sourceIp: '127.0.0.1' };
}

async function putBytes(
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

async function refusedAs(write: () => Promise<unknown>): Promise<number> {
  try {
    await write();
    return 200;
  } catch (error) {
    if (error instanceof ServiceError && (error.status === 409 || error.status === 412)) return error.status;
    throw error;
  }
}

function findVersion(store: Store, { bucket, key, versionId }: ObjectAddress): StoredObject | undefined {
  const version = store
    .bucket(bucket)
    .versions(key)
    .find((each) => each.versionId === versionId);
  return version === undefined || version.marker ? undefined : version;
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

/** Comes in pieces that the seed cuts, and may break off between two of them. */
async function* body(content: Buffer, network: Network, caller: Party): AsyncGenerator<Uint8Array> {
  let rest = content;
  for (let piece = 0; piece < 2 && rest.length > 1; piece += 1) {
    const length = network.random.between(1, rest.length);
    yield rest.subarray(0, length);
    rest = rest.subarray(length);
    if (network.happens('loseAnswer')) {
      network.note(`${caller.name}: the body broke off`);
      throw new AnswerLost('body');
    }
  }
  if (rest.length > 0) yield rest;
}
