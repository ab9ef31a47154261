import type { Dataset } from '../../dataset.ts';
import type { Compression } from './compressed/compression.ts';
import { compressionIn } from './compressed/files.ts';
import { contentOf } from './content.ts';
import { CsvRecord } from './csv/record.ts';
import { CsvSplitter } from './csv/splitter.ts';
import { decode, type InputRecord } from './decode.ts';
import { JsonArraySplitter } from './json/array.ts';
import { isWhiteSpace, NdjsonSplitter } from './json/ndjson.ts';
import { readJson } from './reading.ts';
import { MAX_RECORD_BYTES } from './record.ts';
import type { Source } from './source.ts';

const OPEN_BRACKET = 0x5b;
/** What Sluice reads and does not write. */
const unwritten: readonly Compression[] = ['bzip2', 'zip'];

type Format = Pick<Dataset, 'source' | 'record'>;

/** Where a record lies in the content of an object: decompressed, without a byte-order mark. */
export interface Cut {
  readonly from: number;
  readonly to: number;
  /** How many records the object has. */
  readonly records: number;
}

/** Why a record can't be cut out of an object, or why the object has no such record. */
export interface NoCut {
  readonly records: number;
  readonly reason: 'no_such_record' | 'only_record' | 'not_separable' | 'not_written';
}

/**
 * Finds the bytes of a record, with the separator that goes with it. It reads the object several times, and
 * proves that the content without these bytes has the same records in the same order, but for this one.
 *
 * Memory: a chunk of input and two records, whatever the size.
 *
 * @param recordNumber from 1
 * @throws {PermanentError} if the object can't be read to its end
 */
export async function findCut(format: Format, open: Source, recordNumber: number): Promise<Cut | NoCut> {
  let records = 0;
  for await (const batch of decode(format, open)) records += batch.length;
  if (recordNumber > records) return { records, reason: 'no_such_record' };
  if (['parquet', 'avro'].includes(format.source.format) || unwritten.includes(await compressionIn(open)))
    return { records, reason: 'not_written' };
  if (records === 1) return { records, reason: 'only_record' };
  const { from, to } = await locate(format, open, { records, recordNumber });
  const cut = { from, to, records };
  return (await isExact(format, open, cut, recordNumber)) ? cut : { records, reason: 'not_separable' };
}

/** The content of an object without a record, decompressed; UTF-8 of one that is UTF-16. */
export async function* withoutCut(
  format: Format,
  open: Source,
  { from, to }: Pick<Cut, 'from' | 'to'>,
): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const chunk of contentOf(format.source, open)) {
    const before = chunk.subarray(0, Math.max(0, from - at));
    const after = chunk.subarray(Math.min(chunk.length, Math.max(0, to - at)));
    at += chunk.length;
    if (before.length > 0) yield before;
    if (after.length > 0) yield after;
  }
}

/** Counts the pieces that a splitter has found: records and, in CSV, what comes before the first record. */
class PieceCounter {
  pieces = 0;
  readonly #splitter: CsvSplitter | JsonArraySplitter | NdjsonSplitter;

  constructor({ source }: Format, first: number) {
    if (source.format === 'csv') this.#splitter = new CsvSplitter(source);
    else this.#splitter = first === OPEN_BRACKET ? new JsonArraySplitter() : new NdjsonSplitter();
  }

  get isArray(): boolean {
    return this.#splitter instanceof JsonArraySplitter;
  }

  push(chunk: Buffer): void {
    for (const each of this.#splitter.push(chunk)) this.pieces += 'ends' in each ? each.ends.length : 1;
  }

  end(): void {
    const last = this.#splitter.end();
    this.pieces += Array.isArray(last) ? last.length : Number(last !== undefined);
  }
}

async function locate(
  format: Format,
  open: Source,
  { records, recordNumber }: { readonly records: number; readonly recordNumber: number },
): Promise<{ from: number; to: number }> {
  const { pieces } = await positionsAfter(format, open, []);
  const before = pieces - records + recordNumber - 1;
  const { starts, end, isArray } = await positionsAfter(format, open, [before, before + 1]);
  const [from = 0, to = end] = starts;
  // In an array, the comma goes with its item: the one behind it, but the one before the last item.
  if (isArray && recordNumber === records) return { from: from - 1, to: to - 1 };
  return { from, to };
}

/**
 * Where the content has had so many pieces. Chunks in which that happens are read byte by byte.
 *
 * @param wanted rising; `starts` has no position for a piece that only the end of the content completes
 */
async function positionsAfter(format: Format, open: Source, wanted: readonly number[]) {
  let counter: PieceCounter | undefined;
  let exact: PieceCounter | undefined;
  const starts: number[] = [];
  let end = 0;
  for await (const chunk of contentOf(format.source, open)) {
    const first = chunk.findIndex((byte) => !isWhiteSpace(byte));
    if (counter === undefined && first < 0 && format.source.format === 'json') {
      end += chunk.length;
      continue;
    }
    counter ??= new PieceCounter(format, chunk[first] ?? 0);
    exact ??= new PieceCounter(format, chunk[first] ?? 0);
    if (wanted[0] === 0 && starts.length === 0) starts.push(counter.isArray ? end + first + 1 : end);
    counter.push(chunk);
    const next = () => wanted[starts.length] ?? Number.POSITIVE_INFINITY;
    if (counter.pieces < next()) exact.push(chunk);
    else
      for (let i = 0; i < chunk.length; i += 1) {
        exact.push(chunk.subarray(i, i + 1));
        while (exact.pieces >= next()) starts.push(end + i + 1);
      }
    end += chunk.length;
  }
  counter?.end();
  return { starts, end, pieces: counter?.pieces ?? 0, isArray: counter?.isArray ?? false };
}

/** Whether the content without the bytes has all records but this one, each as it was. */
async function isExact(format: Format, open: Source, cut: Cut, recordNumber: number): Promise<boolean> {
  const kept = recordsOf(format, () => withoutCut(format, open, cut));
  let number = 0;
  try {
    for await (const record of recordsOf(format, open)) {
      number += 1;
      if (number === recordNumber) continue;
      const { value, done } = await kept.next();
      if (done || !isSame(record, value)) return false;
    }
    return (await kept.next()).done === true;
  } catch {
    // The content reads differently without the record: as another format, or not to its end.
    return false;
  } finally {
    await kept.return();
  }
}

async function* recordsOf(format: Format, open: Source): AsyncGenerator<InputRecord, void> {
  for await (const batch of decode(format, open)) yield* batch;
}

function isSame(a: InputRecord, b: InputRecord): boolean {
  if (a instanceof CsvRecord || b instanceof CsvRecord) return textOf(a) === textOf(b);
  if (a.length !== b.length) return false;
  return a.length > MAX_RECORD_BYTES || a.bytes.equals(b.bytes);
}

/** What the decoder makes of a record, problems included. */
function textOf(record: InputRecord): string {
  const reading = record instanceof CsvRecord ? record.read() : readJson(record);
  return JSON.stringify('code' in reading ? reading : [reading.value, reading.json()]);
}
