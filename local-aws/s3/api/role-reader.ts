import { buffer } from 'node:stream/consumers';
import { type Authorize, authorizeAction, type Caller } from '../../core/call.ts';
import type { StoredObject } from '../storage/model.ts';
import type { Store } from '../storage/store.ts';
import { arnOf } from './exchange.ts';
import { listObjects } from './listing.ts';
import { checkReadable } from './storage-class.ts';

export type FoundObject = Pick<StoredObject, 'etag' | 'lastModified' | 'size' | 'storageClass'> & {
  readonly key: string;
};

/** The buckets, with the permissions of one role. */
export interface RoleReader {
  /** The objects after a key, in order; without a key, all. */
  list(bucket: string, prefix: string, after?: string): AsyncGenerator<FoundObject>;
  /** The bytes from `start` to before `end`; undefined if there is no such object. */
  read(bucket: string, key: string, start?: number, end?: number): Promise<Uint8Array | undefined>;
}

const PAGE = 1_000;

/** Reads with the caller's permissions: each page and each read is authorized, as over HTTP. */
export function roleReader(store: Store, authorize: Authorize, caller: Caller): RoleReader {
  return {
    async *list(bucket, prefix, from) {
      let after: Parameters<typeof listObjects>[1]['after'] =
        from === undefined ? undefined : { key: from, common: false };
      do {
        await authorize({
          caller,
          operation: 'ListObjectsV2',
          action: 's3:ListBucket',
          resource: `arn:aws:s3:::${bucket}`,
          context: { 's3:prefix': prefix },
        });
        const selection = { prefix, delimiter: '', limit: PAGE, after };
        const { entries, next } = listObjects(store.bucket(bucket), selection);
        for (const { key, object } of entries) {
          const { etag, lastModified, size, storageClass } = object;
          yield { key, etag, lastModified, size, storageClass };
        }
        after = next;
      } while (after !== undefined);
    },
    async read(bucket, key, start = 0, end = Number.POSITIVE_INFINITY) {
      await authorizeAction(authorize, caller, 's3:GetObject', arnOf(bucket, key));
      const object = store.bucket(bucket).current(key);
      if (object) checkReadable(object, store.now());
      return object && buffer(store.blobs.read(object.slices, start, Math.min(end, object.size)));
    },
  };
}
