import type * as z from 'zod';
import { PermanentError } from '../../../errors.ts';
import type { CsvFormat } from '../../../source-format.ts';
import { type CutRecords, FIRST, type Place, Progress, withoutFirstRecords } from '../position.ts';
import type { Piece, RawRecord } from '../record.ts';
import { CsvBytes, FieldReader } from './field-reader.ts';
import { checkHeader, csvFields } from './header.ts';
import { CsvSplitter } from './splitter.ts';

/**
 * Cuts a CSV file of any size into its records: RFC 4180 with any line ending. The first line that is not
 * empty is the header, if the format has one.
 *
 * @param from where the content begins
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export async function* splitCsv(
  format: CsvFormat,
  record: z.core.$ZodType,
  content: AsyncIterable<Buffer>,
  from: Place = FIRST,
): AsyncGenerator<CutRecords> {
  const head = new Head(format, record, from.header);
  const splitter = new CsvSplitter(format);
  const progress = new Progress(from);
  const batch = (all: readonly Piece[]): CutRecords => {
    const pieces = head.withoutHeader(all);
    const { names: header } = head;
    return { header: header ?? [], ...progress.cut(pieces, splitter.begun, header && { header }) };
  };
  for await (const chunk of content) {
    progress.take(chunk.length);
    const records = batch(splitter.push(chunk));
    if (records.pieces.length > 0) yield records;
  }
  const last = splitter.end();
  if (last?.unterminated) {
    const where = head.names !== undefined ? `record ${progress.records + 1}` : 'the header';
    const message = `A quote opens in ${where} and never closes: its ${last.length} bytes, to the end of the file, begin ${head.shown(last)}.`;
    throw wrong('unclosed_quote', message);
  }
  const rest = batch(last === undefined ? [] : [last]);
  if (head.names === undefined || (format.header === false && progress.records === 0))
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

  /** @param names if the header comes before */
  constructor(format: CsvFormat, schema: z.core.$ZodType, names: readonly string[] | undefined) {
    this.#format = format;
    this.#schema = schema;
    this.#reader = new FieldReader(format);
    this.names = format.header === false ? [...(csvFields(schema)?.keys() ?? [])] : names;
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
  const length = piece.ends[0] ?? 0;
  const first = { bytes: piece.bytes.subarray(0, length), length, unterminated: false };
  return [first, ...withoutFirstRecords([piece], 1)];
}

function wrong(code: 'empty_file' | 'unclosed_quote' | 'unreadable_header', message: string): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction' });
}
