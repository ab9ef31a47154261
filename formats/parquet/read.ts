import { zstdDecompressSync } from 'node:zlib';
import {
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from 'hyparquet';
import { base64Of } from '../../domain/base64.ts';
import type { Column, ColumnType } from '../../domain/columns.ts';
import { scaledBy } from '../../domain/decimal.ts';
import { instantText } from '../../domain/instant.ts';
import { type Long, longOf } from '../../domain/long.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { fromBigEndian } from './decimals.ts';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
/**
 * Replace hyparquet's own: these drop a byte-order mark at the start of a text, and make dates of timestamps,
 * which have no microseconds. Older files have milliseconds.
 */
const parsers = {
  stringFromBytes: (bytes: Uint8Array | undefined) => bytes && decoder.decode(bytes),
  timestampFromMicroseconds: instantText,
  timestampFromMilliseconds: (milliseconds: bigint) => instantText(milliseconds * 1000n),
};

const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) };

/** A column, or a field of a struct, that a file may have under another name. */
export interface StoredColumn extends Column {
  readonly storedAs?: string;
}

/** A file of which any bytes can be read. */
export interface Bytes {
  readonly byteLength: number;
  slice(start: number, end?: number): ArrayBuffer | Promise<ArrayBuffer>;
}

/** A Parquet file whose footer is read. */
export class OpenParquet {
  readonly #file: Bytes;
  readonly #metadata: FileMetaData;

  constructor(file: Bytes, metadata: FileMetaData) {
    this.#file = file;
    this.#metadata = metadata;
  }

  /** What the footer says of the file's source, by name. */
  get source(): ReadonlyMap<string, string | undefined> {
    return new Map(this.#metadata.key_value_metadata?.map(({ key, value }) => [key, value]));
  }

  /** The columns, with their ids. */
  get columns(): readonly SchemaTree[] {
    return parquetSchema(this.#metadata).children;
  }

  /**
   * The rows, a batch for each row group, their values as the rows had them; a column that is missing in the
   * file is null.
   *
   * @param isWanted whether a row group is to be read: its texts in a column of runs lie within this range
   */
  async *rows(
    columns: readonly StoredColumn[],
    isWanted?: (group: TextRanges) => boolean,
  ): AsyncGenerator<Row[]> {
    const [file, metadata] = [this.#file, this.#metadata];
    const stored = new Set(this.columns.map(({ element }) => element.name));
    const names = columns.map(storedName).filter((name) => stored.has(name));
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      if (isWanted === undefined || isWanted((name) => textRange(group, name))) {
        // Else bytes would be texts.
        const utf8 = false;
        const options = { file, metadata, compressors, parsers, utf8, columns: names, rowStart, rowEnd };
        const found = await parquetReadObjects(options);
        yield found.map((row) => fieldsOf(row, columns));
      }
      rowStart = rowEnd;
    }
  }
}

/** The least and the greatest text of a column in a row group, as far as its footer tells. */
export type TextRanges = (column: string) => readonly [string, string] | undefined;

function textRange({ columns }: RowGroup, name: string): readonly [string, string] | undefined {
  const { statistics } =
    columns.find(({ meta_data: leaf }) => leaf?.path_in_schema.join('.') === name)?.meta_data ?? {};
  const { min_value: min, max_value: max } = statistics ?? {};
  return typeof min === 'string' && typeof max === 'string' ? [min, max] : undefined;
}

/** @throws {Error} if it is no Parquet file */
export async function openParquet(file: Bytes): Promise<OpenParquet> {
  const metadata = await parquetMetadataAsync(file, { parsers: parsers as never });
  return new OpenParquet(file, withExactDecimals(metadata));
}

/**
 * The rows of a Parquet file that `ParquetFile` wrote, a batch for each row group, their values as the rows
 * had them.
 *
 * @param columns the columns of the rows; a nullable one that is missing in the file is null @throws {Error}
 * if the file was not written by `ParquetFile`, or has other columns
 */
export async function* readParquetRows(columns: readonly Column[], bytes: Uint8Array): AsyncGenerator<Row[]> {
  const file = await openParquet(new Uint8Array(bytes).buffer);
  const stored = new Set(file.columns.map(({ element }) => element.name));
  for await (const rows of file.rows(columns)) {
    const missing = columns.find(({ name, nullable }) => !nullable && !stored.has(name));
    if (missing !== undefined) throw new Error(`The file has no column ${missing.name}.`);
    yield rows;
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

const storedName = ({ name, storedAs = name }: StoredColumn): string => storedAs;

function fieldsOf(stored: Row, fields: readonly StoredColumn[]): Row {
  const found: Record<string, unknown> = {};
  for (const field of fields) found[field.name] = plain(stored[storedName(field)], field.type);
  return found;
}

/**
 * A value as the row had it: hyparquet returns a bigint for an int64, and a `Date` for dates.
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
    case 'binary':
      return base64Of(value as Uint8Array);
    case 'list':
      return Array.isArray(value) ? value.map((element) => plain(element, type.element)) : value;
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([name, each]) => [name, plain(each, type.value)]),
      );
    case 'struct':
      return fieldsOf(value as Row, type.fields);
    default:
      return value;
  }
}
