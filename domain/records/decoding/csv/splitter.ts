import type { CsvFormat } from '../../../source-format.ts';
import { type Newline, type Piece, type RawRecord, RecordInProgress } from '../record.ts';

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

const PLAIN = 0;
const QUOTED = 1;
/** After a quote within a quoted field: it is the first of two that mean one, or the field's end. */
const QUOTE_SEEN = 2;
/** After a quoted field and a blank. */
const CLOSED = 3;
/** After a quoted field and something else. The rest of the line is skipped, whatever it contains. */
const LOST = 4;
/** In a line that is no record. */
const COMMENT = 5;

/** What a splitter must know of a file: single characters of ASCII. */
export type CsvCharacters = Pick<CsvFormat, 'delimiter' | 'quote' | 'comment'>;

/**
 * Finds where the records of a CSV file end, after RFC 4180: at a line ending outside quotes. A quote counts
 * only if a field begins with it. LF, CR LF and CR end a record; empty lines are skipped. A record with a
 * misplaced quote ends with its line, so that it never swallows the next ones. Comments are skipped. A record
 * that came in several chunks, or has a misplaced quote, is in no run.
 */
export class CsvSplitter {
  readonly #delimiter: number;
  /** -1 if there is none, as of comments. */
  readonly #quote: number;
  readonly #comment: number;
  /** The part of the current record from earlier chunks. */
  readonly #begun = new RecordInProgress();
  #state = PLAIN;
  #lastByte = 0;

  constructor({ delimiter = ',', quote = '"', comment }: CsvCharacters) {
    this.#delimiter = delimiter.charCodeAt(0);
    this.#quote = quote?.charCodeAt(0) ?? -1;
    this.#comment = comment?.charCodeAt(0) ?? -1;
  }

  /** How many of the bytes that it took belong to a record that is not complete. */
  get begun(): number {
    return this.#begun.length;
  }

  /** Takes the next bytes and returns the records that they complete. */
  push(chunk: Buffer): Piece[] {
    const runs = new Runs(chunk);
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    const comment = this.#comment;
    // Bytes above it mean nothing within a field without quotes.
    const last = Math.max(quote, CARRIAGE_RETURN);
    const size = chunk.length;
    let state = this.#state;
    let start = 0;
    let i = 0;
    while (i < size) {
      let byte = chunk[i] as number;
      if (state === QUOTED) {
        while (byte !== quote && ++i < size) byte = chunk[i] as number;
        if (i < size) state = QUOTE_SEEN;
        i += 1;
        continue;
      }
      if (state === PLAIN) {
        if (byte === comment && i === start && this.#begun.length === 0) state = COMMENT;
        while (byte > last && ++i < size) byte = chunk[i] as number;
        if (i >= size) break;
      }
      if (byte === LINE_FEED || byte === CARRIAGE_RETURN) {
        const malformed = state === LOST;
        if (state === COMMENT) this.#begun.take(Buffer.alloc(0));
        else if (this.#begun.length > 0)
          runs.addSingle(this.#begun.take(chunk.subarray(start, i)), malformed);
        else runs.add(start, i, malformed);
        state = PLAIN;
        start = i + 1;
      } else if (state === PLAIN) {
        if (byte === quote && this.#isFieldStart(chunk, start, i)) state = QUOTED;
      } else if (state === QUOTE_SEEN && byte === quote) {
        state = QUOTED;
      } else if (state !== LOST && state !== COMMENT) {
        if (byte === delimiter) state = PLAIN;
        else state = byte === SPACE || byte === TAB ? CLOSED : LOST;
      }
      i += 1;
    }
    this.#state = state;
    this.#begun.append(chunk.subarray(start));
    if (size > 0) this.#lastByte = chunk[size - 1] as number;
    return runs.finish();
  }

  /** Outside quotes, a field starts with the record or behind a delimiter. */
  #isFieldStart(chunk: Buffer, start: number, at: number): boolean {
    if (at === start && this.#begun.length === 0) return true;
    return (at === 0 ? this.#lastByte : chunk[at - 1]) === this.#delimiter;
  }

  /** Ends the input and returns the record that this completes: `unterminated` if it ends within quotes. */
  end(): RawRecord | undefined {
    if (this.#begun.length === 0 || this.#state === COMMENT) return undefined;
    const malformed = this.#state === LOST;
    return { ...this.#begun.take(Buffer.alloc(0), this.#state === QUOTED), malformed };
  }
}

/** The records of one chunk, joined into runs where they can be. */
class Runs {
  readonly #chunk: Buffer;
  readonly #finished: Piece[] = [];
  #start = 0;
  #ends: number[] = [];
  #newline: Newline = '\n';

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
  }

  add(start: number, end: number, malformed: boolean): void {
    if (start === end) return;
    if (malformed) {
      const bytes = this.#chunk.subarray(start, end);
      this.addSingle({ bytes, length: bytes.length, unterminated: false }, malformed);
      return;
    }
    const last = this.#ends.at(-1);
    if (last !== undefined) {
      const newline = this.#newlineBetween(this.#start + last, start);
      if (newline === undefined || (this.#ends.length > 1 && newline !== this.#newline)) this.#endRun();
      else this.#newline = newline;
    }
    if (this.#ends.length === 0) this.#start = start;
    this.#ends.push(end - this.#start);
  }

  addSingle(record: RawRecord, malformed: boolean): void {
    this.#endRun();
    this.#finished.push({ ...record, malformed });
  }

  finish(): Piece[] {
    this.#endRun();
    return this.#finished;
  }

  #endRun(): void {
    const end = this.#ends.at(-1);
    if (end === undefined) return;
    const bytes = this.#chunk.subarray(this.#start, this.#start + end);
    this.#finished.push({ bytes, newline: this.#newline, ends: this.#ends });
    this.#ends = [];
  }

  /** The one line ending there, unless there are empty lines as well. */
  #newlineBetween(end: number, start: number): Newline | undefined {
    const first = this.#chunk[end];
    if (start === end + 1) return first === LINE_FEED ? '\n' : '\r';
    const isOne = start === end + 2 && first === CARRIAGE_RETURN && this.#chunk[end + 1] === LINE_FEED;
    return isOne ? '\r\n' : undefined;
  }
}
