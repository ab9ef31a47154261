import { errorText, PermanentError, TransientError } from '../../../errors.ts';
import type { Source } from '../source.ts';
import type { Compression } from './compression.ts';
import { Decompressor } from './decompressor.ts';
import { Expansion } from './expansion.ts';

/**
 * The decompressor gets its input in blocks of one size, so that it finds damage at the same byte however the
 * input is cut.
 */
const BLOCK_BYTES = 64 * 1024;

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** A frame that is skipped; the last hexadecimal digit of its first byte may be any. */
const ZSTD_SKIPPABLE = [0x50, 0x2a, 0x4d, 0x18];

/**
 * Recognises the compression by the magic numbers of RFC 1952 (gzip) and RFC 8878 (zstd), or its skippable
 * frames.
 */
export function compressionOf(head: Uint8Array): Compression {
  if (head.length >= GZIP.length && mayBegin(head, GZIP)) return 'gzip';
  return head.length >= ZSTD.length && mayBeginZstd(head) ? 'zstd' : 'none';
}

function mayBeginZstd(head: Uint8Array): boolean {
  const [first = 0, ...rest] = head;
  return mayBegin(head, ZSTD) || mayBegin([first & 0xf0, ...rest], ZSTD_SKIPPABLE);
}

/** Whether the bytes are the magic number, or its beginning if there are fewer. */
function mayBegin(bytes: ArrayLike<number>, magic: readonly number[]): boolean {
  return magic.every((byte, i) => i >= bytes.length || bytes[i] === byte);
}

/**
 * Decompresses an object's bytes as they come in. The content decides on the format, not the object's name.
 * Several gzip members or zstd frames in a row are one content.
 *
 * Node's decompressor drops the output of a block in which it then finds damage. So a damaged object is read
 * once more, with that block byte by byte: this gives all content before the damage.
 *
 * @throws {PermanentError} `truncated`, `corrupt_compression` or `compression_bomb`, after all readable
 * content was yielded
 */
export async function* decompress(open: Source): AsyncGenerator<Buffer> {
  const bytes = bytesOf(open);
  try {
    const head = await firstOf(bytes);
    const compression = compressionOf(head);
    if (compression === 'none') {
      if (head.length > 0) yield head;
      yield* bytes;
    } else {
      yield* decompressed(joined(head, bytes), compression, open);
    }
  } finally {
    await bytes.return();
  }
}

async function* decompressed(
  bytes: AsyncIterable<Buffer>,
  compression: Expansion['compression'],
  open: Source,
): AsyncGenerator<Buffer> {
  let expansion = new Expansion(compression);
  try {
    yield* expand(inBlocks(bytes), expansion);
  } catch (error) {
    if (!isDamage(error)) {
      const isWhole = isCutOff(error) && (await isFollowedByOneByte(open, expansion));
      throw isWhole ? trailing(expansion) : faultOf(error, expansion);
    }
    const { read, produced } = expansion;
    const damaged = Math.floor((read - 1) / BLOCK_BYTES) * BLOCK_BYTES;
    expansion = new Expansion(compression);
    try {
      yield* withoutFirst(produced, expand(inBlocks(bytesOf(open), damaged), expansion));
    } catch (again) {
      throw faultOf(again, expansion);
    }
    const message = `The ${compression} stream was damaged at the first read, but intact at the second.`;
    throw new TransientError('storage', message, { stage: 'extraction' });
  }
}

async function* bytesOf(open: Source): AsyncGenerator<Buffer, void> {
  for await (const { buffer, byteOffset, byteLength } of await open())
    yield Buffer.from(buffer, byteOffset, byteLength);
}

/** The first bytes, enough to recognise the compression. */
async function firstOf(bytes: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < ZSTD.length) {
    const next = await bytes.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

/** @param bytewiseFrom start of the block that is given out byte by byte */
async function* inBlocks(
  input: AsyncIterable<Buffer>,
  bytewiseFrom = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  let given = 0;
  function* take(last: Buffer) {
    const block = Buffer.concat([...pieces, last]);
    if (given === bytewiseFrom) for (let i = 0; i < block.length; i += 1) yield block.subarray(i, i + 1);
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

async function* expand(blocks: AsyncIterable<Buffer>, expansion: Expansion): AsyncGenerator<Buffer> {
  const { compression } = expansion;
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

async function* withoutFirst(count: number, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let left = count;
  for await (const chunk of content) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
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
  if (compression !== 'gzip' || tail.length < 5 || tail.at(-1) === GZIP[0]) return false;
  if (tail.readUInt32LE(0) > produced) return false;
  let left = read - 1;
  async function* butTheLast() {
    for await (const block of inBlocks(bytesOf(open))) {
      yield block.subarray(0, left);
      left -= Math.min(left, block.length);
    }
  }
  try {
    for await (const _ of expand(butTheLast(), new Expansion(compression)));
    return true;
  } catch (error) {
    if (isOfData(error)) return false;
    throw error;
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** A lack of memory is not a fault of the data. */
const isOfData = (error: unknown): boolean =>
  /^(Z|ZSTD)_/.test(codeOf(error)) &&
  !['Z_MEM_ERROR', 'ZSTD_error_memory_allocation'].includes(codeOf(error));

const isCutOff = (error: unknown): boolean =>
  isOfData(error) && (error as Error).message.includes('unexpected end of file');

const isTooWide = (error: unknown): boolean => codeOf(error) === 'ZSTD_error_frameParameter_windowTooLarge';

const isDamage = (error: unknown): boolean => isOfData(error) && !isCutOff(error) && !isTooWide(error);

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
