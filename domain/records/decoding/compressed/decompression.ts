import { errorText, PermanentError, TransientError } from '../../../errors.ts';
import type { Source } from '../source.ts';
import { GZIP_BEGINNING, mayBeginZstd } from './compression.ts';
import { Decompressor } from './decompressor.ts';
import { Expansion } from './expansion.ts';
import { BLOCK_BYTES, bytesOf, inBlocks, withoutFirst } from './source-blocks.ts';
import { isCutOff, isDamage, isOfData, isTooWide } from './zlib-errors.ts';

/**
 * The content of a gzip or zstd stream. Several gzip members or zstd frames in a row are one content.
 *
 * Node's decompressor drops the output of a block in which it then finds damage. So a damaged object is read
 * once more, with that block byte by byte: this gives all content before the damage.
 *
 * @param bytes of the object, from its start @param open reads them again
 * @throws {PermanentError} `truncated`, `corrupt_compression` or `compression_bomb`, after all readable
 * content was yielded
 */
export async function* decompressed(
  bytes: AsyncIterable<Buffer>,
  compression: 'gzip' | 'zstd',
  open: Source,
): AsyncGenerator<Buffer> {
  let expansion = new Expansion(compression);
  try {
    yield* expand(inBlocks(bytes), compression, expansion);
  } catch (error) {
    if (!isDamage(error)) {
      const isWhole = isCutOff(error) && (await isFollowedByOneByte(open, expansion));
      throw isWhole ? trailing(expansion) : faultOf(error, expansion);
    }
    const { read, produced } = expansion;
    const damaged = Math.floor((read - 1) / BLOCK_BYTES) * BLOCK_BYTES;
    expansion = new Expansion(compression);
    try {
      yield* withoutFirst(produced, expand(inBlocks(bytesOf(open), damaged), compression, expansion));
    } catch (again) {
      throw faultOf(again, expansion);
    }
    const message = `The ${compression} stream was damaged at the first read, but intact at the second.`;
    throw new TransientError('storage', message, { stage: 'extraction' });
  }
}

async function* expand(
  blocks: AsyncIterable<Buffer>,
  compression: 'gzip' | 'zstd',
  expansion: Expansion,
): AsyncGenerator<Buffer> {
  let decompressor = new Decompressor(compression);
  try {
    for await (const block of blocks) {
      expansion.take(block);
      let left: Buffer = block;
      while (left.length > 0) {
        if (decompressor.isNew && compression === 'gzip') left = withoutPadding(left);
        if (left.length === 0) break;
        for await (const chunk of decompressor.write(left)) yield expansion.add(chunk);
        left = left.subarray(left.length - decompressor.leftOver);
        if (left.length > 0) {
          expansion.addFrame();
          decompressor.close();
          decompressor = new Decompressor(compression);
        }
      }
    }
    if (decompressor.isNew) return;
    if (compression === 'zstd' && !mayBeginZstd(decompressor.head)) throw trailing(expansion);
    for await (const chunk of decompressor.end()) yield expansion.add(chunk);
  } finally {
    decompressor.close();
  }
}

/** Zeros may fill up the last block of a gzip file (gzip manual, "Trailing zero bytes"). */
function withoutPadding(block: Buffer): Buffer {
  const content = block.findIndex((byte) => byte !== 0);
  return block.subarray(content < 0 ? block.length : content);
}

/**
 * zlib takes a single byte after a complete stream for the beginning of another member, and reports a stream
 * that breaks off. A member ends with the length of its content (RFC 1952, ISIZE). This is checked first, so
 * a stream that really breaks off is hardly ever read again.
 */
async function isFollowedByOneByte(
  open: Source,
  { compression, read, produced, tail }: Expansion,
): Promise<boolean> {
  if (compression !== 'gzip' || tail.length < 5 || tail.at(-1) === GZIP_BEGINNING) return false;
  if (tail.readUInt32LE(0) > produced) return false;
  let left = read - 1;
  async function* butTheLast() {
    for await (const block of inBlocks(bytesOf(open))) {
      yield block.subarray(0, left);
      left -= Math.min(left, block.length);
    }
  }
  try {
    for await (const _ of expand(butTheLast(), compression, new Expansion(compression)));
    return true;
  } catch (error) {
    if (isOfData(error)) return false;
    throw error;
  }
}

function trailing({ compression, produced }: Expansion): PermanentError {
  const message = `The ${compression} stream ends after ${produced} bytes of content, but other bytes follow it.`;
  return new PermanentError('corrupt_compression', message, { stage: 'extraction' });
}

function faultOf(error: unknown, expansion: Expansion): unknown {
  const { compression, produced } = expansion;
  if (!isOfData(error)) return error;
  const circumstances = { stage: 'extraction', cause: error } as const;
  if (isTooWide(error)) {
    const message =
      'The zstd stream needs more than 16 MB for its window. Compress it without --long and --ultra.';
    return new PermanentError('window_too_large', message, circumstances);
  }
  // The header of the first member was checked before, so this is a later one.
  if ((error as Error).message === 'incorrect header check') return trailing(expansion);
  const place = `after ${produced} bytes of content`;
  if (isCutOff(error))
    return new PermanentError('truncated', `The ${compression} stream breaks off ${place}.`, circumstances);
  const message = `The ${compression} stream is damaged ${place}: ${errorText(error)}.`;
  return new PermanentError('corrupt_compression', message, circumstances);
}
