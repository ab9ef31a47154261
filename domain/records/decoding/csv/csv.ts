import type * as z from 'zod';
import { PermanentError } from '../../../errors.ts';
import type { CsvFormat } from '../../../source-format.ts';
import { type Piece, type RawRecord, recordsIn, startIn } from '../record.ts';
import { CsvBytes, FieldReader } from './field-reader.ts';
import { checkHeader, csvFields } from './header.ts';
import { CsvSplitter } from './splitter.ts';

/** Records of a CSV file, and the names of its columns. */
export interface CsvBatch {
  readonly header: readonly string[];
  readonly pieces: readonly Piece[];
}

/**
 * Cuts a CSV file of any size into its records: RFC 4180 with any line ending. The first line that is not
 * empty is the header, if the format has one.
 *
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export async function* splitCsv(
  format: CsvFormat,
  record: z.core.$ZodType,
  content: AsyncIterable<Buffer>,
): AsyncGenerator<CsvBatch> {
  const head = new Head(format, record);
  const splitter = new CsvSplitter(format);
  let count = 0;
  const batch = (all: readonly Piece[]): CsvBatch => {
    const pieces = head.withoutHeader(all);
    for (const piece of pieces) count += recordsIn(piece);
    return { header: head.names ?? [], pieces };
  };
  for await (const chunk of content) {
    const records = batch(splitter.push(chunk));
    if (records.pieces.length > 0) yield records;
  }
  const last = splitter.end();
  if (last?.unterminated) {
    const where = head.names !== undefined ? `record ${count + 1}` : 'the header';
    const message = `A quote opens in ${where} and never closes: its ${last.length} bytes, to the end of the file, begin ${head.shown(last)}.`;
    throw wrong('unclosed_quote', message);
  }
  const rest = batch(last === undefined ? [] : [last]);
  if (head.names === undefined || (format.header === false && count === 0))
    throw wrong('empty_file', 'The file is empty, or has only white space.');
  if (rest.pieces.length > 0) yield rest;
}

/** The header of a file, which comes before its first record. */
class Head {
  /** `undefined` until the header was read. */
  names: readonly string[] | undefined;
  readonly #format: CsvFormat;
  readonly #schema: z.core.$ZodType;
  readonly #reader: FieldReader;

  constructor(format: CsvFormat, schema: z.core.$ZodType) {
    this.#format = format;
    this.#schema = schema;
    this.#reader = new FieldReader(format);
    if (format.header === false) this.names = [...(csvFields(schema)?.keys() ?? [])];
  }

  /** @throws {PermanentError} if the header does not match the dataset's contract */
  withoutHeader(pieces: readonly Piece[]): readonly Piece[] {
    let left = pieces;
    while (this.names === undefined) {
      const [next, ...others] = left;
      if (next === undefined) return [];
      const [first, ...rest] = divided(next);
      left = [...rest, ...others];
      this.names = this.#namesIn(first);
    }
    return left;
  }

  /** @returns `undefined` if the line is blank */
  #namesIn(line: RawRecord): string[] | undefined {
    const fields = this.#reader.fieldsOf(new CsvBytes(line, this.#reader.encoding));
    if ('code' in fields)
      throw wrong('unreadable_header', `The header ${this.shown(line)} can't be read: ${fields.message}`);
    if (fields.length === 1 && fields[0]?.trim() === '') return undefined;
    checkHeader(fields, this.#schema, this.#format.columns);
    return fields.map((name) => name.trim());
  }

  shown(line: RawRecord): string {
    return this.#reader.shown(line.bytes);
  }
}

/** The first record of a piece, and what is left of it. */
function divided(piece: Piece): [RawRecord, ...Piece[]] {
  if (!('ends' in piece)) return [piece];
  const { bytes, ends } = piece;
  const [length = 0, ...others] = ends;
  const first = { bytes: bytes.subarray(0, length), length, unterminated: false };
  if (others.length === 0) return [first];
  const start = startIn(piece, 1);
  return [first, { ...piece, bytes: bytes.subarray(start), ends: others.map((end) => end - start) }];
}

function wrong(code: 'empty_file' | 'unclosed_quote' | 'unreadable_header', message: string): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction' });
}
