import { tableColumns } from '../domain/columns.ts';
import type { Dataset } from '../domain/dataset.ts';
import type { StoredObject } from '../domain/versions/receipt.ts';
import { commit } from '../formats/iceberg/metadata/commit.ts';
import type { LocatedMetadata, NewFile, NextMetadata } from '../formats/iceberg/metadata/files.ts';
import { currentSchema, parseMetadata, type Snapshot } from '../formats/iceberg/metadata/metadata.ts';
import { createTable, evolveTable } from '../formats/iceberg/metadata/table.ts';
import type { SchemaState } from '../formats/iceberg/schema/schema-after.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { settleAll } from '../store/settle-all.ts';
import { dataFile } from './data-file.ts';
import type { TableCatalog, TablePointer } from './table-catalog.ts';

export interface IcebergTableOptions {
  readonly dataset: Dataset;
  readonly schema: SchemaState;
  /** Of the lake. */
  readonly bucket: string;
  readonly store: ObjectStore;
  readonly catalog: TableCatalog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A table as it was found. */
export interface TableState extends LocatedMetadata {
  readonly pointer: TablePointer;
}

/** What a commit changes. */
export interface TableChange {
  readonly added: readonly StoredObject[];
  /** Keys. */
  readonly removed: readonly string[];
  /** Properties of the snapshot. */
  readonly summary: Readonly<Record<string, string>>;
}

/** The Iceberg table of a dataset: its files in the lake, its pointer in the catalog. */
export class IcebergTable {
  readonly #options: IcebergTableOptions;

  constructor(options: IcebergTableOptions) {
    this.#options = options;
  }

  /** The table as it is now; `undefined` before its first commit. */
  async read(): Promise<TableState | undefined> {
    const { catalog, dataset } = this.#options;
    const pointer = await catalog.find(dataset.name);
    if (pointer === undefined) return undefined;
    const metadata = parseMetadata(await this.#bytes(pointer.metadata));
    return { path: pointer.metadata, metadata, pointer };
  }

  /**
   * Makes one snapshot, if the table is still as it was found. Makes the table first if there is none, and
   * brings its columns to what the dataset has. A change of no file makes no snapshot, but is in conflict with
   * other changes as well.
   *
   * @returns `conflict` if somebody else was first: then read anew; `undefined` without a snapshot
   */
  async commit(
    state: TableState | undefined,
    change: TableChange,
  ): Promise<Snapshot | undefined | 'conflict'> {
    const { dataset, bucket, now } = this.#options;
    const base = await this.#prepared(state);
    if (base === undefined) return 'conflict';
    if (change.added.length === 0 && change.removed.length === 0)
      return base !== state || (await this.#touch(base)) ? undefined : 'conflict';
    const made = await commit({
      base,
      added: change.added.map((file) => dataFile(file, { dataset, bucket, metadata: base.metadata })),
      removed: change.removed.map((key) => ({ path: this.#uri(key) })),
      summary: change.summary,
      read: (path) => this.#bytes(path),
      now: now(),
    });
    await settleAll([...made.manifests, made.manifestList].map((file) => this.#write(file)));
    return (await this.#point(base, made.metadata)) ? made.snapshot : 'conflict';
  }

  /** Moves the pointer to where it is, so that nobody else commits to the table as he found it before. */
  #touch({ path, metadata, pointer }: TableState): Promise<boolean> {
    const { catalog, dataset } = this.#options;
    return catalog.move(dataset.name, pointer, path, this.#location, currentSchema(metadata));
  }

  /** The table with the columns that the dataset has by now; `undefined` if somebody else changed it. */
  async #prepared(state: TableState | undefined): Promise<TableState | undefined> {
    const { dataset, now } = this.#options;
    const layout = { columns: tableColumns(dataset), partitionBy: dataset.partitionBy };
    const next =
      state === undefined
        ? createTable({ location: this.#location, layout }, { now: now() })
        : evolveTable(state, layout, { now: now() });
    if (next === undefined) return state;
    return (await this.#point(state, next)) ? this.read() : undefined;
  }

  async #point(state: TableState | undefined, next: NextMetadata): Promise<boolean> {
    const { catalog, dataset } = this.#options;
    await this.#write(next);
    const schema = currentSchema(next.metadata);
    if (state === undefined) return catalog.create(dataset.name, next.path, this.#location, schema);
    return catalog.move(dataset.name, state.pointer, next.path, this.#location, schema);
  }

  get #location(): string {
    return this.#uri(this.#options.dataset.name);
  }

  #uri(key: string): string {
    return `s3://${this.#options.bucket}/${key}`;
  }

  async #bytes(uri: string): Promise<Buffer> {
    const { store } = this.#options;
    const { bucket, key } = parseS3Uri(uri);
    return Buffer.from(await store.bytes(bucket, key));
  }

  async #write({ path, bytes }: NewFile): Promise<void> {
    const { bucket, key } = parseS3Uri(path);
    const contentType = path.endsWith('.json') ? 'application/json' : 'application/octet-stream';
    await this.#options.store.write({ bucket, key, body: bytes, contentType });
  }
}

/** @throws {Error} if it is no URI of an object in S3 */
export function parseS3Uri(uri: string): { readonly bucket: string; readonly key: string } {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(uri) ?? [];
  if (bucket === undefined || key === undefined) throw new Error(`${uri} is no object in S3.`);
  return { bucket, key };
}
