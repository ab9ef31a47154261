import { buffer } from 'node:stream/consumers';
import type { Authorize, Caller } from '../core/call.ts';
import { listObjects } from '../s3/api/listing.ts';
import type { Store } from '../s3/storage/store.ts';

export interface FoundFile {
  readonly key: string;
  readonly size: number;
}

/** The buckets, with the permissions of one role. */
export interface Files {
  list(bucket: string, prefix: string): AsyncGenerator<FoundFile>;
  /** Undefined if it is gone meanwhile. */
  read(bucket: string, key: string, start: number, end: number): Promise<Uint8Array | undefined>;
}

const PAGE = 1_000;

/** Lists and reads with the caller's permissions: each page and each read is authorized, as over HTTP. */
export function filesFor(store: Store, authorize: Authorize, caller: Caller): Files {
  return {
    async *list(bucketName, prefix) {
      const bucket = store.bucket(bucketName);
      let after: Parameters<typeof listObjects>[1]['after'];
      do {
        await authorize({
          caller,
          operation: 'ListObjectsV2',
          action: 's3:ListBucket',
          resource: `arn:aws:s3:::${bucketName}`,
          context: { 's3:prefix': prefix },
        });
        const { entries, next } = listObjects(bucket, { prefix, delimiter: '', limit: PAGE, after });
        for (const { key, object } of entries) yield { key, size: object.size };
        after = next;
      } while (after !== undefined);
    },
    async read(bucketName, key, start, end) {
      const resource = `arn:aws:s3:::${bucketName}/${key}`;
      await authorize({ caller, operation: 'GetObject', action: 's3:GetObject', resource });
      const object = store.bucket(bucketName).current(key);
      return object && buffer(store.blobs.read(object.slices, start, Math.min(end, object.size)));
    },
  };
}
