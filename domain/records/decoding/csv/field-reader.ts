import Papa from 'papaparse';
import type { CsvFormat } from '../../../source-format.ts';
import { type Encoding, isText, textOf } from '../encoding.ts';
import { notUtf8, tooLarge, type Unreadable } from '../reading.ts';
import { MAX_RECORD_BYTES, type Newline, type RawRecord, type Run, startIn } from '../record.ts';
import { rowSplitter, type SplitRows } from './split-rows.ts';

/** How many bytes of unreadable input a message shows. */
const SHOWN_BYTES = 100;

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

/**
 * Splits records into fields: by itself where that is plain, otherwise with papaparse. That gets only whole
 * records with the same line ending. If it got chunks, it would guess the ending from the first one, report
 * faults where a chunk ends within a CR LF, and break characters at the ends of chunks; and a misplaced quote
 * would swallow the records up to the next quote.
 */
export class FieldReader {
  readonly encoding: Encoding;
  readonly #splitRows: SplitRows;
  readonly #parsers: Readonly<Record<Newline, Papa.Parser>>;

  constructor({ encoding = 'utf-8', delimiter = ',', quote = '"' }: CsvFormat) {
    this.encoding = encoding;
    this.#splitRows = rowSplitter({ delimiter, quote });
    // A record with a NUL is never parsed.
    const quoteChar = quote ?? '\0';
    const parser = (newline: Newline) => new Papa.Parser({ delimiter, newline, quoteChar });
    this.#parsers = { '\n': parser('\n'), '\r\n': parser('\r\n'), '\r': parser('\r') };
  }

  /** Reads the records of a run. @param add is called for each one, in order */
  readRun(run: Run, add: (fields: Fields, start: number, end: number) => void): void {
    this.#readRun(run, 0, run.ends.length, add);
  }

  fieldsOf({ bytes, length, malformed: isMalformed = false }: RawRecord): Fields {
    const isSound = !isMalformed && length <= MAX_RECORD_BYTES;
    const [fields] = (isSound && this.#rows(bytes, '\n', 1)) || [];
    return fields ?? this.#problemOf(bytes, length);
  }

  /** The beginning of some bytes, for a message. */
  shown(bytes: Buffer): string {
    return JSON.stringify(textOf(bytes.subarray(0, SHOWN_BYTES), this.encoding));
  }

  /**
   * Reads the records of a run from `first` to before `until`. While there is a fault in them, it reads them
   * in halves.
   */
  #readRun(
    run: Run,
    first: number,
    until: number,
    add: (fields: Fields, start: number, end: number) => void,
  ): void {
    const { bytes, newline, ends } = run;
    let start = startIn(run, first);
    const rows = this.#rows(bytes.subarray(start, ends[until - 1]), newline, until - first);
    if (rows === undefined && until - first > 1) {
      const middle = (first + until) >>> 1;
      this.#readRun(run, first, middle, add);
      this.#readRun(run, middle, until, add);
      return;
    }
    for (let i = first; i < until; i += 1) {
      const end = ends[i] as number;
      const length = end - start;
      const fields = length > MAX_RECORD_BYTES ? undefined : rows?.[i - first];
      add(fields ?? this.#problemOf(bytes.subarray(start, end), length), start, end);
      start = end + newline.length;
    }
  }

  /** The fields of so many records, or `undefined` if there is a fault in one of them. */
  #rows(bytes: Buffer, newline: Newline, count: number): string[][] | undefined {
    if (bytes.includes(0) || !isText(bytes, this.encoding)) return undefined;
    // With a line ending after it, the last record is read like the others; nothing comes after that ending.
    const text = textOf(bytes, this.encoding) + newline;
    const rows = this.#splitRows(text, newline);
    if (rows?.length === count) return rows;
    const { data, errors }: Papa.ParseResult<string[]> = this.#parsers[newline].parse(text, 0, true);
    return errors.length === 0 && data.length === count ? data : undefined;
  }

  #problemOf(bytes: Buffer, length: number): Unreadable {
    if (length > MAX_RECORD_BYTES) return tooLarge(length);
    if (bytes.includes(0)) return nulByte;
    return isText(bytes, this.encoding) ? malformed : notUtf8;
  }
}
