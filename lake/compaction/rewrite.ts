import type { Row } from '../../domain/records/transformation.ts';
import { columnsOfSchema } from '../../domain/tables/schema/schema-after.ts';
import { compactedKey, parseCompactedKey, parseDataKey } from '../../domain/versions/key-layout.ts';
import type { DataFile } from '../../formats/iceberg/manifest/data-file.ts';
import { currentSchema, type TableMetadata } from '../../formats/iceberg/metadata/metadata.ts';
import { fieldIds } from '../../formats/iceberg/schema/fields.ts';
import { dataFile, statisticsOf } from '../../formats/iceberg/values/file-statistics.ts';
import { ParquetFile } from '../../formats/parquet/file.ts';
import { parseS3Uri, type TableFiles } from '../table-files.ts';
import { type Origin, originOf, rowsOfFile, type Shape, sortedRows } from './sorted-rows.ts';

/**
 * So large are the values of a row group, for the memory of who reads it later: a compaction reads one of
 * each of several files.
 */
const GROUP_BYTES = 8 * 1024 * 1024;

/** Writes files of a table as one, which no snapshot names yet. @param files of one partition */
export async function compactedOf(
  table: TableFiles,
  metadata: TableMetadata,
  files: readonly [DataFile, ...DataFile[]],
  uuid: string,
): Promise<DataFile> {
  const shape = shapeOf(metadata);
  const made = await written(table, files[0], shape, sortedRows(table, files, shape), uuid);
  if (made === undefined) throw new Error(`${files[0].filePath} and others have no rows.`);
  return made;
}

/**
 * Writes a compacted file without the rows of some versions, as another one, which no snapshot names yet.
 *
 * @returns `undefined` if nothing is left of it
 */
export function without(
  table: TableFiles,
  metadata: TableMetadata,
  file: DataFile,
  isGone: (origin: Origin) => boolean,
  uuid: string,
): Promise<DataFile | undefined> {
  const shape = shapeOf(metadata);
  const stays = (row: Row) => !isGone(originOf(row));
  const rows = async function* () {
    for await (const batch of rowsOfFile(table, file, shape)) yield batch.filter(stays);
  };
  return written(table, file, shape, rows(), uuid);
}

/** As the table's schema is now, which may be newer than this code. */
function shapeOf(metadata: TableMetadata): Shape {
  const schema = currentSchema(metadata);
  return { columns: columnsOfSchema(schema), ids: fieldIds(schema) };
}

/** @param like a file of the same partition */
async function written(
  table: TableFiles,
  like: DataFile,
  { columns, ids }: Shape,
  batches: AsyncIterable<Row[]>,
  uuid: string,
): Promise<DataFile | undefined> {
  const file = new ParquetFile(columns, {}, ids, GROUP_BYTES);
  for await (const rows of batches) for (const row of rows) file.add(row);
  if (file.rows === 0) return undefined;
  const bytes = file.finish();
  const { key: before } = parseS3Uri(like.filePath);
  const { partitionPath = '' } = parseCompactedKey(before) ?? parseDataKey(before) ?? {};
  const key = compactedKey({ dataset: table.name, partitionPath, uuid });
  await table.put(key, bytes);
  return dataFile({
    path: table.uri(key),
    partition: like.partition,
    rows: file.rows,
    bytes: bytes.length,
    statistics: statisticsOf(file.statistics()),
  });
}
