import type { Column } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { textOf } from '../column-text.ts';

/** What a field must stand in quotes for. */
const SPECIAL = /[",\r\n]/;

/**
 * Writes rows of one table into a CSV file in memory, after RFC 4180, with a header, in UTF-8. NULL is an empty field;
 * a text that is empty stands in quotes: so PostgreSQL and DuckDB read them, too. Text that a spreadsheet would take
 * for a formula is left as it is. Equal rows give equal bytes.
 */
export class CsvFile {
  readonly #columns: readonly Column[];
  readonly #lines: string[];
  #rows = 0;

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
    this.#lines = [columns.map(({ name }) => name).join(',')];
  }

  get rows(): number {
    return this.#rows;
  }

  /** @throws {TypeError} when the row is not of the columns' types */
  add(row: Row): void {
    let line = '';
    let separator = '';
    for (const column of this.#columns) {
      line += separator + field(column, row[column.name]);
      separator = ',';
    }
    this.#lines.push(line);
    this.#rows += 1;
  }

  finish(): Uint8Array {
    return Buffer.from(`${this.#lines.join('\r\n')}\r\n`);
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
