import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { unsupported } from '../core/service-error.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import { account } from '../iam/credentials.ts';
import type { Table } from './tables.ts';

export const paging = z.object({
  MaxResults: z.number().int().min(1).max(1000).default(100),
  NextToken: z.string().optional(),
});
export const inCatalog = z.object({ CatalogId: only(account) });
/** Glue looks names of databases and tables up in lower case. */
const folded = z.string().toLowerCase();
export const inDatabase = inCatalog.extend({ DatabaseName: folded });
export const ofTable = inDatabase.extend({ TableName: folded });
export const namedTable = inDatabase.extend({ Name: folded });
export const namedDatabase = inCatalog.extend({ Name: folded });
/** Parameters for governed tables of Lake Formation. */
export const governed = {
  TransactionId: notServed,
  QueryAsOfTime: notServed,
  AuditContext: harmless('Nothing is audited.'),
};
export const wholeAnswer = harmless('An answer may have more fields than requested.');
/** A partition has all properties of its table except the location. */
const column = z.object({ Name: z.string(), Type: z.string(), Comment: notServed, Parameters: notServed });
export const partitionInput = z.object({
  Values: z.array(z.string()),
  Parameters: only({}),
  LastAccessTime: harmless('Nobody reads it.'),
  LastAnalyzedTime: harmless('Nobody reads it.'),
  StorageDescriptor: z
    .object({
      Location: z.string().optional(),
      Columns: z.array(column).optional(),
      InputFormat: z.string().optional(),
      OutputFormat: z.string().optional(),
      SerdeInfo: z
        .object({
          Name: notServed,
          SerializationLibrary: z.string().optional(),
          Parameters: z.record(z.string(), z.string()).optional(),
        })
        .optional(),
      Parameters: only({}),
      AdditionalLocations: only([]),
      Compressed: only(false),
      NumberOfBuckets: only(-1, 0),
      BucketColumns: only([]),
      SortColumns: only([]),
      SkewedInfo: notServed,
      StoredAsSubDirectories: only(false),
      SchemaReference: notServed,
    })
    .optional(),
});
export type PartitionInput = z.infer<typeof partitionInput>;
type Descriptor = PartitionInput['StorageDescriptor'];
export const values = z.object({ PartitionValues: z.array(z.string()) });
export const named = z.object({ Name: z.string() });

/** @throws ServiceError NotImplemented if a partition's storage would differ from its table's */
export function checkDescriptor(table: Table, { Location: _, ...given }: Descriptor = {}): void {
  const own: Record<string, unknown> = { ...table.definition.StorageDescriptor };
  for (const [name, value] of Object.entries(given))
    if (name in own && !isDeepStrictEqual(value, own[name]))
      throw unsupported(`a partition with another ${name} than its table has`);
}
