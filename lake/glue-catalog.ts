import {
  AlreadyExistsException,
  type Column,
  ConcurrentModificationException,
  CreateTableCommand,
  EntityNotFoundException,
  GetTableCommand,
  GlueClient,
  type TableInput,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import type { Schema, Type } from '../domain/tables/schema/types.ts';
import { registerPartitions } from './partitions.ts';
import type { TableCatalog } from './table-catalog.ts';

/**
 * Tables in the AWS Glue Data Catalog, as every engine finds them: the pointer is the table's parameter
 * `metadata_location` (Iceberg, "AWS: Glue Catalog").
 */
export function glueCatalog(database: string, glue = new GlueClient({})): TableCatalog {
  return {
    async find(table) {
      try {
        const { Table } = await glue.send(new GetTableCommand({ DatabaseName: database, Name: table }));
        const { table_type: type, metadata_location: metadata } = Table?.Parameters ?? {};
        if (type?.toUpperCase() !== 'ICEBERG' || metadata === undefined) throw notIceberg(database, table);
        return { metadata, version: Table?.VersionId ?? '' };
      } catch (error) {
        if (error instanceof EntityNotFoundException) return undefined;
        throw error;
      }
    },
    async create(table, metadata, location, schema) {
      const TableInput = tableInput(table, location, schema, { metadata_location: metadata });
      try {
        await glue.send(new CreateTableCommand({ DatabaseName: database, TableInput }));
        return true;
      } catch (error) {
        if (error instanceof AlreadyExistsException) return false;
        throw error;
      }
    },
    async move(table, from, metadata, location, schema) {
      const TableInput = tableInput(table, location, schema, {
        metadata_location: metadata,
        previous_metadata_location: from.metadata,
      });
      try {
        await glue.send(
          // Each version would be archived, and Glue keeps 100,000 of a table at most.
          new UpdateTableCommand({
            DatabaseName: database,
            TableInput,
            VersionId: from.version,
            SkipArchive: true,
          }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConcurrentModificationException) return false;
        throw error;
      }
    },
    async register(table, partitions) {
      await registerPartitions(glue, database, table, partitions);
    },
  };
}

function tableInput(
  Name: string,
  Location: string,
  schema: Schema,
  pointer: Readonly<Record<string, string>>,
): TableInput {
  return {
    Name,
    TableType: 'EXTERNAL_TABLE',
    Parameters: { table_type: 'ICEBERG', EXTERNAL: 'TRUE', ...pointer },
    // For people and for Athena's list of columns: engines read the schema from the metadata.
    StorageDescriptor: { Location, Columns: schema.fields.map(columnOf) },
  };
}

function columnOf({ name, type, id, required }: Schema['fields'][number]): Column {
  return {
    Name: name,
    Type: hiveType(type),
    Parameters: { 'iceberg.field.id': String(id), 'iceberg.field.optional': String(!required) },
  };
}

const hiveTypes: Readonly<Record<string, string>> = {
  int: 'int',
  long: 'bigint',
  float: 'float',
  double: 'double',
  boolean: 'boolean',
  date: 'date',
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
  binary: 'binary',
};

/** A column's type by the name that Glue has for it. */
export function hiveType(type: Type): string {
  if (typeof type === 'string') return type.startsWith('decimal') ? type : (hiveTypes[type] ?? 'string');
  if (type.type === 'list') return `array<${hiveType(type.element)}>`;
  if (type.type === 'struct')
    return `struct<${type.fields.map((field) => `${field.name}:${hiveType(field.type)}`).join()}>`;
  return `map<${hiveType(type.key)},${hiveType(type.value)}>`;
}

function notIceberg(database: string, table: string): Error {
  return new Error(
    `The catalog's table ${database}.${table} is not an Iceberg table. If a deployment is under way, it removes this table at its end; otherwise remove it. The next commit makes a new one.`,
  );
}
