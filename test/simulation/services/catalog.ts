import type { TableCatalog, TablePointer } from '../../../lake/table-catalog.ts';
import type { Network, Party } from '../network.ts';
import { retried } from './retried.ts';

/** What looks at the tables. */
export interface CatalogOnlooker {
  /** A table's pointer was moved just now. */
  moved(table: string): Promise<void>;
  /** The caller was told that a call came to nothing. */
  trouble(caller: Party): void;
}

/** A catalog of tables in memory: one pointer each, changed by compare-and-swap as Glue does. */
export class MemoryCatalog {
  readonly #pointers = new Map<string, TablePointer>();
  readonly #folders = new Set<string>();
  readonly #onlooker: CatalogOnlooker;

  constructor(onlooker: CatalogOnlooker) {
    this.#onlooker = onlooker;
  }

  get tables(): readonly string[] {
    return [...this.#pointers.keys()];
  }

  /** The URI of a table's current metadata file. */
  metadataOf(table: string): string | undefined {
    return this.#pointers.get(table)?.metadata;
  }

  /** Whether queries see the files of a folder of a CSV table. */
  knows(location: string): boolean {
    return this.#folders.has(location);
  }

  /** The catalog as one function's environment meets it, over the simulated network. */
  over(network: Network, caller: Party): TableCatalog {
    const onlooker = this.#onlooker;
    const call = <Answer>(what: string, effect: () => Promise<Answer>): Promise<Answer> =>
      retried({ network, caller, onlooker }, () => network.call(caller, what, effect));
    return {
      find: (table) => call(`GetTable ${table}`, async () => this.#pointers.get(table)),
      create: (table, metadata) =>
        call(
          `CreateTable ${table}`,
          async () => !this.#pointers.has(table) && (await this.#set(table, metadata)),
        ),
      move: (table, from, metadata) =>
        call(
          `UpdateTable ${table}`,
          async () =>
            this.#pointers.get(table)?.version === from.version && (await this.#set(table, metadata)),
        ),
      register: (table, partitions) =>
        call(`BatchCreatePartition ${table}`, async () => {
          for (const { location } of partitions) this.#folders.add(location);
        }),
    };
  }

  async #set(table: string, metadata: string): Promise<boolean> {
    const version = String(Number(this.#pointers.get(table)?.version ?? -1) + 1);
    this.#pointers.set(table, { metadata, version });
    await this.#onlooker.moved(table);
    return true;
  }
}
