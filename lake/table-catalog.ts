import type { Schema } from '../domain/tables/schema/types.ts';
import type { NewPartition } from './partitions.ts';

/** Where a table's current metadata file is, and the version of that answer, for the next change. */
export interface TablePointer {
  /** The URI of the metadata file. */
  readonly metadata: string;
  readonly version: string;
}

/**
 * The catalog of the lake's tables: one pointer an Iceberg table, changed by compare-and-swap, and the
 * partitions of CSV tables.
 */
export interface TableCatalog {
  /** @throws {Error} if the catalog has a table of this name that is not an Iceberg table */
  find(table: string): Promise<TablePointer | undefined>;
  /** @returns `false` if the table exists already */
  create(table: string, metadata: string, location: string, schema: Schema): Promise<boolean>;
  /** @returns `false` if somebody else has moved the pointer since it was found */
  move(
    table: string,
    from: TablePointer,
    metadata: string,
    location: string,
    schema: Schema,
  ): Promise<boolean>;
  /** Has partitions of a CSV table known; does nothing for those that are. */
  register(table: string, partitions: readonly NewPartition[]): Promise<void>;
}
