import type { Encoding } from './records/decoding/encoding.ts';

/** The formats that a dataset's objects come in. */
export type SourceFormat = JsonFormat | CsvFormat | ParquetFormat | AvroFormat;

/** A JSON array, NDJSON, or objects one after another, told apart by content; or a list within a document. */
export interface JsonFormat {
  readonly format: 'json';
  /**
   * Where the list of records is in each object, which is one JSON document: the names of fields that lead
   * to it, separated by dots, such as `features` or `data.items`.
   */
  readonly list?: string;
}

/** Apache Parquet. Each row is a record, as it would be in JSON: the fields of `record` are the columns. */
export interface ParquetFormat {
  readonly format: 'parquet';
}

/** Object container files of Apache Avro. Each record is one, as it would be in JSON. */
export interface AvroFormat {
  readonly format: 'avro';
}

/** CSV after RFC 4180. The fields of the dataset's `record` are the columns. */
export interface CsvFormat {
  readonly format: 'csv';
  /** Separates the fields: one character of ASCII, by default a comma. */
  readonly delimiter?: string;
  /**
   * Encloses a field, and is doubled within it: one character of ASCII, by default `"`; `null` if nothing
   * does.
   */
  readonly quote?: string | null;
  /** By default UTF-8, or UTF-16 with a byte-order mark; `latin1` is ISO 8859-1. */
  readonly encoding?: Encoding;
  /** Lines that begin with this character of ASCII are skipped; by default there are none. */
  readonly comment?: string;
  /** Texts that count as missing, like an empty field: `['NA', '\\N']`. */
  readonly nulls?: readonly string[];
  /** `false` if the first line is a record: the fields of `record` are then the columns, in their order. */
  readonly header?: boolean;
  /**
   * `exact`, the default: the header names the columns of `record`, each once, in any order, and no others.
   * `ignore-additional`: other columns are ignored, and columns that `record` does not require may be
   * missing. A file with a different header is refused.
   */
  readonly columns?: 'exact' | 'ignore-additional';
}

/** Why a dataset can't come in this format: the end of a sentence. `undefined` if it can. */
export function whyNoFormat(source: SourceFormat): string | undefined {
  if (source.format === 'parquet' || source.format === 'avro') return undefined;
  if (source.format === 'json') {
    const isPath = source.list === undefined || /^[^.]+(\.[^.]+)*$/.test(source.list);
    return isPath ? undefined : `the list ${JSON.stringify(source.list)} must be names separated by dots.`;
  }
  const { delimiter = ',', quote = '"', comment, columns, header } = source;
  const all = Object.entries({ delimiter, quote, comment }).filter(([, value]) => value != null);
  for (const [name, value] of all)
    if (!isCharacter(String(value)))
      return `the ${name} ${JSON.stringify(value)} must be one character of ASCII, and no line ending.`;
  if (new Set(all.map(([, value]) => value)).size < all.length)
    return `delimiter, quote and comment must differ.`;
  // papaparse would take a comma in its place.
  if (delimiter === '"') return 'the delimiter can’t be a quotation mark.';
  if (header === false && columns !== undefined)
    return 'columns is a contract with the header, and header is false: leave one of them out.';
  return undefined;
}

/** Whether it is one character of ASCII that can separate or enclose fields. */
function isCharacter(text: string): boolean {
  const code = text.charCodeAt(0);
  return text.length === 1 && code > 0 && code < 0x80 && text !== '\n' && text !== '\r';
}
