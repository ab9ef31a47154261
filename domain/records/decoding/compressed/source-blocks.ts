import { PermanentError } from '../../../errors.ts';
import type { Source } from '../source.ts';

/**
 * The decompressor gets its input in blocks of one size, so that it finds damage at the same byte however the
 * input is cut.
 */
export const BLOCK_BYTES = 64 * 1024;

export async function* bytesOf(open: Source): AsyncGenerator<Buffer, void> {
  for await (const { buffer, byteOffset, byteLength } of await open())
    yield Buffer.from(buffer, byteOffset, byteLength);
}

/** @param bytewiseFrom start of the first block that is given out byte by byte @param bytewiseTo its end */
export async function* inBlocks(
  input: AsyncIterable<Buffer>,
  bytewiseFrom = Number.POSITIVE_INFINITY,
  bytewiseTo = bytewiseFrom + BLOCK_BYTES,
): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  let given = 0;
  function* take(last: Buffer) {
    const block = Buffer.concat([...pieces, last]);
    const isBytewise = given >= bytewiseFrom && given < bytewiseTo;
    if (isBytewise) for (let i = 0; i < block.length; i += 1) yield block.subarray(i, i + 1);
    else yield block;
    given += block.length;
    pieces = [];
    length = 0;
  }
  for await (let chunk of input) {
    while (length + chunk.length >= BLOCK_BYTES) {
      const missing = BLOCK_BYTES - length;
      yield* take(chunk.subarray(0, missing));
      chunk = chunk.subarray(missing);
    }
    pieces.push(chunk);
    length += chunk.length;
  }
  if (length > 0) yield* take(Buffer.alloc(0));
}

/**
 * The bytes in blocks that end at multiples of one size, however they come in. So what is found in a content
 * depends on nothing else.
 *
 * @param from how many bytes come before
 */
export async function* inAlignedBlocks(
  input: AsyncIterable<Buffer>,
  from: number,
  blockBytes: number,
): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let missing = blockBytes - (from % blockBytes);
  try {
    for await (let chunk of input) {
      while (chunk.length >= missing) {
        const last = chunk.subarray(0, missing);
        yield pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
        pieces = [];
        chunk = chunk.subarray(missing);
        missing = blockBytes;
      }
      if (chunk.length > 0) pieces.push(chunk);
      missing -= chunk.length;
    }
  } catch (error) {
    // What came before a damage still counts. Otherwise the same bytes come again, in whole blocks.
    if (error instanceof PermanentError && pieces.length > 0) yield Buffer.concat(pieces);
    throw error;
  }
  if (pieces.length > 0) yield Buffer.concat(pieces);
}

/** The content after so many bytes. */
export async function* withoutFirst(count: number, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of content) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
