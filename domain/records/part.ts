import * as z from 'zod';
import type { Dataset } from '../dataset.ts';
import { type DocumentAddress, UnreadableDocument } from '../versions/document.ts';
import { BLOCK_BYTES } from './decoding/compressed/source-blocks.ts';
import { position } from './decoding/position.ts';
import { EXCERPT_BYTES, MAX_RECORD_BYTES, type Piece, type RawRecord } from './decoding/record.ts';

const LINE_FEED = 0x0a;

/** Limits of a part, and of what a stage holds in memory and does at once. */
export interface Limits {
  /** How many bytes of the content of an object are cut into records at once. */
  readonly blockBytes: number;
  /** A part holds records until it has this many, or `partBytes` of input, whichever is first. */
  readonly partRecords: number;
  readonly partBytes: number;
  /** An object of no more bytes is transformed in place: by the invocation that extracts it. */
  readonly inPlaceBytes: number;
  /**
   * A large object's records are found by several functions, each in so many bytes of its content. A multiple
   * of `blockBytes`.
   */
  readonly segmentBytes: number;
  /** How many partitions the rows of a part may fall into: each is an open file in memory, and a PUT. */
  readonly partitions: number;
  /** How many characters of rejects are gathered before they are written. */
  readonly rejects: number;
  /** How long the extraction of an object works until it notes how far it is. Milliseconds. */
  readonly checkpointMs: number;
  /**
   * In this last share of an invocation's time, it does not go on with an object that another one can go on
   * with.
   */
  readonly reservedTime: number;
}

export const limits: Limits = {
  blockBytes: BLOCK_BYTES,
  partRecords: 20_000,
  partBytes: 16 * 1024 * 1024,
  inPlaceBytes: 512 * 1024,
  segmentBytes: 64 * 1024 * 1024,
  partitions: 1000,
  rejects: 8 * 1024 * 1024,
  checkpointMs: 20_000,
  reservedTime: 0.25,
};

/** Which part it is of which version: the header of any part has this, whichever code wrote it. */
const anyHeader = z.object({
  dataset: z.string(),
  key: z.string(),
  versionId: z.string(),
  sequencer: z.string(),
  part: z.int().nonnegative(),
  /** When the revision was taken up; absent in parts of older code. */
  loadedAt: z.iso.datetime().optional(),
});

export type PartName = z.infer<typeof anyHeader>;

const recordRange = z.object({
  /** The format that its records were cut by, which the dataset's may not be any more. */
  source: z.custom<Dataset['source']>((value) => z.object({ format: z.string() }).safeParse(value).success),
  from: position,
  /** How many bytes of the content come before what is behind its last record, or some more. */
  end: z.int().nonnegative(),
  records: z.int().positive(),
});

/** Where the records of a part are in the object, if the part does not have them itself. */
export type RecordRange = Readonly<z.infer<typeof recordRange>>;

/**
 * The first line of a part. It names the raw key and the sequencer, for which the part's own key has no room.
 */
const partHeader = anyHeader.extend({
  /** The number of its first record in the object. */
  first: z.int().positive(),
  /** The names of the columns, of CSV. */
  columns: z.array(z.string()).optional(),
  /** The version of the code that cut the records. */
  codeVersion: z.string(),
  range: recordRange.optional(),
});
export type PartHeader = z.infer<typeof partHeader>;

/**
 * A record in a part's index: how many bytes of it the part has; or that, and in what it is unlike others.
 */
type Indexed =
  | number
  | {
      readonly bytes: number;
      /** Its length in the object, if that is too much for a record: then the part has its beginning. */
      readonly length?: number;
      readonly unterminated?: true;
      readonly malformed?: true;
    };

/**
 * Gathers records to a part: its header in a line, the bytes of each record with a line feed after it, and
 * the index in a line: how many bytes each record has. What is in the records is as it was in the object,
 * decompressed, and UTF-8 if it was UTF-16.
 */
