import * as z from 'zod';
import { harmless, notServed } from '../http/parameters.ts';

/** "AWS Glue Developer Guide, Common data types: string patterns". */
const singleLine = /^[\t\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;
const multiLine = /^[\t\r\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

/** Text whose size is limited in bytes. */
const limited = (most: number, least = 0) =>
  z
    .string()
    .min(least)
    .refine((text) => Buffer.byteLength(text) <= most, atMost(most));
const atMost = (most: number) => `Member must have length less than or equal to ${most}`;
const line = (most: number, least = 0) => limited(most, least).regex(singleLine);
/** Glue stores and looks up names in lower case; those of columns too (apache/flink-connector-aws#206). */
const folded = line(255, 1).toLowerCase();

const MOST_KEY_BYTES = 255;
const isKey = (key: string) => key !== '' && Buffer.byteLength(key) <= MOST_KEY_BYTES;
const parameters = z
  .record(z.string(), limited(512_000))
  .refine((given) => Object.keys(given).every(isKey), {
    error: `Map keys must satisfy constraint: [${atMost(MOST_KEY_BYTES)}, Member must have length greater than or equal to 1]`,
  })
  .optional();

const column = z.object({
  Name: folded,
  Type: line(131_072).optional(),
  Comment: line(255).optional(),
  Parameters: parameters,
});

/** The catalog keeps a descriptor as it is, and only readers make something of it. */
const storageDescriptor = z.object({
  Columns: z.array(column).optional(),
  Location: limited(2056).regex(multiLine).optional(),
  AdditionalLocations: z.array(limited(2056).regex(multiLine)).optional(),
  InputFormat: line(128).optional(),
  OutputFormat: line(128).optional(),
  Compressed: z.boolean().optional(),
  NumberOfBuckets: z.int().optional(),
  SerdeInfo: z
    .object({
      Name: line(255, 1).optional(),
      SerializationLibrary: line(255, 1).optional(),
      Parameters: parameters,
    })
    .optional(),
  BucketColumns: z.array(line(255, 1)).optional(),
  SortColumns: z.array(z.object({ Column: line(255, 1), SortOrder: z.int().min(0).max(1) })).optional(),
  Parameters: parameters,
  SkewedInfo: z
    .object({
      SkewedColumnNames: z.array(line(255, 1)).optional(),
      SkewedColumnValues: z.array(z.string()).optional(),
      SkewedColumnValueLocationMaps: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  StoredAsSubDirectories: z.boolean().optional(),
  SchemaReference: notServed,
});

/** "AWS Glue Web API Reference: TableInput", with the limits of the developer guide's "Table API". */
const tableInput = z.object({
  Name: folded,
  Description: limited(2048).regex(multiLine).optional(),
  Owner: line(255, 1).optional(),
  LastAccessTime: z.number().optional(),
  LastAnalyzedTime: z.number().optional(),
  Retention: z.int().min(0).optional(),
  StorageDescriptor: storageDescriptor.optional(),
  PartitionKeys: z.array(column).optional(),
  ViewOriginalText: limited(409_600).optional(),
  ViewExpandedText: limited(409_600).optional(),
  TableType: limited(255).optional(),
  Parameters: parameters,
  TargetTable: notServed,
  FederatedTable: notServed,
  ViewDefinition: notServed,
});
export type TableInput = z.infer<typeof tableInput>;

/** What CreateTable says of a new table. */
export const creation = {
  Name: notServed,
  TableInput: tableInput,
  PartitionIndexes: notServed,
  OpenTableFormatInput: notServed,
};

/** What UpdateTable says of a table and of its version. */
export const replacement = {
  Name: notServed,
  TableInput: tableInput,
  SkipArchive: z.boolean().optional(),
  VersionId: line(255, 1).optional(),
  ViewUpdateAction: notServed,
  Force: harmless('It lifts requirements of views, and there are none.'),
  UpdateOpenTableFormatInput: notServed,
};
