/**
 * The maximum length of a record, in bytes of decompressed input; a longer one is rejected. A parsed record
 * can take 80 times its bytes (a list of empty objects, or of lists in lists): a function of 512 MB has room
 * for two of these.
 */
export const MAX_RECORD_BYTES = 1024 * 1024;

/** How much of a record its reject contains if the record can't be kept whole, in bytes. */
export const EXCERPT_BYTES = 1024;

/** One record as it was cut out of the input. */
export interface RawRecord {
  /** The record's bytes; only its beginning if it is longer than `MAX_RECORD_BYTES`. */
  readonly bytes: Buffer;
  /** The record's full length in bytes. */
  readonly length: number;
  /** Whether the input ended before the record's own end was seen. */
  readonly unterminated: boolean;
  /** Whether a quote of CSV is in a wrong place. */
  readonly malformed?: boolean;
}

export type Newline = '\n' | '\r\n' | '\r';

/** Consecutive records with the same line ending between them, which can be read in one go. */
export interface Run {
  /** The records and the line endings between them. */
  readonly bytes: Buffer;
  readonly newline: Newline;
  /** Where each record ends. */
  readonly ends: readonly number[];
}

/** Records as they were cut out of the input: many in a row, or one. */
export type Piece = Run | RawRecord;

/** Where a record of a run begins. */
export function startIn({ ends, newline }: Run, index: number): number {
  const before = ends[index - 1];
  return before === undefined ? 0 : before + newline.length;
}

export function recordsIn(piece: Piece): number {
  return 'ends' in piece ? piece.ends.length : 1;
}

/** How JSON is cut into records: its lines, the items of an array or of a list, or its objects. */
export const jsonCuts = ['lines', 'array', 'list', 'objects'] as const;
export type JsonCut = (typeof jsonCuts)[number];

/** Cuts an input into records as its bytes come in, in chunks of any size. */
export interface RecordSplitter {
  /** How it cuts; `undefined` while nothing could go on from where it is. */
  readonly cut: JsonCut | undefined;
  /** How many of the bytes that it took belong to a record that is not complete. */
  readonly begun: number;
  /** Takes the next bytes and returns the records that they complete. */
  push(chunk: Buffer): RawRecord[];
  /**
   * Ends the input and returns the records that this completes.
   *
   * @throws {PermanentError} if the input can't end here
   */
  end(): RawRecord[];
}

/** The current record: its bytes from any number of chunks, never more than `MAX_RECORD_BYTES`. */
export class RecordInProgress {
  #pieces: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Buffer): void {
    if (piece.length === 0) return;
    const before = this.#length;
    this.#length += piece.length;
    if (this.#length <= MAX_RECORD_BYTES) this.#pieces.push(piece);
    else if (before <= MAX_RECORD_BYTES) this.#pieces = [Buffer.from(this.excerpt(piece))];
  }

  /** The beginning of the record, if `further` were its next bytes. */
  excerpt(further: Buffer = Buffer.alloc(0)): Buffer {
    return Buffer.concat([...this.#pieces, further.subarray(0, EXCERPT_BYTES)]).subarray(0, EXCERPT_BYTES);
  }

  /** Ends the record with `last` and starts the next. */
  take(last: Buffer, unterminated = false): RawRecord {
    let bytes = last;
    let length = last.length;
    if (this.#length > 0) {
      this.append(last);
      length = this.#length;
      bytes = Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#length = 0;
    }
    if (length > MAX_RECORD_BYTES) bytes = bytes.subarray(0, EXCERPT_BYTES);
    return { bytes, length, unterminated };
  }
}
