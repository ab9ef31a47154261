import pLimit from 'p-limit';
import { type Column, columnsOf } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { partitionPath, processedKey, type VersionPath } from '../../domain/key-layout.ts';
import type { PartHeader } from '../../domain/part.ts';
import type { StoredObject } from '../../domain/receipt.ts';
import { partitionOf, type Row } from '../../domain/transformation.ts';
import type { ObjectStore } from '../edges/object-store.ts';
import { ParquetFile } from '../edges/parquet/file.ts';
import { sourceMetadata } from './source-metadata.ts';
import { together } from './work.ts';

/** Each open file takes memory, and each is a PUT. */
export const MAX_PARTITIONS = 1000;

const WRITES_AT_ONCE = 8;

/** The files of the lake that one part becomes: one for each partition, rows in the order of the records. */
export class PartitionedFiles {
  readonly #dataset: Dataset;
  readonly #path: VersionPath;
  readonly #header: PartHeader;
  readonly #columns: readonly Column[];
  /** By partition path, for two values can share one: Hive takes empty text for null. */
  readonly #files = new Map<string, ParquetFile>();

  constructor(dataset: Dataset, path: VersionPath, header: PartHeader) {
    this.#dataset = dataset;
    this.#path = path;
    this.#header = header;
    this.#columns = columnsOf(dataset.row).filter(({ name }) => !dataset.partitionBy.includes(name));
  }

  /** Returns whether the row was taken: one more partition than `MAX_PARTITIONS` is not. */
  add(row: Row): boolean {
    const partition = partitionPath(partitionOf(this.#dataset, row));
    let file = this.#files.get(partition);
    if (file === undefined) {
      if (this.#files.size === MAX_PARTITIONS) return false;
      file = new ParquetFile(this.#columns, sourceMetadata(this.#header));
      this.#files.set(partition, file);
    }
    file.add(row);
    return true;
  }

  async store(store: ObjectStore, bucket: string): Promise<StoredObject[]> {
    const limit = pLimit(WRITES_AT_ONCE);
    return together(
      [...this.#files].map(([partition, file]) =>
        limit(async () => {
          const key = processedKey(this.#path, this.#header.part, partition, 'parquet');
          const body = file.finish();
          const metadata = { ...sourceMetadata(this.#header), records: String(file.rows) };
          await store.write({ bucket, key, body, contentType: 'application/vnd.apache.parquet', metadata });
          return { key, records: file.rows, bytes: body.length };
        }),
      ),
    );
  }
}
