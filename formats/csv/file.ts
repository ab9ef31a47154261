import type { Column } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { textOf } from '../column-text.ts';
import { MOST_DIGITS, writeNumber } from './digits.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const LAST_OF_ASCII = 0x7f;

/** Characters for which a field must be quoted. */
const SPECIAL = /[",\r\n]/;

/**
 * Writes rows of one table into a CSV file in memory, after RFC 4180, with a header, in UTF-8. NULL is an
 * empty field, and empty text is a quoted one, as PostgreSQL and DuckDB read them, too. Text that a
 * spreadsheet would take for a formula is unchanged. Equal rows give equal bytes.
 */
export class CsvFile {
  readonly #columns: readonly Column[];
  #bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  #length = 0;
  #rows = 0;

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
    this.#writeText(`${columns.map(({ name }) => name).join(',')}\r\n`);
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * @throws {TypeError} if the row does not have the columns' types; then the file must not be used any more
   */
  add(row: Row): void {
    for (const column of this.#columns) {
      const value = row[column.name];
      if (value === null || value === undefined) {
        if (!column.nullable) throw new TypeError(`${column.name} has no value and is required.`);
      } else if (typeof value !== 'number' || !this.#hasWritten(column, value))
        this.#writeField(textOf(column, value));
      this.#writeByte(COMMA);
    }
    // In place of the last comma.
    this.#length -= 1;
    this.#writeByte(CARRIAGE_RETURN);
    this.#writeByte(LINE_FEED);
    this.#rows += 1;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes a number, if it is a plain one. */
  #hasWritten({ type }: Column, value: number): boolean {
    const isWhole = (type.kind === 'int32' || type.kind === 'int64') && value === (value | 0);
    if (!isWhole && type.kind !== 'double') return false;
    this.#reserve(MOST_DIGITS);
    const end = writeNumber(this.#bytes, this.#length, value);
    if (end >= 0) this.#length = end;
    return end >= 0;
  }

  /** Character by character, as long as they are bytes: that costs less than any call for the whole text. */
  #writeField(text: string): void {
    // Each character may be a quote, which is doubled.
    this.#reserve(2 * text.length + 2);
    const bytes = this.#bytes;
    const start = this.#length;
    let at = start;
    let isQuoted = text === '';
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > LAST_OF_ASCII) {
        this.#writeText(fieldOf(text));
        return;
      }
      if (code <= COMMA) {
        isQuoted ||= code === COMMA || code === QUOTE || code === LINE_FEED || code === CARRIAGE_RETURN;
        if (code === QUOTE) {
          bytes[at] = QUOTE;
          at += 1;
        }
      }
      bytes[at] = code;
      at += 1;
    }
    if (isQuoted) {
      bytes.copyWithin(start + 1, start, at);
      bytes[start] = QUOTE;
      bytes[at + 1] = QUOTE;
      at += 2;
    }
    this.#length = at;
  }

  #writeText(text: string): void {
    // A character of UTF-16 takes three bytes at most.
    this.#reserve(3 * text.length);
    this.#length += this.#bytes.write(text, this.#length);
  }

  #writeByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  #reserve(more: number): void {
    const length = this.#length + more;
    if (length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** A text as a field. */
function fieldOf(text: string): string {
  return text === '' || SPECIAL.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
