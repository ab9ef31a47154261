import Papa from 'papaparse';
import type * as z from 'zod';
import { PermanentError } from '../../../errors.ts';
import type { CsvFormat } from '../../../source-format.ts';
import { contentOf } from '../content.ts';
import type { Source } from '../decompression.ts';
import { type Encoding, isText, textOf } from '../encoding.ts';
import { notUtf8, tooLarge, type Unreadable } from '../reading.ts';
import { MAX_RECORD_BYTES } from '../record.ts';
import { columnsOfHeader, csvFields } from './header.ts';
import { CsvRecord, type CsvTable } from './record.ts';
import { CsvSplitter, type Newline, type Run, type Single } from './splitter.ts';

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

/**
 * Cuts a CSV object of any size into its records: RFC 4180 with any line ending; plain, gzip or zstd; with or
 * without a byte-order mark. The first line that is not empty is the header, if the format has one.
 *
 * papaparse splits records into fields. It gets only whole records with the same line ending. If it got
 * chunks, it would guess the ending from the first one, report faults where a chunk ends within a CR LF, and
 * break characters at the ends of chunks; and a misplaced quote would swallow the records up to the next
 * quote.
 *
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export async function* decodeCsv(
  format: CsvFormat,
  record: z.core.$ZodType,
  open: Source,
): AsyncGenerator<CsvRecord[]> {
  const reader = new CsvReader(format, record);
  const splitter = new CsvSplitter(format);
  for await (const chunk of contentOf(format, open)) {
    const records = reader.read(splitter.push(chunk));
    if (records.length > 0) yield records;
  }
  const last = splitter.end();
  if (last?.unterminated) throw reader.unclosedQuote(last);
  const records = reader.read(last === undefined ? [] : [last]);
  if (reader.isEmpty) throw wrong('empty_file', 'The file is empty, or has only white space.');
  if (records.length > 0) yield records;
}

/** Reads the fields of records; the first ones are the header. */
class CsvReader {
  readonly #format: CsvFormat;
  readonly #schema: z.core.$ZodType;
  readonly #encoding: Encoding;
  readonly #parsers: Readonly<Record<Newline, Papa.Parser>>;
  #table: CsvTable | undefined;
  #count = 0;
  #records: CsvRecord[] = [];

  constructor(format: CsvFormat, schema: z.core.$ZodType) {
    this.#format = format;
    this.#schema = schema;
    this.#encoding = format.encoding ?? 'utf-8';
    const { delimiter = ',', quote = '"' } = format;
    // A record with a NUL is never parsed.
    const quoteChar = quote ?? '\0';
    const parser = (newline: Newline) => new Papa.Parser({ delimiter, newline, quoteChar });
    if (format.header === false) {
      const columns = [...(csvFields(schema)?.keys() ?? [])];
      this.#table = this.#tableOf(columns, columns);
    }
    this.#parsers = { '\n': parser('\n'), '\r\n': parser('\r\n'), '\r': parser('\r') };
  }

  /** Whether nothing came but white space and comments. */
  get isEmpty(): boolean {
    return this.#table === undefined || (this.#format.header === false && this.#count === 0);
  }

  /** @throws {PermanentError} if the header does not match the dataset's contract */
  read(pieces: readonly (Run | Single)[]): CsvRecord[] {
    this.#records = [];
    for (const piece of pieces) {
      if ('ends' in piece) this.#readRun(piece, 0, piece.ends.length);
      else this.#readSingle(piece);
    }
    this.#count += this.#records.length;
    return this.#records;
  }

  unclosedQuote({ bytes, length }: Single): PermanentError {
    const where = this.#table !== undefined ? `record ${this.#count + 1}` : 'the header';
    const shown = this.#shown(bytes);
    const message = `A quote opens in ${where} and never closes: its ${length} bytes, to the end of the file, begin ${shown}.`;
    return wrong('unclosed_quote', message);
  }

  /**
   * Reads the records of a run from `first` to before `end`. While there is a fault in them, it reads them in
   * halves.
   */
  #readRun(run: Run, first: number, end: number): void {
    const { bytes, newline, ends } = run;
    let start = startOf(run, first);
    const rows = this.#rows(bytes.subarray(start, ends[end - 1]), newline, end - first);
    if (rows === undefined && end - first > 1) {
      const middle = (first + end) >>> 1;
      this.#readRun(run, first, middle);
      this.#readRun(run, middle, end);
      return;
    }
    for (let i = first; i < end; i += 1) {
      const recordEnd = ends[i] as number;
      const length = recordEnd - start;
      const fields = length > MAX_RECORD_BYTES ? undefined : rows?.[i - first];
      this.#add(fields ?? this.#problemOf(bytes.subarray(start, recordEnd), length), bytes, start, recordEnd);
      start = recordEnd + newline.length;
    }
  }

  #readSingle({ bytes, length, malformed: isMalformed }: Single): void {
    const isSound = !isMalformed && length <= MAX_RECORD_BYTES;
    const [fields] = (isSound && this.#rows(bytes, '\n', 1)) || [];
    this.#add(fields ?? this.#problemOf(bytes, length), bytes, 0, bytes.length);
  }

  /** The fields of so many records, or `undefined` if there is a fault in one of them. */
  #rows(bytes: Buffer, newline: Newline, count: number): string[][] | undefined {
    if (bytes.includes(0) || !isText(bytes, this.#encoding)) return undefined;
    // With a line ending after it, the last record is read like the others; nothing comes after that ending.
    const text = textOf(bytes, this.#encoding) + newline;
    const { data, errors }: Papa.ParseResult<string[]> = this.#parsers[newline].parse(text, 0, true);
    return errors.length === 0 && data.length === count ? data : undefined;
  }

  #problemOf(bytes: Buffer, length: number): Unreadable {
    if (length > MAX_RECORD_BYTES) return tooLarge(length);
    if (bytes.includes(0)) return nulByte;
    return isText(bytes, this.#encoding) ? malformed : notUtf8;
  }

  #add(fields: readonly string[] | Unreadable, bytes: Buffer, start: number, end: number): void {
    if (this.#table !== undefined) {
      this.#records.push(new CsvRecord(this.#table, fields, bytes, start, end));
      return;
    }
    if ('code' in fields) {
      const shown = this.#shown(bytes.subarray(start, end));
      throw wrong('unreadable_header', `The header ${shown} can't be read: ${fields.message}`);
    }
    if (fields.length === 1 && fields[0]?.trim() === '') return;
    const columns = columnsOfHeader(fields, this.#schema, this.#format.columns);
    const header = fields.map((name) => name.trim());
    this.#table = this.#tableOf(header, columns);
  }

  #tableOf(header: readonly string[], columns: CsvTable['columns']): CsvTable {
    return { encoding: this.#encoding, header, columns, nulls: new Set(this.#format.nulls) };
  }

  #shown(bytes: Buffer): string {
    return JSON.stringify(textOf(bytes.subarray(0, SHOWN_BYTES), this.#encoding));
  }
}

function startOf({ ends, newline }: Run, index: number): number {
  const before = ends[index - 1];
  return before === undefined ? 0 : before + newline.length;
}

function wrong(code: 'empty_file' | 'unclosed_quote' | 'unreadable_header', message: string): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction' });
}
