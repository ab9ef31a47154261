import { type Batch, type Format, split } from './decoding/decode.ts';
import { countOf, firstRecords } from './decoding/position.ts';
import { MAX_RECORD_BYTES, type Piece } from './decoding/record.ts';
import type { Source } from './decoding/source.ts';
import type { RecordRange } from './part.ts';

/** A reader that begins with the content looks so far beyond white space at most to tell how it is cut. */
const TELLING_BYTES = 2 * MAX_RECORD_BYTES;

/**
 * Where the records from one batch to another are in an object.
 *
 * @param format by which they were cut
 * @param from the batch with the first of them, and how many of its records come before
 * @param to the batch with the last
 */
export function rangeOf(
  { source }: Pick<Format, 'source'>,
  from: Batch,
  before: number,
  to: Batch,
  records: number,
): RecordRange {
  const { at } = from;
  const end = at.offset === 0 ? to.end + TELLING_BYTES : to.end;
  return { source, from: { ...at, skip: at.skip + before }, end, records };
}

/**
 * Cuts the records of a range out of the object again: the same ones in the same order, by the format of
 * then, since other code may have been deployed meanwhile.
 *
 * Memory: a chunk of input and one record, whatever the size.
 *
 * @throws {Error} if the range has fewer, which it never has while object and code are the same
 */
export async function* recordsInRange(
  format: Format,
  open: Source,
  { source, from, end, records }: RecordRange,
): AsyncGenerator<readonly Piece[]> {
  const last = (from.start ?? 0) + end;
  const within: Source = (range) =>
    open(
      range !== undefined && 'start' in range
        ? { start: range.start, end: Math.min(range.end, last) }
        : { start: 0, end: last },
    );
  let left = records;
  for await (const { pieces } of split({ ...format, source }, within, from)) {
    yield firstRecords(pieces, left);
    left -= countOf(pieces);
    if (left <= 0) return;
  }
  throw new Error(`The range of ${records} records has ${left} too few.`);
}
