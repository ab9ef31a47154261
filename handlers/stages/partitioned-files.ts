import { type Column, columnsOf } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { processedKey, type VersionPath } from '../../domain/key-layout.ts';
import type { PartHeader } from '../../domain/part.ts';
import type { StoredObject } from '../../domain/receipt.ts';
import type { Row } from '../../domain/transformation.ts';
import type { ObjectStore } from '../edges/object-store.ts';
import { ParquetFile } from '../edges/parquet/file.ts';
import { sourceMetadata } from './source-metadata.ts';

/** The files of the lake that one part becomes: one for each partition, rows in the order of the records. */
export class PartitionedFiles {
  readonly #dataset: Dataset;
  readonly #path: VersionPath;
  readonly #header: PartHeader;
  readonly #columns: readonly Column[];
  readonly #files = new Map<string, ParquetFile>();

  constructor(dataset: Dataset, path: VersionPath, header: PartHeader) {
    this.#dataset = dataset;
    this.#path = path;
    this.#header = header;
    this.#columns = columnsOf(dataset.row).filter(({ name }) => !dataset.partitionBy.includes(name));
  }

  add(row: Row): void {
    const partition = this.#dataset.partitionBy.map((column) => textOf(row[column]));
    const name = JSON.stringify(partition);
    let file = this.#files.get(name);
    if (file === undefined) {
      file = new ParquetFile(this.#columns, sourceMetadata(this.#header));
      this.#files.set(name, file);
    }
    file.add(row);
  }

  async store(store: ObjectStore, bucket: string): Promise<StoredObject[]> {
    return Promise.all(
      [...this.#files].map(async ([name, file]) => {
        const values = JSON.parse(name) as (string | null)[];
        const partition = this.#dataset.partitionBy.map((column, i) => [column, values[i] ?? null] as const);
        const key = processedKey(this.#path, this.#header.part, partition, 'parquet');
        const body = file.finish();
        const metadata = { ...sourceMetadata(this.#header), records: String(file.rows) };
        await store.write({ bucket, key, body, contentType: 'application/vnd.apache.parquet', metadata });
        return { key, records: file.rows, bytes: body.length };
      }),
    );
  }
}

function textOf(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
