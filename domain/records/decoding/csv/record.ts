import type * as z from 'zod';
import type { CsvFormat } from '../../../source-format.ts';
import { type Encoding, textOf } from '../encoding.ts';
import type { Reading, Unreadable } from '../reading.ts';
import { EXCERPT_BYTES, type Piece } from '../record.ts';
import { FieldReader, type Fields } from './field-reader.ts';
import { csvFields } from './header.ts';

/** Properties that all records of one file share. */
interface CsvTable {
  readonly encoding: Encoding;
  /** The names in the header. */
  readonly header: readonly string[];
  /** The dataset's field at each position; `undefined` where the column is not one of the dataset's. */
  readonly columns: readonly (string | undefined)[];
  /** The positions of the columns that are not. */
  readonly unknown: readonly number[];
  /** Texts that count as missing. */
  readonly nulls: ReadonlySet<string>;
}

/**
 * Reads the records of one file.
 *
 * @param header the names of its columns @param schema of the dataset's records
 */
export function csvReader(
  format: CsvFormat,
  schema: z.core.$ZodType,
  header: readonly string[],
): (pieces: readonly Piece[]) => CsvRecord[] {
  const reader = new FieldReader(format);
  const fields = csvFields(schema);
  const columns = header.map((name) => (fields?.has(name) ? name : undefined));
  const unknown = [...columns.keys()].filter((i) => columns[i] === undefined);
  const table = { encoding: reader.encoding, header, columns, unknown, nulls: new Set(format.nulls) };
  return (pieces) => {
    const records: CsvRecord[] = [];
    for (const piece of pieces) {
      const { bytes } = piece;
      if ('ends' in piece)
        reader.readRun(piece, (read, start, end) => {
          records.push(new CsvRecord(table, read, bytes, start, end));
        });
      else records.push(new CsvRecord(table, reader.fieldsOf(piece), bytes));
    }
    return records;
  };
}

/** Problems because of which the text of a record can't be shown whole. */
const withoutText = new Set<Unreadable['code']>(['record_too_large', 'invalid_utf8']);

const NONE: readonly never[] = [];

/** A record of CSV: its fields, or why it can't be read; and its bytes. */
export class CsvRecord {
  readonly #table: CsvTable;
  readonly #fields: Fields;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;

  /** @param bytes contain the record from `start` to `end`; if the record is too large, only its beginning */
  constructor(table: CsvTable, fields: Fields, bytes: Buffer, start = 0, end = bytes.length) {
    this.#table = table;
    this.#fields = fields;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** How many bytes of it there are. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The fields by the names of the header. An empty field counts as missing, as it would be in JSON. */
  read(): Reading {
    const { columns, nulls } = this.#table;
    const fields = this.#fields;
    if ('code' in fields) return this.#unreadable(fields);
    if (fields.length !== columns.length) {
      const message = `The record has ${fields.length} fields, and the file ${columns.length} columns.`;
      return this.#unreadable({ code: 'ragged_row', message });
    }
    const value: Record<string, string | undefined> = {};
    for (let i = 0; i < columns.length; i += 1) {
      const name = columns[i];
      // Missing fields are set as well, so that all records have the same shape: objects of various shapes
      // are slow.
      if (name === undefined) continue;
      const field = fields[i];
      value[name] = field === '' || (nulls.size > 0 && nulls.has(field ?? '')) ? undefined : field;
    }
    return { value, json: () => this.#json(), isPlain: true };
  }

  /** The columns that the dataset does not know and in which this record has a value, each with its text. */
  unknownFields(): readonly (readonly [name: string, text: string])[] {
    const { header, columns, unknown, nulls } = this.#table;
    const fields = this.#fields;
    if (unknown.length === 0 || 'code' in fields || fields.length !== columns.length) return NONE;
    const found = unknown.map((i) => [header[i] ?? '', fields[i] ?? ''] as const);
    return found.filter(([, text]) => text !== '' && !nulls.has(text));
  }

  #unreadable(problem: Unreadable): Reading {
    if (!withoutText.has(problem.code)) return { ...problem, json: this.#json() };
    const excerpt = this.#bytes.subarray(this.#start, Math.min(this.#end, this.#start + EXCERPT_BYTES));
    return { ...problem, excerpt: textOf(excerpt, this.#table.encoding) };
  }

  /** The record exactly as in the input, quotes included, as JSON text. */
  #json(): string {
    return JSON.stringify(textOf(this.#bytes.subarray(this.#start, this.#end), this.#table.encoding));
  }
}
