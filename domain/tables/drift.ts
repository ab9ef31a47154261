import { type FileMetaData, parquetMetadataAsync, parquetSchema, type SchemaTree } from 'hyparquet';
import Papa from 'papaparse';
import { decimalName } from '../decimal.ts';
import { errorText } from '../errors.ts';
import type { GlueColumn } from './glue.ts';

/** How much of a CSV file is read: more than any header has. */
export const HEADER_BYTES = 65_536;
/** Two magic numbers and the length of a footer ("Apache Parquet: File Format"). */
const SHORTEST_PARQUET = 12;

/** A table of the catalog, with those of its columns that are in its files. */
export interface DeclaredTable {
  readonly columns: readonly GlueColumn[];
  /** The table's classification. */
  readonly format: string;
  /** The columns in the files' keys, which files of Parquet may have as well. */
  readonly partitionKeys?: readonly Pick<GlueColumn, 'name'>[];
}

/** Reads bytes of a file, `end` excluded; `undefined` if the file is gone. */
export type ReadRange = (start: number, end: number) => Promise<Uint8Array | undefined>;

/**
 * The differences between a file and its table, a phrase each: a missing or additional column, a type; for
 * CSV, which is read by position, the order. Empty if there are none, or the file is gone.
 *
 * @param size the file's size in bytes @throws the errors of `read`
 */
export async function driftOf(
  { columns, format, partitionKeys = [] }: DeclaredTable,
  size: number,
  read: ReadRange,
): Promise<string[]> {
  let failed: { readonly cause: unknown } | undefined;
  const readOrFail: ReadRange = (start, end) =>
    read(start, end).catch((cause: unknown) => {
      failed = { cause };
      throw cause;
    });
  try {
    if (format === 'csv') {
      const found = await csvColumns(readOrFail);
      return found === undefined ? [] : [...differences(columns, found, true)];
    }
    const found = await parquetColumns(readOrFail, size);
    // Engines take the value of a partition column from the key, whatever the file has.
    const own = found?.filter(({ name }) => !partitionKeys.some((key) => key.name === name));
    return own === undefined ? [] : [...differences(columns, own, false)];
  } catch (error) {
    if (failed !== undefined) throw failed.cause;
    return [`it can't be read as ${format}: ${errorText(error)}`];
  }
}

function* differences(
  declared: readonly GlueColumn[],
  found: readonly GlueColumn[],
  byPosition: boolean,
): Generator<string> {
  const inFile = new Map(found.map(({ name, type }) => [name, type]));
  for (const { name, type } of declared) {
    const actual = inFile.get(name);
    if (actual === undefined) yield `it has no column ${name}`;
    else if (actual !== type) yield `its column ${name} is ${actual}, and ${type} in the table`;
    inFile.delete(name);
  }
  for (const name of inFile.keys()) yield `its column ${name} is not in the table`;
  const misplaced = found.find(({ name }, i) => declared[i]?.name !== name);
  if (byPosition && misplaced !== undefined && declared.some(({ name }) => name === misplaced.name))
    yield `its column ${misplaced.name} is where the table has another`;
}

/** The header's names. Values are text, and so are the columns of a CSV table. */
async function csvColumns(read: ReadRange): Promise<GlueColumn[] | undefined> {
  const bytes = await read(0, HEADER_BYTES);
  if (bytes === undefined) return undefined;
  return csvHeader(bytes).map((name) => ({ name, type: 'string' }));
}

/** The columns that a CSV file's first bytes name; none for an empty file. */
export function csvHeader(bytes: Uint8Array): string[] {
  const options = { delimiter: ',', preview: 1 };
  return Papa.parse<string[]>(new TextDecoder().decode(bytes), options).data[0] ?? [];
}

async function parquetColumns(read: ReadRange, size: number): Promise<GlueColumn[] | undefined> {
  const metadata = await parquetFooter(read, size);
  return (
    metadata &&
    parquetSchema(metadata).children.map((child) => ({ name: child.element.name, type: hiveType(child) }))
  );
}

/**
 * What a Parquet file's footer says; `undefined` if the file is gone.
 *
 * @throws {Error} that says why it can't be read
 */
export async function parquetFooter(read: ReadRange, byteLength: number): Promise<FileMetaData | undefined> {
  if (byteLength < SHORTEST_PARQUET) throw new Error('it is too short');
  let gone = false;
  const slice = async (start: number, end = byteLength) => {
    const bytes = await read(start < 0 ? byteLength + start : start, end < 0 ? byteLength + end : end);
    gone ||= bytes === undefined;
    return new Uint8Array(bytes ?? []).buffer;
  };
  try {
    return await parquetMetadataAsync({ byteLength, slice });
  } catch (error) {
    if (gone) return undefined;
    throw error;
  }
}

/** "Parquet logical type definitions", as Hive names them. */
function hiveType({ element, children }: SchemaTree): string {
  const { type, converted_type: converted, logical_type: logical, precision, scale } = element;
  if (converted === 'LIST' || logical?.type === 'LIST') {
    const item = children[0]?.children[0];
    return `array<${item === undefined ? 'unknown' : hiveType(item)}>`;
  }
  if (converted === 'MAP' || logical?.type === 'MAP') {
    const [key, value] = children[0]?.children ?? [];
    return `map<${key === undefined ? 'unknown' : hiveType(key)},${value === undefined ? 'unknown' : hiveType(value)}>`;
  }
  if (children.length > 0)
    return `struct<${children.map((child) => `${child.element.name}:${hiveType(child)}`).join(',')}>`;
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL')
    return decimalName({ kind: 'decimal', precision: precision ?? 0, scale: scale ?? 0 });
  switch (type) {
    case 'BYTE_ARRAY':
      return converted === 'UTF8' || logical?.type === 'STRING' ? 'string' : 'binary';
    case 'INT32':
      return converted === 'DATE' || logical?.type === 'DATE' ? 'date' : 'int';
    case 'INT64':
      return timestampOf(converted, logical);
    case 'DOUBLE':
    case 'FLOAT':
    case 'BOOLEAN':
      return type.toLowerCase();
    default:
      return String(type).toLowerCase();
  }
}

function timestampOf(
  converted: SchemaTree['element']['converted_type'],
  logical: SchemaTree['element']['logical_type'],
): string {
  if (logical?.type === 'TIMESTAMP')
    return logical.unit === 'NANOS' ? 'timestamp in nanoseconds' : 'timestamp';
  return converted?.startsWith('TIMESTAMP') ? 'timestamp' : 'bigint';
}
