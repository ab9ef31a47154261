import { createReadStream, fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

const LINE_FEED = 0x0a;
const CHUNK_BYTES = 1024 * 1024;

/**
 * The lines of a file, split at line feeds only: `node:readline` also splits at U+2028, U+2029 and others,
 * which JSON text may contain unescaped. An incomplete last line, as a kill leaves it, is skipped.
 *
 * @param file a path, or an open file, which stays open
 * @param start the offset of the first line, in bytes
 */
export async function* wholeLines(file: string | FileHandle, start = 0): AsyncGenerator<string> {
  // From the middle, mostly little is left to read.
  const options = { highWaterMark: start === 0 ? CHUNK_BYTES : CHUNK_BYTES / 16, start };
  const stream: AsyncIterable<Buffer> =
    typeof file === 'string'
      ? createReadStream(file, options)
      : file.createReadStream({ ...options, autoClose: false });
  let pieces: Buffer[] = [];
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      const last = chunk.subarray(from, end);
      yield (pieces.length === 0 ? last : Buffer.concat([...pieces, last])).toString('utf8');
      pieces = [];
      from = end + 1;
    }
    if (from < chunk.length) pieces.push(chunk.subarray(from));
  }
}

/** The position after the last line feed of an open file. */
export function endOfLines(file: number): number {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES / 16);
  for (let end = fstatSync(file).size; end > 0; ) {
    const start = Math.max(0, end - chunk.length);
    const read = readSync(file, chunk, 0, end - start, start);
    const last = chunk.subarray(0, read).lastIndexOf(LINE_FEED);
    if (last >= 0) return start + last + 1;
    end = start;
  }
  return 0;
}
