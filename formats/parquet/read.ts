import { zstdDecompressSync } from 'node:zlib';
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { Column, ColumnType } from '../../domain/columns.ts';
import { scaledBy } from '../../domain/decimal.ts';
import { type Long, longOf } from '../../domain/long.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { fromBigEndian } from './decimals.ts';

/** Replaces hyparquet's own decoder, which drops a byte-order mark at the start of a text. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const parsers = { stringFromBytes: (bytes: Uint8Array | undefined) => bytes && decoder.decode(bytes) };

const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) };

/**
 * The rows of a Parquet file that `ParquetFile` wrote, a batch for each row group, their values as the rows
 * had them.
 *
 * @param columns the columns of the rows; a nullable one that is missing in the file is null @throws {Error}
 * if the file was not written by `ParquetFile`, or has other columns
 */
export async function* readParquetRows(columns: readonly Column[], bytes: Uint8Array): AsyncGenerator<Row[]> {
  const file = new Uint8Array(bytes).buffer;
  const metadata = withExactDecimals(await parquetMetadataAsync(file));
  const [group] = metadata.row_groups;
  if (group === undefined) return;
  const stored = new Set(group.columns.map(({ meta_data: leaf }) => leaf?.path_in_schema[0]));
  const missing = columns.find(({ name, nullable }) => !nullable && !stored.has(name));
  if (missing !== undefined) throw new Error(`The file has no column ${missing.name}.`);
  const names = columns.map(({ name }) => name).filter((name) => stored.has(name));
  let rowStart = 0;
  for (const { num_rows: rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(rows);
    const options = { file, metadata, compressors, parsers, columns: names, rowStart, rowEnd };
    const found = await parquetReadObjects(options);
    for (const row of found) {
      for (const { name, type } of columns) row[name] = plain(row[name], type);
    }
    yield found;
    rowStart = rowEnd;
  }
}

/** Without the types of decimals: hyparquet would make doubles of them. */
function withExactDecimals(metadata: FileMetaData): FileMetaData {
  const schema = metadata.schema.map((element) => {
    if (element.converted_type !== 'DECIMAL') return element;
    const { converted_type: _, logical_type: __, ...plainElement } = element;
    return plainElement;
  });
  return { ...metadata, schema };
}

/**
 * A value as the row had it: hyparquet returns a bigint for an int64, and a `Date` for dates and timestamps.
 */
function plain(value: unknown, type: ColumnType): unknown {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'int64':
      return typeof value === 'bigint' ? longOf(value) : value;
    case 'decimal':
      return scaledBy(value instanceof Uint8Array ? fromBigEndian(value) : (value as Long), type.scale);
    case 'date':
      return value instanceof Date ? value.toISOString().slice(0, 10) : value;
    case 'timestamp':
      return value instanceof Date ? value.toISOString() : value;
    case 'list':
      return Array.isArray(value) ? value.map((element) => plain(element, type.element)) : value;
    case 'struct':
      return Object.fromEntries(
        type.fields.map(({ name, type: field }) => [
          name,
          plain((value as Record<string, unknown>)[name], field),
        ]),
      );
    default:
      return value;
  }
}
