import { PermanentError } from '../../../errors.ts';
import type { JsonFormat } from '../../../source-format.ts';
import { type CutRecords, FIRST, type Place, Progress } from '../position.ts';
import { type JsonCut, MAX_RECORD_BYTES, type RawRecord, type RecordSplitter } from '../record.ts';
import { JsonArraySplitter } from './array.ts';
import { JsonListSplitter } from './list.ts';
import { isWhiteSpace, NdjsonSplitter } from './ndjson.ts';
import { ObjectsSplitter } from './objects.ts';
import { isJson, isOverSeveralLines, mayBecomeJson } from './prefix.ts';

const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const LINE_FEED = 0x0a;
/** How many bytes of unreadable input a message shows. */
const DESCRIBED_BYTES = 20;

/**
 * Cuts JSON of any size into its records: a JSON array, NDJSON, or objects over several lines each. The
 * content decides which, but for a list within one document, whose place the format tells. Records come in
 * batches, as the bytes complete them.
 *
 * Memory: a chunk of input and one record, whatever the size.
 *
 * @param from where the bytes begin
 * @throws {PermanentError} if the object can't be read (further), after every record before that point was
 * yielded
 */
export async function* splitJson(
  { list }: Pick<JsonFormat, 'list'>,
  bytes: AsyncIterable<Buffer>,
  from: Place = FIRST,
): AsyncGenerator<CutRecords<RawRecord>> {
  let head: Buffer = Buffer.alloc(0);
  let splitter = from.cut && splitterAt(from.cut, list, from.records);
  const progress = new Progress(from);
  const batch = (pieces: RawRecord[], { cut, begun }: RecordSplitter) =>
    progress.cut(pieces, begun, cut && { cut });
  let fault: PermanentError | undefined;
  async function* content() {
    try {
      yield* bytes;
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      fault = error;
    }
  }
  for await (const chunk of content()) {
    progress.take(chunk.length);
    if (splitter !== undefined) {
      const cut = batch(splitter.push(chunk), splitter);
      if (cut.pieces.length > 0) yield cut;
      continue;
    }
    head = trimStart(Buffer.concat([head, chunk]));
    splitter = splitterFor(head, list, false);
    if (splitter !== undefined) yield batch(splitter.push(head), splitter);
  }
  if (splitter === undefined) {
    if (head.length === 0)
      throw fault ?? unreadable('empty_file', 'The file is empty, or has only white space.');
    splitter = splitterFor(head, list, true);
    yield batch(splitter.push(head), splitter);
  }
  if (fault === undefined) {
    yield batch(splitter.end(), splitter);
    return;
  }
  // The last line may be whole without a line feed.
  if (splitter instanceof NdjsonSplitter) yield batch(splitter.end().filter(isWholeObject), splitter);
  throw fault;
}

function isWholeObject({ bytes }: RawRecord): boolean {
  const text = bytes.toString('utf8').trimEnd();
  return text.endsWith('}') && isJson(text);
}

/** Cuts what comes after so many records. */
function splitterAt(cut: JsonCut, list: string | undefined, records: number): RecordSplitter {
  if (cut === 'lines') return new NdjsonSplitter();
  if (cut === 'objects') return new ObjectsSplitter();
  return cut === 'list' && list !== undefined
    ? new JsonListSplitter(list, records)
    : new JsonArraySplitter({ after: records });
}

/** Decides by the first bytes that are not white space, or `undefined` while there are too few of them. */
function splitterFor(head: Buffer, list: string | undefined, isAll: true): RecordSplitter;
function splitterFor(head: Buffer, list: string | undefined, isAll: boolean): RecordSplitter | undefined;
function splitterFor(head: Buffer, list: string | undefined, isAll: boolean): RecordSplitter | undefined {
  const [first] = head;
  if (first === undefined) return undefined;
  if (first === OPEN_BRACKET && list === undefined) return new JsonArraySplitter();
  if (first === OPEN_BRACE)
    return list === undefined ? splitterForObjects(head, isAll) : new JsonListSplitter(list);
  // The message must be the same however the bytes are cut.
  if (head.length < DESCRIBED_BYTES && !isAll) return undefined;
  throw unknownFormat(head, list);
}

/**
 * NDJSON has an object in its first line. If that line is not JSON, either it is damaged, or objects are over
 * several lines: then the lines after it continue the first one.
 */
function splitterForObjects(head: Buffer, isAll: boolean): RecordSplitter | undefined {
  const end = head.indexOf(LINE_FEED);
  const isDecided = isAll || head.length >= MAX_RECORD_BYTES;
  if (end < 0 || end >= MAX_RECORD_BYTES) return isDecided ? new NdjsonSplitter() : undefined;
  const line = head.toString('utf8', 0, end);
  if (isJson(line) || !mayBecomeJson(line)) return new NdjsonSplitter();
  if (!isDecided) return undefined;
  const lines = head.toString('utf8', 0, MAX_RECORD_BYTES);
  if (isOverSeveralLines(lines)) return new ObjectsSplitter();
  if (line.trimEnd() !== '{' && !mayBecomeJson(lines)) return new NdjsonSplitter();
  if (head.length >= MAX_RECORD_BYTES) throw oneObject();
  return new ObjectsSplitter();
}

function oneObject(): PermanentError {
  return unreadable(
    'unknown_format',
    `The file begins with an object of more than ${MAX_RECORD_BYTES} bytes over several lines. If its records are a list in it, declare list in the dataset’s source.`,
  );
}

function unknownFormat(head: Buffer, list: string | undefined): PermanentError {
  const begins = JSON.stringify(head.subarray(0, DESCRIBED_BYTES).toString('latin1'));
  const wanted = list === undefined ? 'a JSON array or object' : `the object that has the list ${list}`;
  return unreadable('unknown_format', `The file begins with ${begins}, not with ${wanted}.`);
}

/** Without white space at the start. */
function trimStart(bytes: Buffer): Buffer {
  const content = bytes.findIndex((byte) => !isWhiteSpace(byte));
  return content < 0 ? bytes.subarray(0, 0) : bytes.subarray(content);
}

function unreadable(code: 'empty_file' | 'unknown_format', message: string): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction' });
}
