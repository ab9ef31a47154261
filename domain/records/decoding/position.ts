import * as z from 'zod';
import { jsonCuts, type Piece, recordsIn, startIn } from './record.ts';

const place = z.object({
  /** How many bytes of the file's content come before it. */
  offset: z.int().nonnegative(),
  /** How many records of the file do. */
  records: z.int().nonnegative(),
  /** Of JSON, unless the content itself tells, since this is its beginning. */
  cut: z.enum(jsonCuts).optional(),
  /** The names of the columns, of CSV, likewise. */
  header: z.array(z.string()).readonly().optional(),
});

/** A place in the content of a file where a record begins, and what a reader must know to begin there. */
export type Place = Readonly<z.infer<typeof place>>;

/** A place in an object where its reading can go on. */
export const position = place.extend({
  /** Which file of an archive it is in, from 0. */
  file: z.int().nonnegative(),
  /** Where the file's content begins in the object, if these are the object's own bytes. */
  start: z.int().nonnegative().optional(),
  /** How many records after the place it is. */
  skip: z.int().nonnegative(),
});
export type Position = Readonly<z.infer<typeof position>>;

/** Of a file's content. */
export const FIRST: Place = { offset: 0, records: 0 };

/** Of an object. */
export const BEGINNING: Position = { ...FIRST, file: 0, skip: 0 };

/** Records as they were cut out of a file, in its order. */
export interface CutRecords<Each extends Piece = Piece> {
  /** The names of the columns, of CSV. */
  readonly header?: readonly string[];
  readonly pieces: readonly Each[];
  /** Where they can be cut out again. */
  readonly at: Place;
  /** How many records come between that place and the first of them. */
  readonly skip?: number;
  /** Where the content goes on behind them: so many bytes of it come before. */
  readonly end: number;
}

/** Follows a reader through the content of a file, and tells where its records are. */
export class Progress {
  #taken: number;
  #at: Place;
  /** How many records of the file there are by now. */
  records: number;

  constructor(from: Place) {
    this.#taken = from.offset;
    this.#at = from;
    this.records = from.records;
  }

  /** So many more bytes of the content have come. */
  take(bytes: number): void {
    this.#taken += bytes;
  }

  /**
   * The records that these bytes have completed.
   *
   * @param begun how many bytes belong to one that is not complete
   * @param how what a reader must know to begin behind them; `undefined` if none could
   */
  cut<Each extends Piece>(
    pieces: readonly Each[],
    begun: number,
    how: Pick<Place, 'cut' | 'header'> | undefined,
  ): CutRecords<Each> {
    const found = { pieces, at: this.#at, end: this.#taken - begun };
    this.records += countOf(pieces);
    if (how !== undefined) this.#at = { offset: found.end, records: this.records, ...how };
    return found;
  }
}

/** The records after the first so many. */
export function withoutFirstRecords(pieces: readonly Piece[], count: number): Piece[] {
  let left = count;
  return pieces.flatMap((piece) => {
    const records = recordsIn(piece);
    const gone = Math.min(left, records);
    left -= gone;
    if (gone === 0) return piece;
    if (gone === records || !('ends' in piece)) return [];
    const start = startIn(piece, gone);
    const ends = piece.ends.slice(gone).map((end) => end - start);
    return { ...piece, bytes: piece.bytes.subarray(start), ends };
  });
}

/** The first so many records. */
export function firstRecords(pieces: readonly Piece[], count: number): readonly Piece[] {
  let left = count;
  const taken: Piece[] = [];
  for (const piece of pieces) {
    if (left === 0) break;
    const records = Math.min(left, recordsIn(piece));
    left -= records;
    if (records === recordsIn(piece) || !('ends' in piece)) taken.push(piece);
    else {
      const ends = piece.ends.slice(0, records);
      taken.push({ ...piece, bytes: piece.bytes.subarray(0, ends.at(-1)), ends });
    }
  }
  return taken;
}

/** How many records there are. */
export function countOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + recordsIn(piece), 0);
}
