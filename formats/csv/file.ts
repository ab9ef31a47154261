import type { Column } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { textOf } from '../column-text.ts';

/**
 * So much text is gathered before it becomes bytes. Thousands of lines that live until the end would be
 * copied by every garbage collection.
 */
const TEXT_LENGTH = 32 * 1024;

/** Characters for which a field must be quoted. */
const SPECIAL = /[",\r\n]/;

/**
 * Writes rows of one table into a CSV file in memory, after RFC 4180, with a header, in UTF-8. NULL is an
 * empty field, and empty text is a quoted one, as PostgreSQL and DuckDB read them, too. Text that a
 * spreadsheet would take for a formula is unchanged. Equal rows give equal bytes.
 */
export class CsvFile {
  readonly #columns: readonly Column[];
  readonly #chunks: Buffer[] = [];
  #text: string;
  #rows = 0;

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
    this.#text = `${columns.map(({ name }) => name).join(',')}\r\n`;
  }

  get rows(): number {
    return this.#rows;
  }

  /** @throws {TypeError} if the row does not have the columns' types */
  add(row: Row): void {
    let line = '';
    let separator = '';
    for (const column of this.#columns) {
      line += separator + field(column, row[column.name]);
      separator = ',';
    }
    this.#text += `${line}\r\n`;
    this.#rows += 1;
    if (this.#text.length > TEXT_LENGTH) this.#encode();
  }

  finish(): Uint8Array {
    this.#encode();
    return Buffer.concat(this.#chunks);
  }

  #encode(): void {
    this.#chunks.push(Buffer.from(this.#text));
    this.#text = '';
  }
}

function field(column: Column, value: unknown): string {
  if (value === null || value === undefined) {
    if (column.nullable) return '';
    throw new TypeError(`${column.name} has no value and is required.`);
  }
  const text = textOf(column, value);
  return text === '' || SPECIAL.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
