import { badRequest } from '../core/service-error.ts';
import type { TableInput } from './table-input.ts';

/** A table as the catalog keeps it. */
export interface Table {
  readonly database: string;
  readonly name: string;
  /** `0` at its creation, and one more after each update. */
  readonly versionId: string;
  /** Milliseconds since the epoch; missing in a table that the program describes. */
  readonly createdAt?: number | undefined;
  readonly updatedAt?: number | undefined;
  readonly definition: Omit<TableInput, 'Name'>;
}

/** A change of one table, which `Tables.apply` repeats. */
export type TableChange =
  | {
      readonly type: 'table';
      readonly table: Table;
      /** Whether the version before stays among the table's versions. */
      readonly archives: boolean;
    }
  | { readonly type: 'tableDeleted'; readonly database: string; readonly name: string };

/** How a table is updated. */
export interface UpdateOptions {
  /** The version that is to be replaced; without it, whichever is there. */
  readonly versionId?: string | undefined;
  readonly skipArchive?: boolean;
}

interface Kept {
  table: Table;
  /** The oldest is first. */
  readonly archived: Table[];
}

/** "AWS Glue endpoints and quotas: Number of table versions per table". */
const MOST_VERSIONS = 100_000;

/**
 * The tables that calls make. It is in memory and synchronous, so two updates never overlap: of those that
 * name the same version, one succeeds. Each change is returned, so that the caller can record it.
 */
export class Tables {
  readonly #now: () => number;
  readonly #tables = new Map<string, Kept>();

  constructor(now: () => number) {
    this.#now = now;
  }

  find(database: string, name: string): Table | undefined {
    return this.#tables.get(keyOf(database, name))?.table;
  }

  /** In no particular order. */
  *all(): Generator<Table> {
    for (const { table } of this.#tables.values()) yield table;
  }

  /** The present version and the archived ones, the newest first. */
  versions(database: string, name: string): Table[] {
    const { table, archived } = this.#existing(database, name);
    return [table, ...archived.toReversed()];
  }

  /** @throws ServiceError AlreadyExistsException */
  create(database: string, { Name: name, ...definition }: TableInput): TableChange {
    if (this.find(database, name)) throw badRequest('AlreadyExistsException', 'Table already exists.');
    const now = this.#now();
    const table = { database, name, versionId: '0', createdAt: now, updatedAt: now, definition };
    return this.apply({ type: 'table', table, archives: false });
  }

  /**
   * Replaces a table's whole definition.
   *
   * The error's code and text are those that Glue was seen to answer with status 400 (apache/iceberg#8636).
   *
   * @throws ServiceError EntityNotFoundException; ConcurrentModificationException if the table's version is
   * another one; ResourceNumberLimitExceededException
   */
  update(
    database: string,
    { Name: name, ...definition }: TableInput,
    { versionId, skipArchive = false }: UpdateOptions = {},
  ): TableChange {
    const { table, archived } = this.#existing(database, name);
    if (versionId !== undefined && versionId !== table.versionId)
      throw badRequest(
        'ConcurrentModificationException',
        'Update table failed due to concurrent modifications.',
      );
    if (!skipArchive && archived.length + 1 >= MOST_VERSIONS)
      throw badRequest(
        'ResourceNumberLimitExceededException',
        `Number of table versions exceeds the limit of ${MOST_VERSIONS}.`,
      );
    const next = {
      ...table,
      versionId: `${Number(table.versionId) + 1}`,
      updatedAt: this.#now(),
      definition,
    };
    return this.apply({ type: 'table', table: next, archives: !skipArchive });
  }

  /** Deletes a table with its versions. @throws ServiceError EntityNotFoundException */
  delete(database: string, name: string): TableChange {
    this.#existing(database, name);
    return this.apply({ type: 'tableDeleted', database, name });
  }

  /** Makes a change without any check. */
  apply(change: TableChange): TableChange {
    if (change.type === 'tableDeleted') {
      this.#tables.delete(keyOf(change.database, change.name));
      return change;
    }
    const { table, archives } = change;
    const key = keyOf(table.database, table.name);
    const known = this.#tables.get(key);
    if (known === undefined) this.#tables.set(key, { table, archived: [] });
    else {
      if (archives) known.archived.push(known.table);
      known.table = table;
    }
    return change;
  }

  /** Changes that lead from nothing to the present state. */
  *changes(): Generator<TableChange> {
    for (const { table, archived } of this.#tables.values())
      for (const [index, version] of [...archived, table].entries())
        yield { type: 'table', table: version, archives: index > 0 };
  }

  #existing(database: string, name: string): Kept {
    const kept = this.#tables.get(keyOf(database, name));
    if (kept) return kept;
    throw tableNotFound(name);
  }
}

export const tableNotFound = (name: string) =>
  badRequest('EntityNotFoundException', `Table ${name} not found.`);

/** Whether it is an Iceberg table: its files are told by its metadata, not by folders and partitions. */
export const isIceberg = ({ definition: { Parameters = {} } }: Table) =>
  Parameters['table_type']?.toUpperCase() === 'ICEBERG';

/** A name holds no line feed. */
const keyOf = (database: string, name: string) => `${database}\n${name}`;
