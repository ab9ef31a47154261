import type * as z from 'zod';
import type { CsvFormat } from '../../../source-format.ts';
import { textOf } from '../encoding.ts';
import type { Reading, Unreadable } from '../reading.ts';
import { EXCERPT_BYTES, type Piece, startIn } from '../record.ts';
import { CsvBytes, FieldReader, type Fields } from './field-reader.ts';
import { csvFields } from './header.ts';
import { ValueReader } from './value-reader.ts';

/** Properties that all records of one file share. */
interface CsvTable {
  readonly reader: FieldReader;
  readonly values: ValueReader;
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
  const reader = new FieldReader(format, header.length);
  const fields = csvFields(schema);
  const columns = header.map((name) => (fields?.has(name) ? name : undefined));
  const unknown = [...columns.keys()].filter((i) => columns[i] === undefined);
  const nulls = new Set(format.nulls);
  const values = new ValueReader(reader, schema, columns, nulls);
  const table = { reader, values, header, columns, unknown, nulls };
  return (pieces) => {
    const records: CsvRecord[] = [];
    for (const piece of pieces) {
      const bytes = new CsvBytes(piece, reader.encoding);
      if ('ends' in piece)
        for (let i = 0; i < piece.ends.length; i += 1)
          records.push(new CsvRecord(table, bytes, startIn(piece, i), piece.ends[i] as number));
      else records.push(new CsvRecord(table, bytes, 0, piece.bytes.length));
    }
    return records;
  };
}

/** Problems because of which the text of a record can't be shown whole. */
const withoutText = new Set<Unreadable['code']>(['record_too_large', 'invalid_utf8']);

const NONE: readonly never[] = [];

/** A record of CSV, which is read when somebody asks for it. */
export class CsvRecord {
  readonly #table: CsvTable;
  readonly #in: CsvBytes;
  readonly #start: number;
  readonly #end: number;

  /** @param bytes contain the record from `start` to `end`; if the record is too large, only its beginning */
  constructor(table: CsvTable, bytes: CsvBytes, start: number, end: number) {
    this.#table = table;
    this.#in = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** How many bytes of it there are. */
  get length(): number {
    return this.#end - this.#start;
  }

  /**
   * What the dataset's schema makes of the record. `undefined` tells nothing: then `read` and the schema must
   * be asked, which takes several times as long.
   */
  value(): Record<string, unknown> | undefined {
    return this.#table.values.read(this.#in, this.#start, this.#end);
  }

  /** The fields by the names of the header. An empty field counts as missing, as it would be in JSON. */
  read(): Reading {
    const { columns, nulls } = this.#table;
    const fields = this.#fields();
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
    const { reader, header, columns, unknown, nulls } = this.#table;
    if (unknown.length === 0) return NONE;
    const isPlain = reader.find(this.#in, this.#start, this.#end) === columns.length;
    const fields = isPlain ? undefined : this.#fields();
    if (fields !== undefined && ('code' in fields || fields.length !== columns.length)) return NONE;
    const found = unknown.map((i) => [header[i] ?? '', fields?.[i] ?? reader.text(i)] as const);
    return found.filter(([, text]) => text !== '' && !nulls.has(text));
  }

  #fields(): Fields {
    return this.#table.reader.fieldsOf(this.#in, this.#start, this.#end);
  }

  #unreadable(problem: Unreadable): Reading {
    if (!withoutText.has(problem.code)) return { ...problem, json: this.#json() };
    const excerpt = this.#in.bytes.subarray(this.#start, Math.min(this.#end, this.#start + EXCERPT_BYTES));
    return { ...problem, excerpt: textOf(excerpt, this.#table.reader.encoding) };
  }

  /** The record exactly as in the input, quotes included, as JSON text. */
  #json(): string {
    return JSON.stringify(
      textOf(this.#in.bytes.subarray(this.#start, this.#end), this.#table.reader.encoding),
    );
  }
}
