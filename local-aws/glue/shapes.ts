import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { unsupported } from '../core/service-error.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import { account } from '../iam/credentials.ts';
import type { TableSettings } from './settings.ts';

export const paging = z.object({
  MaxResults: z.number().int().min(1).max(1000).default(100),
  NextToken: z.string().optional(),
});
export const inCatalog = z.object({ CatalogId: only(account) });
export const inDatabase = inCatalog.extend({ DatabaseName: z.string() });
export const ofTable = inDatabase.extend({ TableName: z.string() });
export const namedTable = inDatabase.extend({ Name: z.string() });
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
export function checkDescriptor(table: TableSettings, { Location: _, ...given }: Descriptor = {}): void {
  const own: Record<string, unknown> = storageOf(table, table.location);
  for (const [name, value] of Object.entries(given))
    if (name in own && !isDeepStrictEqual(value, own[name]))
      throw unsupported(`a partition with another ${name} than its table has`);
}

/** The storage descriptor of a table, or of a partition of it. */
export function storageOf(table: TableSettings, Location: string) {
  return {
    Location,
    Columns: table.columns.map(describeColumn),
    InputFormat: table.inputFormat,
    OutputFormat: table.outputFormat,
    SerdeInfo: {
      SerializationLibrary: table.serde.serializationLibrary,
      Parameters: table.serde.parameters,
    },
  };
}

export const describeColumn = ({ name, type }: { readonly name: string; readonly type: string }) => ({
  Name: name,
  Type: type,
});
