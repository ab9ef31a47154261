import type { NewPartition } from '../../lake/partitions.ts';
import type { TableCatalog, TablePointer } from '../../lake/table-catalog.ts';

/** Has a call noted, and its effect, unless the caller was killed. */
type Call = <Answer>(operation: string, table: string, effect: () => Answer) => Promise<Answer>;

/** A catalog of tables in memory: one pointer each, changed by compare-and-swap as Glue does. */
export class MemoryCatalog implements TableCatalog {
  readonly #pointers = new Map<string, TablePointer>();
  readonly #partitions = new Map<string, Map<string, readonly string[]>>();
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /** The URI of a table's current metadata file. */
  metadataOf(table: string): string | undefined {
    return this.#pointers.get(table)?.metadata;
  }

  /** The same catalog, which does something else when a pointer is moved. */
  moving(move: TableCatalog['move']): TableCatalog {
    return {
      find: (table) => this.find(table),
      create: (table, metadata) => this.create(table, metadata),
      register: (table, partitions) => this.register(table, partitions),
      move,
    };
  }

  /** The values of a table's partitions, by their folders. */
  partitionsOf(table: string): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(this.#partitions.get(table) ?? []);
  }

  takeFrom(other: MemoryCatalog): void {
    for (const [table, pointer] of other.#pointers) this.#pointers.set(table, pointer);
  }

  find(table: string): Promise<TablePointer | undefined> {
    return this.#call('GetTable', table, () => this.#pointers.get(table));
  }

  create(table: string, metadata: string): Promise<boolean> {
    return this.#call('CreateTable', table, () => !this.#pointers.has(table) && this.#set(table, metadata));
  }

  move(table: string, from: TablePointer, metadata: string): Promise<boolean> {
    return this.#call(
      'UpdateTable',
      table,
      () => this.#pointers.get(table)?.version === from.version && this.#set(table, metadata),
    );
  }

  register(table: string, partitions: readonly NewPartition[]): Promise<void> {
    return this.#call('BatchCreatePartition', table, () => {
      const known = this.#partitions.get(table) ?? new Map<string, readonly string[]>();
      this.#partitions.set(table, known);
      for (const { values, location } of partitions) known.set(location, values);
    });
  }

  #set(table: string, metadata: string): boolean {
    const version = String(Number(this.#pointers.get(table)?.version ?? -1) + 1);
    this.#pointers.set(table, { metadata, version });
    return true;
  }
}
