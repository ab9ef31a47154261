import { parquetMetadataAsync, parquetSchema, type SchemaTree } from 'hyparquet';
import Papa from 'papaparse';
import { ServiceError } from '../service-error.ts';
import type { Files, FoundFile } from './files.ts';
import type { CatalogColumn, TableSettings } from './settings.ts';

const HEADER_BYTES = 65_536;

/**
 * How a file differs from its table, a sentence each: a column that one of them lacks, or a type. Empty when it does not,
 * or when the file is gone.
 */
export async function driftOf(
  table: TableSettings,
  bucket: string,
  { key, size }: FoundFile,
  files: Files,
): Promise<string[]> {
  const read = (start: number, end: number) => files.read(bucket, key, start, end);
  try {
    const isCsv = table.parameters['classification'] === 'csv';
    const columns = isCsv ? await csvColumns(read) : await parquetColumns(read, size);
    return columns === undefined ? [] : [...differences(table, columns)].map((what) => `${key}: ${what}`);
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    return [`${key}: it can't be read as ${table.parameters['classification']}: ${(error as Error).message}`];
  }
}

type Read = (start: number, end: number) => Promise<Uint8Array | undefined>;

function* differences(table: TableSettings, columns: readonly CatalogColumn[]): Generator<string> {
  const inFile = new Map(columns.map(({ name, type }) => [name, type]));
  for (const { name, type } of table.columns) {
    const actual = inFile.get(name);
    if (actual === undefined) yield `it has no column ${name}`;
    else if (actual !== type) yield `its column ${name} is ${actual}, and ${type} in the table`;
    inFile.delete(name);
  }
  for (const name of inFile.keys()) yield `its column ${name} is not in the table`;
}

/** The header's names. Values are text, and so are the columns of a CSV table. */
async function csvColumns(read: Read): Promise<CatalogColumn[] | undefined> {
  const bytes = await read(0, HEADER_BYTES);
  if (bytes === undefined) return undefined;
  const [header = []] = Papa.parse<string[]>(new TextDecoder().decode(bytes), { preview: 1 }).data;
  return header.map((name) => ({ name, type: 'string' }));
}

async function parquetColumns(read: Read, byteLength: number): Promise<CatalogColumn[] | undefined> {
  let gone = false;
  const slice = async (start: number, end = byteLength) => {
    const bytes = await read(start < 0 ? byteLength + start : start, end < 0 ? byteLength + end : end);
    gone ||= bytes === undefined;
    return new Uint8Array(bytes ?? []).buffer;
  };
  try {
    const metadata = await parquetMetadataAsync({ byteLength, slice });
    return parquetSchema(metadata).children.map((child) => ({
      name: child.element.name,
      type: hiveType(child),
    }));
  } catch (error) {
    if (gone) return undefined;
    throw error;
  }
}

/** "Parquet logical type definitions", as Hive names them. */
function hiveType({ element, children }: SchemaTree): string {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (converted === 'LIST' || logical?.type === 'LIST') {
    const item = children[0]?.children[0];
    return `array<${item === undefined ? 'unknown' : hiveType(item)}>`;
  }
  if (children.length > 0)
    return `struct<${children.map((child) => `${child.element.name}:${hiveType(child)}`).join(',')}>`;
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
