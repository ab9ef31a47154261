import { storedColumns, tableColumns } from '../domain/columns.ts';
import type { Dataset, LakeFormat } from '../domain/dataset.ts';
import { partitionFields } from '../domain/partitions.ts';
import type { Row } from '../domain/records/transformation.ts';
import { parsePartitionPath } from '../domain/versions/partition-path.ts';
import { parseText } from './column-text.ts';
import { CsvFile } from './csv/file.ts';
import { readCsvRows } from './csv/read.ts';
import type { FieldIds } from './parquet/field-ids.ts';
import { ParquetFile, type ParquetStatistics } from './parquet/file.ts';

/** A file of the lake or of the archive that is being written, in memory. */
export interface LakeFile {
  readonly rows: number;
  /**
   * @throws {TypeError} if the row does not have the dataset's types; then the file must not be used any more
   */
  add(row: Row): void;
  finish(): Uint8Array;
  /** Of the finished file, for the manifest of its table, if it was made with ids. */
  readonly statistics?: () => ParquetStatistics;
}

export const contentTypes: Readonly<Record<LakeFormat, string>> = {
  parquet: 'application/vnd.apache.parquet',
  csv: 'text/csv; charset=utf-8',
};

/**
 * Starts a file with a dataset's columns. The rows have their record number in `_record`.
 *
 * @param metadata the source of the file; Parquet has room for it, CSV does not
 * @param ids of the fields of the dataset's Iceberg table, if the file is for it: then it has the partition
 * columns too, since readers of such tables look for them in the files
 */
export function newLakeFile(
  dataset: Dataset,
  format: LakeFormat,
  metadata: Readonly<Record<string, string>>,
  ids?: FieldIds,
): LakeFile {
  if (ids !== undefined) return new ParquetFile(tableColumns(dataset), metadata, ids);
  const columns = storedColumns(dataset);
  return format === 'csv' ? new CsvFile(columns) : new ParquetFile(columns, metadata);
}

/**
 * The rows of a file of the lake, in batches, with the columns of the dataset and `_record`: those of the
 * partition are in the file's key. Which revision of which object they are from, the key tells too.
 *
 * @param file the parts of the file's key, see `parseProcessedKey` @throws {Error} if the transformation did
 * not write it
 */
export async function* readLakeFile(
  dataset: Dataset,
  file: { readonly extension: string; readonly partitionPath: string },
  bytes: Uint8Array,
): AsyncGenerator<Row[]> {
  const columns = storedColumns(dataset).filter(({ inRuns }) => inRuns === undefined);
  const partition = valuesNotStored(dataset, file.partitionPath);
  const batches =
    file.extension === 'csv'
      ? readCsvRows(columns, bytes)
      : (await parquet()).readParquetRows(columns, bytes);
  for await (const rows of batches)
    yield partition === undefined ? rows : rows.map((row) => ({ ...row, ...partition }));
}

/** Who only writes does not need it. */
const parquet = () => import('./parquet/read.ts');

/**
 * The values of the columns that partition the dataset; `undefined` if no column does.
 *
 * @throws {Error} if code made the file that partitions otherwise: it has other columns
 */
function valuesNotStored(dataset: Dataset, partitionPath: string): Row | undefined {
  const values = partitionValues(dataset, partitionPath);
  const fields = partitionFields(dataset.partitionBy);
  const missing = fields.find(({ name }) => !(name in values));
  if (missing !== undefined)
    throw new Error(`${missing.name} partitions ${dataset.name}, and is not in ${partitionPath}.`);
  const columns = fields.filter(({ transform }) => transform === 'identity');
  return columns.length === 0
    ? undefined
    : Object.fromEntries(columns.map(({ name }) => [name, values[name]]));
}

/** The values of a partition by the names of its fields: those of columns, days and months as text. */
export function partitionValues(dataset: Dataset, partitionPath: string): Row {
  const fields = new Map(partitionFields(dataset.partitionBy).map((field) => [field.name, field]));
  const columns = new Map(tableColumns(dataset).map((column) => [column.name, column]));
  return Object.fromEntries(
    parsePartitionPath(partitionPath).map(([name, text]) => {
      const field = fields.get(name);
      const column = field && columns.get(field.column);
      if (column === undefined) throw new Error(`${name} does not partition ${dataset.name}.`);
      return [name, text === null || field?.transform !== 'identity' ? text : parseText(column, text)];
    }),
  );
}
