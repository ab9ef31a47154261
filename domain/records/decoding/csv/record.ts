import type { Reading, Unreadable } from '../reading.ts';
import { EXCERPT_BYTES } from '../record.ts';

/** What the records of one file share. */
export interface CsvTable {
  readonly encoding: 'utf-8' | 'latin1';
  /** The dataset's field at each position; `undefined` where the column is not one of the dataset's. */
  readonly columns: readonly (string | undefined)[];
}

/** Why the text of a record can't be shown whole. */
const withoutText = new Set<Unreadable['code']>(['record_too_large', 'invalid_utf8']);

/** A record of CSV: its fields, or why it has none; and where it stood. */
export class CsvRecord {
  readonly #table: CsvTable;
  readonly #fields: readonly string[] | Unreadable;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;

  /** @param bytes what holds the record, from `start` to `end`; of a record that is too large, its beginning */
  constructor(
    table: CsvTable,
    fields: readonly string[] | Unreadable,
    bytes: Buffer,
    start = 0,
    end = bytes.length,
  ) {
    this.#table = table;
    this.#fields = fields;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** The fields by the names of the header. An empty field is no field: it is missing, as it would be in JSON. */
  read(): Reading {
    const { columns } = this.#table;
    const fields = this.#fields;
    if ('code' in fields) return this.#unreadable(fields);
    if (fields.length !== columns.length) {
      const message = `The record has ${fields.length} fields; the header names ${columns.length}.`;
      return this.#unreadable({ code: 'ragged_row', message });
    }
    const value: Record<string, string | undefined> = {};
    for (let i = 0; i < columns.length; i += 1) {
      const name = columns[i];
      // Also the missing ones, so that all records are of one shape: objects that aren't are slow.
      if (name !== undefined) value[name] = fields[i] || undefined;
    }
    return { value, json: () => this.#json() };
  }

  #unreadable(problem: Unreadable): Reading {
    if (!withoutText.has(problem.code)) return { ...problem, json: this.#json() };
    const excerpt = this.#bytes.subarray(this.#start, Math.min(this.#end, this.#start + EXCERPT_BYTES));
    return { ...problem, excerpt: excerpt.toString(this.#table.encoding) };
  }

  /** The record as it stood in the input, quotes and all, as a JSON text. */
  #json(): string {
    return JSON.stringify(this.#bytes.toString(this.#table.encoding, this.#start, this.#end));
  }
}
