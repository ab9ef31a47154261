import type { Dataset } from '../../dataset.ts';
import { PermanentError } from '../../errors.ts';
import { BLOCK_BYTES, inAlignedBlocks } from './compressed/source-blocks.ts';
import { contentsOf } from './content.ts';
import { splitCsv } from './csv/csv.ts';
import { type CsvRecord, csvReader } from './csv/record.ts';
import { splitJson } from './json/json.ts';
import {
  BEGINNING,
  type CutRecords,
  countOf,
  type Place,
  type Position,
  withoutFirstRecords,
} from './position.ts';
import { type Piece, type RawRecord, startIn } from './record.ts';
import type { Source } from './source.ts';

/** How much of the name of a file in an archive a message shows. */
const SHOWN_CHARACTERS = 200;

export type Format = Pick<Dataset, 'source' | 'record'>;

/** Records as they were cut out of an object, in its order. */
export interface Batch extends Omit<CutRecords, 'at' | 'skip'> {
  /** Where the first of them is. */
  readonly at: Position;
}

/** One record of an object, in the format of its dataset. */
export type InputRecord = RawRecord | CsvRecord;

/**
 * Cuts an object of any size into its records, in batches, as the bytes complete them; plain, gzip, zstd or
 * the files of a zip archive, one after the other. What is in the records is not looked at.
 *
 * Memory: a chunk of input and one record, whatever the size.
 *
 * @param from where to begin. The records from there on are the same as without it
 * @param blockBytes how much of the content is cut at once: where batches begin depends on nothing else
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export async function* split(
  format: Format,
  open: Source,
  from = BEGINNING,
  blockBytes = BLOCK_BYTES,
): AsyncGenerator<Batch> {
  let left = from.skip;
  for await (const batch of batchesOf(format, open, from, blockBytes)) {
    if (left === 0) {
      yield batch;
      continue;
    }
    const count = countOf(batch.pieces);
    const pieces = withoutFirstRecords(batch.pieces, left);
    const skip = batch.at.skip + left;
    left = Math.max(0, left - count);
    if (pieces.length > 0) yield { ...batch, pieces, at: { ...batch.at, skip } };
  }
}

async function* batchesOf(
  format: Format,
  open: Source,
  from: Position,
  blockBytes: number,
): AsyncGenerator<Batch> {
  if (format.source.format === 'parquet') {
    // Few datasets need it.
    const { splitParquet } = await import('./parquet/parquet.ts');
    for await (const cut of splitParquet(open, from)) yield positioned(cut, 0, undefined);
    return;
  }
  let { file } = from;
  let found = from !== BEGINNING;
  for await (const contained of contentsOf(format.source, open, from)) {
    const { name } = contained;
    try {
      const place = file === from.file ? from : undefined;
      const blocks = inAlignedBlocks(contained.content, place?.offset ?? 0, blockBytes);
      for await (const cut of await splitFile(format, blocks, place))
        yield positioned(cut, file, contained.start);
      found = true;
    } catch (error) {
      if (name === undefined || !(error instanceof PermanentError)) throw error;
      // An empty file among others has nothing to lose.
      if (error.code !== 'empty_file') throw inFile(name, error);
    }
    file += 1;
  }
  if (!found) throw nothingIn();
}

const positioned = (cut: CutRecords, file: number, start: number | undefined): Batch => {
  const { offset, records, cut: how, header } = cut.at;
  const place = { offset, records, ...(how && { cut: how }), ...(header && { header }) };
  const { skip = 0 } = cut;
  return { ...cut, at: { ...place, file, ...(start !== undefined && { start }), skip } };
};

async function splitFile(
  { source: format, record }: Format,
  content: AsyncIterable<Buffer>,
  from: Place | undefined,
): Promise<AsyncGenerator<CutRecords>> {
  if (format.format === 'csv') return splitCsv(format, record, content, from);
  if (format.format === 'json') return splitJson(format, content, from);
  if (format.format === 'avro') {
    const { splitAvro } = await import('./avro/avro.ts');
    return splitAvro(content, from);
  }
  throw new Error(`${format.format} is not read from its start to its end.`);
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
