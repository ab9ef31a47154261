import * as z from 'zod';
import { errorText } from '../../core/service-error.ts';
import type { RoleReader } from '../../s3/api/role-reader.ts';
import { classOf } from '../../s3/api/storage-class.ts';
import { compareKeys } from '../../s3/storage/keys.ts';
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

const listing = z.strictObject({ Bucket: z.string(), Prefix: z.string().default('') });
const object = z.strictObject({ Bucket: z.string(), Key: z.string() });

/** Item readers for the local cloud's buckets ("Step Functions guide: ItemReader (Map)"). */
export function itemSources(reader: RoleReader) {
  return async (resource: string, input: Json): Promise<ItemSource> => {
    try {
      return resource.endsWith(':listObjectsV2')
        ? listed(reader, listing.parse(input))
        : await contained(reader, object.parse(input));
    } catch (error) {
      throw readerFailed(error);
    }
  };
}

const readerFailed = (error: unknown) => new StatesError('States.ItemReaderFailed', errorText(error));

function listed(reader: RoleReader, { Bucket, Prefix }: z.infer<typeof listing>): ItemSource {
  return {
    isAfter: (position, other) => compareKeys(String(position), String(other)) > 0,
    async *read(from) {
      try {
        const after = from === undefined ? undefined : String(from);
        for await (const { key, ...object } of reader.list(Bucket, Prefix, after))
          yield {
            position: key,
            item: {
              Etag: `"${object.etag}"`,
              Key: key,
              LastModified: Math.floor(object.lastModified / 1000),
              Size: object.size,
              StorageClass: classOf(object),
            },
          };
      } catch (error) {
        throw readerFailed(error);
      }
    },
  };
}

/** The items of a JSON array in an object. */
async function contained(reader: RoleReader, { Bucket, Key }: z.infer<typeof object>): Promise<ItemSource> {
  const found = await reader.read(Bucket, Key);
  if (found === undefined) throw new Error(`The specified key does not exist: s3://${Bucket}/${Key}`);
  const items = z.array(json).parse(JSON.parse(new TextDecoder().decode(found)));
  return {
    isAfter: (position, other) => Number(position) > Number(other),
    async *read(from) {
      const start = from === undefined ? 0 : Number(from) + 1;
      for (const [index, item] of items.slice(start).entries()) yield { item, position: start + index };
    },
  };
}
