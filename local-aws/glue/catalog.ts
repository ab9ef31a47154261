import { badRequest, unsupported } from '../core/service-error.ts';
import type { CatalogColumn, CatalogSettings, TableSettings } from './settings.ts';
import type { TableInput } from './table-input.ts';
import { type Table, type TableChange, Tables, tableNotFound, type UpdateOptions } from './tables.ts';

export type Database = CatalogSettings['databases'][number];

/** A registered partition, with its values in the order of the table's partition keys. */
export interface Partition {
  readonly database: string;
  readonly table: string;
  readonly values: readonly string[];
  /** `s3://bucket/prefix/` */
  readonly location: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

type Named = Pick<Partition, 'database' | 'table'>;

/**
 * The Data Catalog: databases and tables as the program declares them, tables that calls made, and registered
 * partitions. A partition has no schema of its own: it always has the table's. All of it is in memory; the
 * changes that are returned are for the caller to record.
 */
export class Catalog {
  readonly settings: CatalogSettings;
  readonly #declared: readonly Table[];
  readonly #created: Tables;
  readonly #partitions = new Map<string, Map<string, Partition>>();

  constructor(settings: CatalogSettings, now: () => number) {
    this.settings = settings;
    this.#declared = settings.tables.map(declared);
    this.#created = new Tables(now);
  }

  /** @throws EntityNotFoundException */
  database(name: string): Database {
    const found = this.settings.databases.find((each) => each.name === name);
    if (found) return found;
    throw badRequest('EntityNotFoundException', `Database ${name} not found.`);
  }

  /** Sorted by name. */
  tables(database: string): Table[] {
    return [...this.#declared, ...this.#created.all()]
      .filter((table) => table.database === database)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws EntityNotFoundException */
  table(database: string, name: string): Table {
    const found =
      this.#declaredTable(this.database(database).name, name) ?? this.#created.find(database, name);
    if (found) return found;
    throw tableNotFound(name);
  }

  /** The newest is first. @throws EntityNotFoundException */
  versions(database: string, name: string): Table[] {
    const only = this.#declaredTable(database, name);
    return only ? [only] : this.#created.versions(database, name);
  }

  /** @throws EntityNotFoundException, AlreadyExistsException */
  createTable(database: string, input: TableInput): TableChange {
    if (this.#declaredTable(this.database(database).name, input.Name))
      throw badRequest('AlreadyExistsException', 'Table already exists.');
    return this.#withoutPartitions(this.#created.create(database, input));
  }

  /** Replaces the definition of a table that a call made: see `Tables.update`. */
  updateTable(database: string, input: TableInput, options: UpdateOptions): TableChange {
    this.#mustNotDeclare('UpdateTable', database, input.Name);
    return this.#created.update(database, input, options);
  }

  /** Deletes a table that a call made, with its versions and partitions. @throws EntityNotFoundException */
  deleteTable(database: string, name: string): TableChange {
    this.#mustNotDeclare('DeleteTable', database, name);
    return this.#withoutPartitions(this.#created.delete(database, name));
  }

  /** Repeats a recorded change. */
  apply(change: TableChange): void {
    const isNew = change.type === 'table' && !this.#created.find(change.table.database, change.table.name);
    this.#created.apply(change);
    if (isNew || change.type === 'tableDeleted') this.#withoutPartitions(change);
  }

  /** Changes that lead from nothing to the tables that calls made. */
  changes(): Iterable<TableChange> {
    return this.#created.changes();
  }

  /** A table that a call made and that the program declares too, if there is one. */
  twice(): Table | undefined {
    return this.#declared.find(({ database, name }) => this.#created.find(database, name));
  }

  /** Sorted by value. */
  partitions(table: Named): Partition[] {
    const all = [...(this.#partitions.get(keyOf(table))?.values() ?? [])];
    return all.sort((a, b) => (a.location < b.location ? -1 : 1));
  }

  partition(table: Named, values: readonly string[]): Partition | undefined {
    return this.#partitions.get(keyOf(table))?.get(JSON.stringify(values));
  }

  add(partition: Partition): void {
    const known = this.#partitions.get(keyOf(partition)) ?? new Map<string, Partition>();
    this.#partitions.set(keyOf(partition), known);
    known.set(JSON.stringify(partition.values), partition);
  }

  remove(table: Named, values: readonly string[]): void {
    this.#partitions.get(keyOf(table))?.delete(JSON.stringify(values));
  }

  *allPartitions(): Generator<Partition> {
    for (const partitions of this.#partitions.values()) yield* partitions.values();
  }

  #declaredTable(database: string, name: string): Table | undefined {
    return this.#declared.find((table) => table.database === database && table.name === name);
  }

  #mustNotDeclare(operation: string, database: string, name: string): void {
    if (this.#declaredTable(database, name))
      throw unsupported(`${operation} of the table ${database}.${name}, which the program describes`);
  }

  /** A new table has none, not even those of a table that the program declared before. */
  #withoutPartitions(change: TableChange): TableChange {
    const { database, name } = change.type === 'table' ? change.table : change;
    this.#partitions.delete(keyOf({ database, table: name }));
    return change;
  }
}

const keyOf = ({ database, table }: Named) => `${database}.${table}`;

/**
 * A call on a part of the catalog needs the permission on everything that contains it ("Specifying AWS Glue
 * resource ARNs").
 */
export const within = ({ arn }: Database, table?: string) => [
  catalogArn(arn),
  arn,
  ...(table === undefined ? [] : [tableArn(arn, table)]),
];

/** The ARN of a database's catalog. */
const catalogArn = (databaseArn: string) => databaseArn.replace(/:database\/.*$/, ':catalog');
/** `arn:aws:glue:…:table/database/table` */
const tableArn = (databaseArn: string, table: string) =>
  `${databaseArn.replace(':database/', ':table/')}/${table}`;

/** A table as the program declares it; nobody knows when it was created. */
function declared(settings: TableSettings): Table {
  const { database, name, serde } = settings;
  return {
    database,
    name,
    versionId: '0',
    definition: {
      TableType: 'EXTERNAL_TABLE',
      Parameters: settings.parameters,
      PartitionKeys: settings.partitionKeys.map(describeColumn),
      StorageDescriptor: {
        Location: settings.location,
        Columns: settings.columns.map(describeColumn),
        InputFormat: settings.inputFormat,
        OutputFormat: settings.outputFormat,
        SerdeInfo: { SerializationLibrary: serde.serializationLibrary, Parameters: serde.parameters },
      },
    },
  };
}

const describeColumn = ({ name, type }: CatalogColumn) => ({ Name: name, Type: type });
