import { storedColumns, tableColumns } from '../domain/columns.ts';
import type { Dataset, LakeFormat } from '../domain/dataset.ts';
import type { Row } from '../domain/records/transformation.ts';
import { parsePartitionPath } from '../domain/versions/key-layout.ts';
import { parseText } from './column-text.ts';
import { CsvFile } from './csv/file.ts';
import { readCsvRows } from './csv/read.ts';
import { ParquetFile } from './parquet/file.ts';
import { readParquetRows } from './parquet/read.ts';

/** A file of the lake or of the archive under way, in memory. */
export interface LakeFile {
  readonly rows: number;
  /** @throws {TypeError} when the row is not of the dataset's types; the file is not to be used any more */
  add(row: Row): void;
  finish(): Uint8Array;
}

export const contentTypes: Readonly<Record<LakeFormat, string>> = {
  parquet: 'application/vnd.apache.parquet',
  csv: 'text/csv; charset=utf-8',
};

/**
 * Begins a file of a dataset's stored columns. The rows name their record as `_record`.
 *
 * @param metadata of where the file comes from; Parquet has room for it, CSV has none
 */
export function newLakeFile(
  dataset: Dataset,
  format: LakeFormat,
  metadata: Readonly<Record<string, string>>,
): LakeFile {
  const columns = storedColumns(dataset);
  return format === 'csv' ? new CsvFile(columns) : new ParquetFile(columns, metadata);
}

/**
 * The rows of a file of the lake, in batches, with all columns of the table: the partition columns, which stand in the
 * file's key, and `_record`.
 *
 * @param file what the file's key says, see `parseProcessedKey`
 * @throws {Error} when the transformation did not write it
 */
export async function* readLakeFile(
  dataset: Dataset,
  file: { readonly extension: string; readonly partitionPath: string },
  bytes: Uint8Array,
): AsyncGenerator<Row[]> {
  const columns = storedColumns(dataset);
  const partition = partitionValues(dataset, file.partitionPath);
  const batches = file.extension === 'csv' ? readCsvRows(columns, bytes) : readParquetRows(columns, bytes);
  for await (const rows of batches)
    yield partition === undefined ? rows : rows.map((row) => ({ ...row, ...partition }));
}

/** The values that all rows of a partition have; `undefined` where there are no partitions. */
function partitionValues(dataset: Dataset, partitionPath: string): Row | undefined {
  if (dataset.partitionBy.length === 0) return undefined;
  const columns = new Map(tableColumns(dataset).map((column) => [column.name, column]));
  return Object.fromEntries(
    parsePartitionPath(partitionPath).map(([name, text]) => {
      const column = columns.get(name);
      if (column === undefined) throw new Error(`${name} is no column of ${dataset.name}.`);
      return [name, text === null ? null : parseText(column, text)];
    }),
  );
}