export class PartBuilder {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024);
  #length = 0;
  #index: Indexed[] = [];
  #header: PartHeader | undefined;
  /** Where the first record begins. */
  #start = 0;

  /** How many records it has. */
  get records(): number {
    return this.#index.length;
  }

  /** How many bytes it has by now. */
  get length(): number {
    return this.#length;
  }

  begin(header: PartHeader): void {
    this.#append(Buffer.from(JSON.stringify(header)));
    this.#header = header;
    this.#start = this.#length;
  }

  /** What it has by now, as whoever reads it gets it; until the next change. */
  get part(): Part | undefined {
    const batches = batchesOf(this.#bytes, this.#start, this.#index);
    const bytes = this.#length - this.#start - this.records;
    return this.#header && { header: this.#header, records: this.records, bytes, batches };
  }

  /** Adds a record of a run: the bytes from `start` to before `end`. */
  add(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length > MAX_RECORD_BYTES) {
      this.#append(bytes, start, start + EXCERPT_BYTES);
      this.#index.push({ bytes: EXCERPT_BYTES, length });
    } else {
      this.#append(bytes, start, end);
      this.#index.push(length);
    }
  }

  addRecord({ bytes, length, unterminated, malformed }: RawRecord): void {
    this.#append(bytes);
    const isOdd = unterminated || malformed || bytes.length < length;
    this.#index.push(
      isOdd
        ? {
            bytes: bytes.length,
            ...(bytes.length < length && { length }),
            ...(unterminated && { unterminated }),
            ...(malformed && { malformed }),
          }
        : length,
    );
  }

  /** The whole part, whose memory is free for the next one after `clear`. */
  finish(): Buffer {
    this.#append(Buffer.from(JSON.stringify(this.#index)));
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room for the next part, in the memory of this one. */
  clear(): void {
    this.#length = 0;
    this.#index = [];
  }

  #append(bytes: Buffer, start = 0, end = bytes.length): void {
    const after = this.#length + end - start + 1;
    if (after > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(after, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#bytes[after - 1] = LINE_FEED;
    this.#length = after;
  }
}

/** How many bytes of records are read at once: their fields should be garbage before it is collected. */
const BATCH_BYTES = 64 * 1024;

export interface Part {
  readonly header: PartHeader;
  /** How many records it has. */
  readonly records: number;
  /** The bytes of its records; 0 if the header has a range. */
  readonly bytes: number;
  /** Its records, in order, some at a time; none if the header has a range, where they are. */
  readonly batches: Iterable<readonly Piece[]>;
}

/** A part of a large object that says where its records are: nothing but the header. */
export function partOfRange(header: PartHeader, range: RecordRange): Buffer {
  return Buffer.from(`${JSON.stringify({ ...header, range } satisfies PartHeader)}\n`);
}

/**
 * Reads what a `PartBuilder` or `partOfRange` made.
 *
 * @returns `undefined` if no extraction wrote it @throws {UnreadableDocument} if one did, by code with other
 * parts, or the index does not fit the records
 */
export function readPart(bytes: Buffer, address: DocumentAddress): Part | undefined {
  const headerEnd = bytes.indexOf(LINE_FEED);
  const json = jsonIn(bytes, 0, headerEnd);
  if (!anyHeader.safeParse(json).success) return undefined;
  const { data: header } = partHeader.safeParse(json);
  if (header?.range !== undefined) return { header, records: header.range.records, bytes: 0, batches: [] };
  const indexStart = bytes.lastIndexOf(LINE_FEED, -2) + 1;
  const index = jsonIn(bytes, indexStart) as readonly Indexed[] | undefined;
  if (header === undefined || !Array.isArray(index))
    throw new UnreadableDocument(address, 'other code wrote it, whose parts are different');
  const start = headerEnd + 1;
  const length = index.reduce((sum: number, each) => sum + lengthOf(each) + 1, 0);
  if (start + length !== indexStart)
    throw new UnreadableDocument(
      address,
      `its records have ${indexStart - start} bytes, by its index ${length}`,
    );
  return {
    header,
    records: index.length,
    bytes: length - index.length,
    batches: batchesOf(bytes, start, index),
  };
}

function jsonIn(bytes: Buffer, start: number, end = bytes.length): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', start, end));
  } catch {
    return undefined;
  }
}

const lengthOf = (each: Indexed) => (typeof each === 'number' ? each : each.bytes);

function* batchesOf(bytes: Buffer, from: number, index: readonly Indexed[]): Generator<readonly Piece[]> {
  let batch: Piece[] = [];
  let start = from;
  let ends: number[] = [];
  let at = from;
  const endRun = () => {
    if (ends.length > 0) batch.push({ bytes: bytes.subarray(start, at - 1), newline: '\n', ends });
    start = at;
    ends = [];
  };
  let batchStart = from;
  for (const each of index) {
    if (typeof each === 'number') {
      ends.push(at + each - start);
      at += each + 1;
    } else {
      endRun();
      const record = bytes.subarray(at, at + each.bytes);
      batch.push({ length: record.length, unterminated: false, ...each, bytes: record });
      at += each.bytes + 1;
      start = at;
    }
    if (at - batchStart < BATCH_BYTES) continue;
    endRun();
    yield batch;
    batch = [];
    batchStart = at;
  }
  endRun();
  if (batch.length > 0) yield batch;
}
