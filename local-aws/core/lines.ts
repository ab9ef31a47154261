import { fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

const LINE_FEED = 0x0a;
const CHUNK_BYTES = 1024 * 1024;

/**
 * The lines of an open file, some thousand at a time, split at line feeds only: `node:readline` also splits
 * at U+2028, U+2029 and others, which JSON text may contain unescaped. An incomplete last line, as a kill
 * leaves it, is skipped.
 *
 * @param start the offset of the first line, in bytes
 */
export async function* wholeLines(file: FileHandle, start = 0): AsyncGenerator<string[]> {
  // From the middle, mostly little is left to read. The same memory for all, since fresh memory takes longer
  // than reading.
  const chunk = Buffer.allocUnsafeSlow(start === 0 ? CHUNK_BYTES : CHUNK_BYTES / 16);
  let pieces: Buffer[] = [];
  for (let position = start; ; ) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    const read = chunk.subarray(0, bytesRead);
    const lines: string[] = [];
    let from = 0;
    for (let end = read.indexOf(LINE_FEED); end >= 0; end = read.indexOf(LINE_FEED, from)) {
      if (pieces.length === 0) lines.push(read.toString('utf8', from, end));
      else lines.push(Buffer.concat([...pieces, read.subarray(from, end)]).toString('utf8'));
      pieces = [];
      from = end + 1;
    }
    if (from < read.length) pieces.push(Buffer.from(read.subarray(from)));
    if (lines.length > 0) yield lines;
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
