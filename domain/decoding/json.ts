import { PermanentError } from '../errors.ts';
import { isUtf16, withoutByteOrderMark } from './byte-order-mark.ts';
import { decompress } from './decompression.ts';
import { JsonArraySplitter } from './json-array.ts';
import { isWhiteSpace, NdjsonSplitter } from './ndjson.ts';
import type { RawRecord, RecordSplitter } from './record.ts';

/** How far to look for what follows the first brace. */
const MAX_UNDECIDED_BYTES = 64 * 1024;

const OPEN_BRACE = 0x7b;
/** How much of what can't be read is shown. */
const DESCRIBED_BYTES = 20;

/**
 * Cuts a JSON object of any size into its records: a JSON array or NDJSON; plain, gzip or zstd; with or without a
 * byte-order mark. What it is, is found in its content. Records come in batches, as the bytes complete them.
 *
 * Memory: a chunk of input and one record, whatever the size.
 *
 * @throws {PermanentError} when the object can't be read (further); every record before that has been yielded
 */
export async function* decodeJson(source: AsyncIterable<Uint8Array>): AsyncGenerator<RawRecord[]> {
  let head: Buffer = Buffer.alloc(0);
  let splitter: RecordSplitter | undefined;
  for await (const chunk of withoutByteOrderMark(decompress(source))) {
    if (splitter !== undefined) {
      const records = splitter.push(chunk);
      if (records.length > 0) yield records;
      continue;
    }
    head = trimStart(Buffer.concat([head, chunk]));
    splitter = splitterFor(head);
    if (splitter !== undefined) yield splitter.push(head);
  }
  if (splitter === undefined) {
    if (head.length === 0) throw unreadable('empty_file', 'The file holds nothing but white space.');
    if (head[0] !== OPEN_BRACE) throw neitherArrayNorObject(head);
    throw unreadable('truncated', `The file ends after ${head.length} bytes, before its first record does.`);
  }
  yield splitter.end();
}

/** Decides by the first bytes that are not white space, or `undefined` while there are too few of them. */
function splitterFor(head: Buffer): RecordSplitter | undefined {
  const first = head[0];
  if (first === undefined) return undefined;
  if (first === 0x5b) return new JsonArraySplitter();
  if (first === OPEN_BRACE) {
    const second = head
      .subarray(1, MAX_UNDECIDED_BYTES)
      .find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0d);
    if (second === undefined && head.length < MAX_UNDECIDED_BYTES) return undefined;
    if (second !== 0x0a) return new NdjsonSplitter();
    throw unreadable(
      'unknown_format',
      'The file is one object over several lines. Make it one object a line (jq -c .) or an array.',
    );
  }
  // However the bytes are cut, the reason reads the same.
  if (head.length < DESCRIBED_BYTES) return undefined;
  throw neitherArrayNorObject(head);
}

function neitherArrayNorObject(head: Buffer): PermanentError {
  return unreadable(
    'unknown_format',
    `The file begins with ${described(head)}, not with a JSON array or object.`,
  );
}

function described(head: Buffer): string {
  if (isUtf16(head)) return 'the byte-order mark of UTF-16 (convert it to UTF-8)';
  return JSON.stringify(head.subarray(0, DESCRIBED_BYTES).toString('latin1'));
}

/** Without white space at the start. */
function trimStart(bytes: Buffer): Buffer {
  const content = bytes.findIndex((byte) => !isWhiteSpace(byte));
  return content < 0 ? bytes.subarray(0, 0) : bytes.subarray(content);
}

function unreadable(code: 'empty_file' | 'truncated' | 'unknown_format', message: string): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction' });
}
