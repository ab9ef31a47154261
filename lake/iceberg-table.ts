import { tableColumns } from '../domain/columns.ts';
import type { Dataset } from '../domain/dataset.ts';
import type { SchemaState } from '../domain/tables/schema/schema-after.ts';
import type { StoredObject } from '../domain/versions/receipt.ts';
import type { DataFile } from '../formats/iceberg/manifest/data-file.ts';
import { commit } from '../formats/iceberg/metadata/commit.ts';
import type { LocatedMetadata, NewFile, NextMetadata } from '../formats/iceberg/metadata/files.ts';
import {
  currentSchema,
  parseMetadata,
  type Snapshot,
  type TableMetadata,
} from '../formats/iceberg/metadata/metadata.ts';
import { createTable, evolveTable } from '../formats/iceberg/metadata/table.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { settleAll } from '../store/settle-all.ts';
import { dataFileOf } from './data-file.ts';
import type { FileCache } from './file-cache.ts';
import type { TableCatalog, TablePointer } from './table-catalog.ts';
import { parseS3Uri, TableFiles, writeFile } from './table-files.ts';

export interface IcebergTableOptions {
  readonly dataset: Dataset;
  readonly schema: SchemaState;
  /** Of the lake. */
  readonly bucket: string;
  readonly store: ObjectStore;
  readonly catalog: TableCatalog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of files that need not be read again. */
  readonly cache?: FileCache;
}

/** A table as it was found. */
export interface TableState extends LocatedMetadata {
  readonly pointer: TablePointer;
}

/** What a commit changes. */
export interface TableChange {
  /** Files of versions. */
  readonly added?: readonly StoredObject[];
  /** Files that were made of the table's own. */
  readonly rewritten?: readonly DataFile[];
  /** Keys. */
  readonly removed: readonly string[];
  /** The rows stay the same: a compaction. */
  readonly replace?: boolean;
  /** Properties of the snapshot. */
  readonly summary?: Readonly<Record<string, string>>;
}

/** Somebody else changed the table first; with what was written for nothing. */
export class Conflict {
  readonly snapshot: Snapshot | undefined;
  /** URIs. */
  readonly files: readonly string[];

  constructor(snapshot?: Snapshot, files: readonly string[] = []) {
    this.snapshot = snapshot;
    this.files = files;
  }
}

/** The Iceberg table of a dataset: its files in the lake, its pointer in the catalog. */
export class IcebergTable extends TableFiles {
  readonly #options: IcebergTableOptions;
  constructor(options: IcebergTableOptions) {
    super({ ...options, name: options.dataset.name });
    this.#options = options;
  }

  /**
   * The table as it is now; `undefined` before its first commit.
   *
   * @param after the conflict that a commit of the caller's has met, if any: what that has written goes
   */
  async read(after?: Conflict): Promise<TableState | undefined> {
    const { catalog, dataset, cache } = this.#options;
    const pointer = await catalog.find(dataset.name);
    if (pointer === undefined) return undefined;
    const metadata =
      cache?.metadata(this.#location, pointer.metadata) ?? parseMetadata(await this.file(pointer.metadata));
    if (after !== undefined) await this.#discard(after, metadata);
    return { path: pointer.metadata, metadata, pointer };
  }

  /**
   * Removes what a commit has written that met a conflict, unless the table has its snapshot: then the commit
   * was made, and only the answer was lost. It can't be made any more, since its pointer is of the past.
   */
  async #discard({ snapshot, files }: Conflict, { snapshots }: TableMetadata): Promise<void> {
    if (snapshots.some((each) => each['snapshot-id'] === snapshot?.['snapshot-id'])) return;
    const { store, bucket } = this.#options;
    const keys = files.map((uri) => parseS3Uri(uri).key);
    await store.remove(bucket, keys);
  }

  /**
   * Makes one snapshot, if the table is still as it was found. A change of no file makes no snapshot, but is
   * in conflict with other changes as well.
   *
   * @returns a conflict if somebody else was first, or if the table had to be made or to get other columns
   * first: then read and decide anew; `undefined` without a snapshot
   */
  async commit(state: TableState | undefined, change: TableChange): Promise<Snapshot | undefined | Conflict> {
    const { dataset, bucket, now } = this.#options;
    if (state === undefined) {
      await this.#create();
      return new Conflict();
    }
    if (await this.evolve(state)) return new Conflict();
    const { added = [], rewritten = [], removed, replace = false, summary = {} } = change;
    if (added.length + rewritten.length + removed.length === 0)
      return (await this.#touch(state)) ? undefined : new Conflict();
    const made = await commit({
      base: state,
      added: [
        ...added.map((file) => dataFileOf(file, { dataset, bucket, metadata: state.metadata })),
        ...rewritten,
      ],
      removed: removed.map((key) => ({ path: this.uri(key) })),
      replace,
      summary,
      read: (path) => this.file(path),
      now: now(),
    });
    const listed = [...made.manifests, made.manifestList];
    await settleAll(listed.map((file) => this.#write(file)));
    if (await this.point(state, made.metadata)) return made.snapshot;
    const files = [...listed, made.metadata].map(({ path }) => path);
    return new Conflict(made.snapshot, files);
  }

  /** Moves the pointer to where it is, so that nobody else commits to the table as he found it before. */
  #touch({ path, metadata, pointer }: TableState): Promise<boolean> {
    const { catalog, dataset } = this.#options;
    return catalog.move(dataset.name, pointer, path, this.#location, currentSchema(metadata));
  }

  /** Makes the table; somebody else may do so at the same time. */
  async #create(): Promise<void> {
    const { now } = this.#options;
    await this.point(
      undefined,
      createTable({ location: this.#location, layout: this.#layout }, { now: now() }),
    );
  }

  /** Gives the table the columns that the dataset has by now. @returns whether it lacked any */
  async evolve(state: TableState): Promise<boolean> {
    const { now } = this.#options;
    const next = evolveTable(state, this.#layout, { now: now() });
    if (next === undefined) return false;
    await this.point(state, next);
    return true;
  }

  get #layout() {
    const { dataset, schema } = this.#options;
    return { columns: tableColumns(dataset), recorded: schema, partitionBy: dataset.partitionBy };
  }

  /** Makes this the table's metadata, unless somebody else changed it. @returns whether it did */
  async point(state: TableState | undefined, next: NextMetadata): Promise<boolean> {
    const { catalog, dataset, cache } = this.#options;
    await this.#write(next);
    const schema = currentSchema(next.metadata);
    const isMade =
      state === undefined
        ? await catalog.create(dataset.name, next.path, this.#location, schema)
        : await catalog.move(dataset.name, state.pointer, next.path, this.#location, schema);
    if (isMade) cache?.putMetadata(this.#location, next);
    return isMade;
  }

  get #location(): string {
    return this.uri(this.#options.dataset.name);
  }

  async #write(file: NewFile): Promise<void> {
    const { store, cache } = this.#options;
    await writeFile(store, file);
    cache?.put(file.path, Buffer.from(file.bytes));
  }
}
