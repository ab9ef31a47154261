import type { Column } from '../../domain/columns.ts';
import type { Row } from '../../domain/records/transformation.ts';
import { textOf } from '../column-text.ts';
import { MOST_DIGITS, writeNumber } from './digits.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const LAST_OF_ASCII = 0x7f;

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

  /** Character by character: that costs less than any call for the whole text. */
  #writeField(text: string): void {
    // A quote at either end, and three bytes for each unit of UTF-16, be it a quote that is doubled.
    this.#reserve(3 * text.length + 2);
    const bytes = this.#bytes;
    const start = this.#length;
    let isQuoted = text === '';
    if (isQuoted) bytes[start] = QUOTE;
    let at = isQuoted ? start + 1 : start;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > LAST_OF_ASCII) {
        const point = text.codePointAt(i) as number;
        at = writeUtf8(bytes, at, point);
        if (point > code) i += 1;
        continue;
      }
      if (code <= COMMA && isSpecial(code)) {
        if (!isQuoted) {
          // Mostly few characters come before it.
          for (let moved = at; moved > start; moved -= 1) bytes[moved] = bytes[moved - 1] as number;
          bytes[start] = QUOTE;
          at += 1;
          isQuoted = true;
        }
        if (code === QUOTE) {
          bytes[at] = QUOTE;
          at += 1;
        }
      }
      bytes[at] = code;
      at += 1;
    }
    if (isQuoted) {
      bytes[at] = QUOTE;
      at += 1;
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

const isSpecial = (code: number) =>
  code === COMMA || code === QUOTE || code === LINE_FEED || code === CARRIAGE_RETURN;

/** Writes a character that is not ASCII. @returns where it ends */
function writeUtf8(bytes: Uint8Array, start: number, point: number): number {
  let at = start;
  // Half of a surrogate pair is no character: U+FFFD is in its place.
  const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
  if (code < 0x800) bytes[at++] = 0xc0 | (code >>> 6);
  else {
    if (code < 0x1_0000) bytes[at++] = 0xe0 | (code >>> 12);
    else {
      bytes[at++] = 0xf0 | (code >>> 18);
      bytes[at++] = 0x80 | ((code >>> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((code >>> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (code & 0x3f);
  return at;
}
