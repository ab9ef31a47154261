import Papa from 'papaparse';
import type { CsvFormat } from '../../../source-format.ts';
import { type Encoding, isText, textOf } from '../encoding.ts';
import { notUtf8, tooLarge, type Unreadable } from '../reading.ts';
import { MAX_RECORD_BYTES, type Piece, type RawRecord } from '../record.ts';
import { DOUBLED_QUOTES, FieldPositions, NOT_ASCII } from './field-positions.ts';

/** How many bytes of unreadable input a message shows. */
const SHOWN_BYTES = 100;

/** So many fields too many are found, too: that many has a record with delimiters that are not quoted. */
const SURPLUS = 8;

const nulByte: Unreadable = {
  code: 'nul_byte',
  message:
    'The record has a NUL byte, which text never has. Check whether the file is damaged, or is UTF-16 without a byte-order mark.',
};
const malformed: Unreadable = {
  code: 'malformed_csv',
  message: 'A quote ends a field too early. Within a quoted field, a quote is doubled: "".',
};

/** The fields of a record, or why there are none. */
export type Fields = readonly string[] | Unreadable;

/** A piece of a file, of which records are read. */
export class CsvBytes {
  readonly bytes: Buffer;
  /** The record that the piece is, if it is no run. */
  readonly single: RawRecord | undefined;
  readonly #encoding: Encoding;
  #isText: boolean | undefined;
  #latin1: string | undefined;

  constructor(piece: Piece, encoding: Encoding) {
    this.bytes = piece.bytes;
    this.single = 'ends' in piece ? undefined : piece;
    this.#encoding = encoding;
  }

  /** A character for each byte. All texts of ASCII are parts of it: bytes become text once. */
  get latin1(): string {
    this.#latin1 ??= this.bytes.toString('latin1');
    return this.#latin1;
  }

  /** Whether the bytes of a record are text, as mostly those of the whole piece are. */
  areText(start: number, end: number): boolean {
    this.#isText ??= this.#isTextFrom(0, this.bytes.length);
    return this.#isText || this.#isTextFrom(start, end);
  }

  #isTextFrom(start: number, end: number): boolean {
    const bytes = this.bytes.subarray(start, end);
    return !bytes.includes(0) && isText(bytes, this.#encoding);
  }
}

/**
 * Splits records into fields: by itself where that is plain, otherwise with papaparse. That gets only single
 * records. If it got chunks, it would guess the line ending from the first one, report faults where a chunk
 * ends within a CR LF, and break characters at the ends of chunks; and a misplaced quote would swallow the
 * records up to the next quote.
 */
export class FieldReader {
  readonly encoding: Encoding;
  readonly positions: FieldPositions;
  readonly #quote: string;
  readonly #parser: Papa.Parser;
  /** The bytes of whose last record the positions are. */
  #of: CsvBytes | undefined;

  /** @param columns how many fields a record should have */
  constructor({ encoding = 'utf-8', delimiter = ',', quote = '"' }: CsvFormat, columns = 0) {
    this.encoding = encoding;
    this.positions = new FieldPositions({ delimiter, quote }, columns + SURPLUS);
    this.#quote = quote ?? '';
    // A record with a NUL is never parsed.
    this.#parser = new Papa.Parser({ delimiter, newline: '\n', quoteChar: quote ?? '\0' });
  }

  /**
   * Finds the fields of a record.
   *
   * @returns how many there are; -1 tells nothing, or too many
   */
  find(of: CsvBytes, start: number, end: number): number {
    this.#of = of;
    return this.#isSound(of, start, end) ? this.positions.find(of.bytes, start, end) : -1;
  }

  /** The text of one of the fields that were found last. */
  text(i: number): string {
    const { starts, ends, marks } = this.positions;
    const [start, end, mark] = [starts[i] as number, ends[i] as number, marks[i] as number];
    const of = this.#of as CsvBytes;
    const text =
      (mark & NOT_ASCII) === 0
        ? of.latin1.slice(start, end)
        : textOf(of.bytes.subarray(start, end), this.encoding);
    const quote = this.#quote;
    return (mark & DOUBLED_QUOTES) === 0 ? text : text.replaceAll(quote + quote, quote);
  }

  fieldsOf(of: CsvBytes, start = 0, end = of.bytes.length): Fields {
    const count = this.find(of, start, end);
    if (count < 0) return this.#parsed(of, start, end) ?? this.#problemOf(of, start, end);
    const fields: string[] = [];
    for (let i = 0; i < count; i += 1) fields.push(this.text(i));
    return fields;
  }

  /** The beginning of some bytes, for a message. */
  shown(bytes: Buffer): string {
    return JSON.stringify(textOf(bytes.subarray(0, SHOWN_BYTES), this.encoding));
  }

  #isSound(of: CsvBytes, start: number, end: number): boolean {
    return lengthOf(of, start, end) <= MAX_RECORD_BYTES && !of.single?.malformed && of.areText(start, end);
  }

  /** What papaparse finds; `undefined` if the record has a fault. */
  #parsed(of: CsvBytes, start: number, end: number): string[] | undefined {
    if (!this.#isSound(of, start, end)) return undefined;
    // With a line ending after it, the record is read to its end; nothing comes after that ending.
    const text = `${textOf(of.bytes.subarray(start, end), this.encoding)}\n`;
    const { data, errors }: Papa.ParseResult<string[]> = this.#parser.parse(text, 0, true);
    return errors.length === 0 && data.length === 1 ? data[0] : undefined;
  }

  #problemOf(of: CsvBytes, start: number, end: number): Unreadable {
    const length = lengthOf(of, start, end);
    if (length > MAX_RECORD_BYTES) return tooLarge(length);
    const bytes = of.bytes.subarray(start, end);
    if (bytes.includes(0)) return nulByte;
    return isText(bytes, this.encoding) ? malformed : notUtf8;
  }
}

/** Of a record that is too large, its bytes are only the beginning. */
function lengthOf({ single }: CsvBytes, start: number, end: number): number {
  return single?.length ?? end - start;
}
