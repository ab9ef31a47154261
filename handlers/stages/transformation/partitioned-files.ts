import pLimit from 'p-limit';
import { withOrigin } from '../../../domain/columns.ts';
import type { Dataset, LakeFormat } from '../../../domain/dataset.ts';
import type { PartName } from '../../../domain/records/part.ts';
import { partitionOf, type Row } from '../../../domain/records/transformation.ts';
import { dataKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import { partitionPath } from '../../../domain/versions/partition-path.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import { fieldIds } from '../../../formats/iceberg/schema/fields.ts';
import { statisticsOf } from '../../../formats/iceberg/values/file-statistics.ts';
import { contentTypes, type LakeFile, newLakeFile } from '../../../formats/lake-file.ts';
import type { FieldIds } from '../../../formats/parquet/field-ids.ts';
import type { ObjectStore } from '../../../store/object-store.ts';
import { settleAll } from '../../../store/settle-all.ts';
import type { StageContext } from '../context.ts';
import { sourceMetadata } from '../source-metadata.ts';

const WRITES_AT_ONCE = 8;

/**
 * The files of the lake that are made from one part: one for each partition, with rows in the order of the
 * records.
 */
export class PartitionedFiles {
  readonly #dataset: Dataset;
  readonly #path: VersionPath;
  readonly #part: PartName;
  readonly #format: LakeFormat;
  readonly #codeVersion: string;
  readonly #most: number;
  /** Of the fields of the dataset's Iceberg table. */
  readonly #ids: FieldIds | undefined;
  /** By partition path. */
  readonly #files = new Map<string, LakeFile>();

  constructor(
    dataset: Dataset,
    path: VersionPath,
    part: PartName,
    { codeVersion, limits, tableSchema }: Pick<StageContext, 'codeVersion' | 'limits' | 'tableSchema'>,
  ) {
    this.#most = limits.partitions;
    this.#dataset = dataset;
    this.#path = path;
    this.#part = part;
    this.#format = dataset.processedAs ?? 'parquet';
    this.#codeVersion = codeVersion;
    this.#ids = this.#format === 'parquet' ? fieldIds(tableSchema(dataset).schema) : undefined;
  }

  /** @returns `false` if the row would need one partition too many */
  add(row: Row, recordNumber: number): boolean {
    const partition = partitionPath(partitionOf(this.#dataset, row));
    let file = this.#files.get(partition);
    if (file === undefined) {
      if (this.#files.size === this.#most) return false;
      file = newLakeFile(this.#dataset, this.#format, sourceMetadata(this.#part), this.#ids);
      this.#files.set(partition, file);
    }
    file.add(withOrigin(row, this.#part, recordNumber));
    return true;
  }

  async store(store: ObjectStore, bucket: string): Promise<StoredObject[]> {
    const limit = pLimit(WRITES_AT_ONCE);
    return settleAll(
      [...this.#files].map(([partition, file]) =>
        limit(async () => {
          const name = { codeVersion: this.#codeVersion, extension: this.#format };
          const key = dataKey(this.#path, this.#part.part, partition, name);
          const body = file.finish();
          const metadata = { ...sourceMetadata(this.#part), records: String(file.rows) };
          const contentType = contentTypes[this.#format];
          const written = await store.write({ bucket, key, body, contentType, metadata });
          const statistics = file.statistics && this.#ids && statisticsOf(file.statistics());
          return {
            key,
            records: file.rows,
            bytes: body.length,
            ...written,
            ...(statistics && { statistics }),
          };
        }),
      ),
    );
  }
}
