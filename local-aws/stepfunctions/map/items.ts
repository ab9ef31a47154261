import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { Authorize, Caller } from '../../core/call.ts';
import { errorText } from '../../core/service-error.ts';
import { listObjects } from '../../s3/api/listing.ts';
import { compareKeys } from '../../s3/storage/keys.ts';
import type { Store } from '../../s3/storage/store.ts';
import { type Json, json, StatesError } from '../json.ts';

/** An item's position in a source: its key in a bucket, or its index in a list. */
export type Position = string | number;

export interface Item {
  readonly item: Json;
  readonly position: Position;
}

/** The source of a distributed map's items. */
export interface ItemSource {
  /** The items after a position, in order; without a position, all. */
  read(after: Position | undefined): AsyncIterable<Item>;
  /** Whether a position is after another one. */
  isAfter(position: Position, other: Position): boolean;
}

const PAGE = 1_000;
const listing = z.strictObject({ Bucket: z.string(), Prefix: z.string().default('') });
const object = z.strictObject({ Bucket: z.string(), Key: z.string() });

/**
 * Item readers for the local cloud's buckets, with a role's permissions ("Step Functions guide: ItemReader
 * (Map)").
 */
export function itemSources(store: Store, authorize: Authorize, caller: Caller) {
  return async (resource: string, input: Json): Promise<ItemSource> => {
    try {
      return resource.endsWith(':listObjectsV2')
        ? listed(store, authorize, caller, listing.parse(input))
        : await contained(store, authorize, caller, object.parse(input));
    } catch (error) {
      throw readerFailed(error);
    }
  };
}

const readerFailed = (error: unknown) => new StatesError('States.ItemReaderFailed', errorText(error));

function listed(
  store: Store,
  authorize: Authorize,
  caller: Caller,
  { Bucket, Prefix }: z.infer<typeof listing>,
): ItemSource {
  return {
    isAfter: (position, other) => compareKeys(String(position), String(other)) > 0,
    async *read(from) {
      let after = from === undefined ? undefined : { key: String(from), common: false };
      do {
        try {
          await authorize({
            caller,
            operation: 'ListObjectsV2',
            action: 's3:ListBucket',
            resource: `arn:aws:s3:::${Bucket}`,
            context: { 's3:prefix': Prefix },
          });
        } catch (error) {
          throw readerFailed(error);
        }
        const selection = { prefix: Prefix, delimiter: '', limit: PAGE, after };
        const { entries, next } = listObjects(store.bucket(Bucket), selection);
        for (const {
          key,
          object: { etag, lastModified, size },
        } of entries)
          yield {
            position: key,
            item: {
              Etag: `"${etag}"`,
              Key: key,
              LastModified: Math.floor(lastModified / 1000),
              Size: size,
              StorageClass: 'STANDARD',
            },
          };
        after = next === undefined ? undefined : { key: next.key, common: false };
      } while (after !== undefined);
    },
  };
}

/** The items of a JSON array in an object. */
async function contained(
  store: Store,
  authorize: Authorize,
  caller: Caller,
  { Bucket, Key }: z.infer<typeof object>,
): Promise<ItemSource> {
  const resource = `arn:aws:s3:::${Bucket}/${Key}`;
  await authorize({ caller, operation: 'GetObject', action: 's3:GetObject', resource });
  const found = store.bucket(Bucket).current(Key);
  if (found === undefined) throw new Error(`The specified key does not exist: s3://${Bucket}/${Key}`);
  const items = z.array(json).parse(JSON.parse(await text(store.blobs.read(found.slices, 0, found.size))));
  return {
    isAfter: (position, other) => Number(position) > Number(other),
    async *read(from) {
      const start = from === undefined ? 0 : Number(from) + 1;
      for (const [index, item] of items.slice(start).entries()) yield { item, position: start + index };
    },
  };
}
