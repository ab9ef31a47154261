import type { Dataset } from '../../dataset.ts';
import { splitCsv } from './csv/csv.ts';
import { type CsvRecord, csvReader } from './csv/record.ts';
import { splitJson } from './json/json.ts';
import { type Piece, type RawRecord, startIn } from './record.ts';
import type { Source } from './source.ts';

type Format = Pick<Dataset, 'source' | 'record'>;

/** Records as they were cut out of an object, in its order. */
export interface Batch {
  /** The names of the columns, of CSV. */
  readonly header?: readonly string[];
  readonly pieces: readonly Piece[];
}

/** One record of an object, in the format of its dataset. */
export type InputRecord = RawRecord | CsvRecord;

/**
 * Cuts an object of any size into its records, in batches, as the bytes complete them; plain, gzip or zstd.
 * What is in the records is not looked at.
 *
 * Memory: a chunk of input and one record, whatever the size.
 *
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export async function* split({ source: format, record }: Format, open: Source): AsyncGenerator<Batch> {
  if (format.format === 'csv') yield* splitCsv(format, record, open);
  else for await (const pieces of splitJson(format, open)) yield { pieces };
}

/** Reads the records of one object, one batch after the other. @param header of CSV */
export function readerOf(
  { source: format, record }: Format,
  header: readonly string[] = [],
): (pieces: readonly Piece[]) => readonly InputRecord[] {
  if (format.format === 'csv') return csvReader(format, record, header);
  return (pieces) => pieces.flatMap((piece) => ('ends' in piece ? recordsOf(piece) : piece));
}

function recordsOf(run: Extract<Piece, { ends: unknown }>): RawRecord[] {
  return run.ends.map((end, i) => {
    const bytes = run.bytes.subarray(startIn(run, i), end);
    return { bytes, length: bytes.length, unterminated: false };
  });
}

/** Cuts an object into its records, and reads them. @throws {PermanentError} as `split` does */
export async function* decode(format: Format, open: Source): AsyncGenerator<readonly InputRecord[]> {
  let read: ReturnType<typeof readerOf> | undefined;
  for await (const { header, pieces } of split(format, open)) {
    read ??= readerOf(format, header);
    yield read(pieces);
  }
}
