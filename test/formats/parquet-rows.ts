import { zstdDecompressSync } from 'node:zlib';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import type { Column, ColumnType } from '../../domain/columns.ts';
import { plainNumber } from '../../domain/records/number-text.ts';
import type { Row } from '../../domain/records/transformation.ts';

export function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** All rows, as hyparquet reads them: no code of ours. */
export async function readParquet(file: Uint8Array): Promise<Row[]> {
  const buffer = arrayBufferOf(file);
  const metadata = parquetMetadata(buffer);
  // It makes doubles of decimals.
  for (const element of metadata.schema)
    if (element.converted_type === 'DECIMAL') {
      delete element.converted_type;
      delete element.logical_type;
    }
  const rows = await parquetReadObjects({
    file: buffer,
    metadata,
    utf8: false,
    compressors: { ZSTD: (input) => new Uint8Array(zstdDecompressSync(input)) },
    // Its own drops the byte-order mark that a text begins with.
    parsers: {
      stringFromBytes: (bytes) => bytes && Buffer.from(bytes).toString('utf8'),
      // Its own drops the microseconds.
      timestampFromMicroseconds: (micros) => micros as never,
    },
  });
  return rows.map((row) => withNulls(row) as Row);
}

/** Of a decimal, as text or as the file stores it. */
export function wholeNumber(value: unknown, scale = 0): bigint {
  if (typeof value === 'string') {
    const { isNegative, whole, fraction } = plainNumber(value);
    return (isNegative ? -1n : 1n) * BigInt(whole + fraction.padEnd(scale, '0'));
  }
  if (!(value instanceof Uint8Array)) return BigInt(value as number);
  return BigInt.asIntN(8 * value.length, BigInt(`0x${Buffer.from(value).toString('hex')}`));
}

/** The reader gives an absent list or struct back as `undefined`. */
function withNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNulls);
  if (value === null || typeof value !== 'object' || value instanceof Date || value instanceof Uint8Array)
    return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withNulls(field)]));
}

/** A row with numbers for instants and long integers, however a reader spells them. */
export function comparable(
  row: Row,
  columns: readonly Column[],
  base64: (shown: string) => string = String,
): Row {
  return Object.fromEntries(
    columns.map(({ name, type }) => [name, comparableValue(row[name], type, base64)]),
  );
}

/** Base64 of bytes as DuckDB shows them: `\x00a`. */
export function base64OfShown(text: string): string {
  const bytes = text.replace(/\\x([0-9A-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number(`0x${digits}`)),
  );
  return Buffer.from(bytes, 'latin1').toString('base64');
}

function comparableValue(value: unknown, type: ColumnType, base64: (shown: string) => string): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case 'date':
      return value instanceof Date ? value.getTime() : Date.parse(String(value));
    case 'timestamp':
      return microseconds(value);
    case 'binary':
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : base64(String(value));
    case 'int64':
      return BigInt(value as number);
    case 'decimal':
      return wholeNumber(value, type.scale);
    case 'int32':
    case 'double':
      return Number(value);
    case 'list':
      return (value as unknown[]).map((element) => comparableValue(element, type.element, base64));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([name, each]) => [
          name,
          comparableValue(each, type.value, base64),
        ]),
      );
    case 'struct':
      return comparable(value as Row, type.fields, base64);
    default:
      return value;
  }
}

/** Of an instant, as text, as the file stores it, or as a reader has it that knows milliseconds. */
export function microseconds(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (value instanceof Date) return BigInt(value.getTime()) * 1000n;
  const [, day, time, digits = ''] = /^(\S+)[ T](..:..:..)\.?(\d*)(?:Z|\+00)?$/.exec(String(value)) ?? [];
  return BigInt(Date.parse(`${day}T${time}Z`)) * 1000n + BigInt(digits.padEnd(6, '0'));
}

/** A row that DuckDB wrote as JSON, with its numbers as text, since they may have many digits. */
export function rowFromJson(json: unknown): Row {
  return JSON.parse(String(json), exactly) as Row;
}

function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? context?.source : value;
}
