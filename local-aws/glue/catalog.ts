import { badRequest } from '../core/service-error.ts';
import type { CatalogSettings, TableSettings } from './settings.ts';

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
 * The Data Catalog: databases and tables as the program declares them, and registered partitions. A partition
 * has no schema of its own: it always has the table's.
 */
export class Catalog {
  readonly settings: CatalogSettings;
  readonly #partitions = new Map<string, Map<string, Partition>>();

  constructor(settings: CatalogSettings) {
    this.settings = settings;
  }

  /** @throws EntityNotFoundException */
  database(name: string): CatalogSettings['databases'][number] {
    return found(
      this.settings.databases.find((each) => each.name === name),
      `Database ${name} not found.`,
    );
  }

  /** Sorted by name. */
  tables(database: string): TableSettings[] {
    return this.settings.tables
      .filter((table) => table.database === database)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws EntityNotFoundException */
  table(database: string, name: string): TableSettings {
    return found(
      this.tables(database).find((table) => table.name === name),
      `Table ${name} not found.`,
    );
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

  *all(): Generator<Partition> {
    for (const partitions of this.#partitions.values()) yield* partitions.values();
  }
}

const keyOf = ({ database, table }: Named) => `${database}.${table}`;

function found<Found>(value: Found | undefined, message: string): Found {
  if (value !== undefined) return value;
  throw badRequest('EntityNotFoundException', message);
}
