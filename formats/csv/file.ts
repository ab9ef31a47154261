import type { Column } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { textOf } from '../column-text.ts';

/** Characters for which a field must be quoted. */
const SPECIAL = /[",\r\n]/;

/**
 * Writes rows of one table into a CSV file in memory, after RFC 4180, with a header, in UTF-8. NULL is an
 * empty field, and empty text is a quoted one, as PostgreSQL and DuckDB read them, too. Text that a
 * spreadsheet would take for a formula is unchanged. Equal rows give equal bytes.
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

  /** @throws {TypeError} if the row does not have the columns' types */
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
