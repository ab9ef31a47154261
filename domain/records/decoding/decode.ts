import type { Dataset } from '../../dataset.ts';
import { PermanentError } from '../../errors.ts';
import { contentsOf } from './content.ts';
import { splitCsv } from './csv/csv.ts';
import { type CsvRecord, csvReader } from './csv/record.ts';
import { splitJson } from './json/json.ts';
import { type Piece, type RawRecord, startIn } from './record.ts';
import type { Source } from './source.ts';

/** How much of the name of a file in an archive a message shows. */
const SHOWN_CHARACTERS = 200;

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
 * Cuts an object of any size into its records, in batches, as the bytes complete them; plain, gzip, zstd or
 * the files of a zip archive, one after the other. What is in the records is not looked at.
 *
 * Memory: a chunk of input and one record, whatever the size.
 *
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export async function* split(format: Format, open: Source): AsyncGenerator<Batch> {
  if (format.source.format === 'parquet') {
    // Few datasets need it.
    const { splitParquet } = await import('./parquet/parquet.ts');
    for await (const pieces of splitParquet(open)) yield { pieces };
    return;
  }
  let found = false;
  for await (const { name, content } of contentsOf(format.source, open)) {
    try {
      yield* splitFile(format, content);
      found = true;
    } catch (error) {
      if (name === undefined || !(error instanceof PermanentError)) throw error;
      // An empty file among others has nothing to lose.
      if (error.code !== 'empty_file') throw inFile(name, error);
    }
  }
  if (!found) throw nothingIn();
}

async function* splitFile(
  { source: format, record }: Format,
  content: AsyncIterable<Buffer>,
): AsyncGenerator<Batch> {
  if (format.format === 'csv') yield* splitCsv(format, record, content);
  if (format.format === 'json') for await (const pieces of splitJson(format, content)) yield { pieces };
}

function inFile(name: string, { code, message, stage, cause }: PermanentError): PermanentError {
  const shown = JSON.stringify(name.slice(0, SHOWN_CHARACTERS));
  return new PermanentError(code, `In ${shown} of the zip archive: ${message}`, { stage, cause });
}

function nothingIn(): PermanentError {
  return new PermanentError('empty_file', 'The zip archive has no file with any content.', {
    stage: 'extraction',
  });
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
  let of: Batch['header'];
  for await (const { header, pieces } of split(format, open)) {
    // Each file of an archive has its own header.
    if (read === undefined || header !== of) read = readerOf(format, header);
    of = header;
    yield read(pieces);
  }
}
