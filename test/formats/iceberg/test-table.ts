import type { Column } from '../../../domain/columns.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import type { DataFile } from '../../../formats/iceberg/manifest/data-file.ts';
import { type Commit, type CommitRequest, commit } from '../../../formats/iceberg/metadata/commit.ts';
import { expire, onlyExpired, type Retention } from '../../../formats/iceberg/metadata/expire.ts';
import {
  type LocatedMetadata,
  type NextMetadata,
  nextMetadata,
} from '../../../formats/iceberg/metadata/files.ts';
import {
  currentSchema,
  parseMetadata,
  specOf,
  type TableMetadata,
} from '../../../formats/iceberg/metadata/metadata.ts';
import { createTable, evolveTable, type TableLayout } from '../../../formats/iceberg/metadata/table.ts';
import { fieldIds } from '../../../formats/iceberg/schema/fields.ts';
import { dataFile, statisticsOf } from '../../../formats/iceberg/values/file-statistics.ts';
import { partitionOf, typedFields } from '../../../formats/iceberg/values/partition-values.ts';
import { ParquetFile } from '../../../formats/parquet/file.ts';

/** The files of a table, and its pointer: what S3 and a catalog are for a real one. */
export class TestTable {
  readonly files = new Map<string, Buffer>();
  #path: string;
  #columns: readonly Column[];
  #now = Date.UTC(2026, 0, 1);
  #dataFiles = 0;

  /** @param at the folder's URI */
  constructor(at: string, layout: TableLayout) {
    this.#columns = layout.columns;
    const first = createTable({ location: at, layout }, { now: this.#now });
    this.#path = first.path;
    this.#publish(first);
  }

  readonly read = async (path: string): Promise<Buffer> => {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new Error(`${path} is gone.`);
    return bytes;
  };

  get path(): string {
    return this.#path;
  }

  /** As a reader finds it: from its bytes. */
  get metadata(): TableMetadata {
    return parseMetadata(this.files.get(this.#path) as Buffer);
  }

  get now(): number {
    return this.#now;
  }

  #publish(next: NextMetadata): void {
    this.files.set(next.path, next.bytes);
    this.#path = next.path;
    this.#now += 1000;
  }

  /** Takes over a table that another writer made. */
  adopt(path: string, columns: readonly Column[]): void {
    this.#path = path;
    this.#columns = columns;
    this.#now = Math.max(this.#now, this.metadata['last-updated-ms'] + 1);
  }

  /** Writes a data file; all rows must have the same partition. */
  write(rows: readonly Row[], at = this.metadata.location): DataFile {
    const { metadata } = this;
    const schema = currentSchema(metadata);
    const fields = typedFields(specOf(metadata, metadata['default-spec-id']), [schema]);
    // As Java does: icebird finds renamed columns by it.
    const file = new ParquetFile(
      this.#columns,
      { 'iceberg.schema': JSON.stringify(schema) },
      fieldIds(schema),
    );
    for (const row of rows) file.add(row);
    const bytes = Buffer.from(file.finish());
    this.#dataFiles += 1;
    const path = `${at}/data/${this.#dataFiles}.parquet`;
    this.files.set(path, bytes);
    const partition = partitionOf(fields, rows[0] ?? {});
    const statistics = statisticsOf(file.statistics());
    const sortOrderId = metadata['default-sort-order-id'];
    return dataFile({ path, partition, rows: rows.length, bytes: bytes.length, statistics, sortOrderId });
  }

  async commit(change: Omit<CommitRequest, 'base' | 'read' | 'now'>): Promise<Commit> {
    const base: LocatedMetadata = { path: this.#path, metadata: this.metadata };
    const made = await commit({ base, read: this.read, now: this.#now, ...change });
    for (const { path, bytes } of [...made.manifests, made.manifestList]) {
      if (this.files.has(path)) throw new Error(`${path} would be overwritten.`);
      this.files.set(path, bytes);
    }
    this.#publish(made.metadata);
    return made;
  }

  evolve(layout: TableLayout): void {
    const next = evolveTable({ path: this.#path, metadata: this.metadata }, layout, { now: this.#now });
    this.#columns = layout.columns;
    if (next !== undefined) this.#publish(next);
  }

  /** Forgets snapshots and deletes what only they name. @returns the names of the deleted files */
  async expire(retention: Retention): Promise<string[]> {
    const { metadata, expired } = expire(this.metadata, retention);
    if (metadata === undefined) return [];
    const base = { path: this.#path, metadata: this.metadata };
    const next = nextMetadata(base, metadata, { now: this.#now, uuid: `expiry-${this.#now}` });
    this.#publish(next);
    const gone = await onlyExpired(this.metadata, expired, this.read);
    const paths = [...gone.data, ...gone.manifests, ...gone.manifestLists, ...next.forgotten];
    for (const path of paths)
      if (!this.files.delete(path)) throw new Error(`${path} would be deleted twice.`);
    return paths;
  }
}
