import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { PermanentError } from '../errors.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Each costs a tenth of a millisecond: so many of so little are meant to keep a machine busy. */
const FRAMES_GRACE = 3000;
const MIN_FRAME_BYTES = 64;

/** Larger chunks than zlib's own 16 KB: the splitters behind it run once a chunk. */
const CHUNK_BYTES = 256 * 1024;

/** Input goes into the decompressor in blocks of one size, so that damage is met at the same byte however it arrives. */
const BLOCK_BYTES = 64 * 1024;

/** 16 MB, twice what zstd's levels up to 19 use; `--long` and `--ultra` go up to 2 GB, which no function has. */
const MAX_WINDOW_LOG = 24;

/** No real text comes near it: gzip's limit is 1,032, and only emptiness gets there. */
const MAX_EXPANSION = 500;

/** How much any input may expand to before its ratio is looked at, in bytes. */
const EXPANSION_GRACE_BYTES = 256 * 1024 * 1024;

/** Recognises the compression by the magic numbers of RFC 1952 (gzip) and RFC 8878 (zstd), or its skippable frames. */
export function compressionOf(head: Uint8Array): Compression {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (b === 0xb5 && c === 0x2f && d === 0xfd && a === 0x28) return 'zstd';
  if (b === 0x2a && c === 0x4d && d === 0x18 && a !== undefined && a >= 0x50 && a <= 0x5f) return 'zstd';
  return 'none';
}

/**
 * Decompresses an object's bytes as they come in, by what they are and not by what the object is called. Several gzip
 * members or zstd frames in a row are one content.
 *
 * @throws {PermanentError} `truncated`, `corrupt_compression` or `compression_bomb`, after all that could be read:
 * before damage, the last 256 KB of content may be missing, and the same ones each time
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const { head, rest } = await opened(iterator);
    const compression = compressionOf(head);
    if (compression === 'none') yield* rest;
    else yield* expand(compression, inBlocks(rest));
  } finally {
    await iterator.return?.();
  }
}

/** The first bytes, enough to know the compression by, and all bytes. */
async function opened(iterator: AsyncIterator<Uint8Array>) {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
  }
  return { head, rest: all() };
}

async function* inBlocks(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (let chunk of input) {
    while (length + chunk.length >= BLOCK_BYTES) {
      const missing = BLOCK_BYTES - length;
      yield Buffer.concat([...pieces, chunk.subarray(0, missing)]);
      chunk = chunk.subarray(missing);
      pieces = [];
      length = 0;
    }
    pieces.push(chunk);
    length += chunk.length;
  }
  if (length > 0) yield Buffer.concat(pieces);
}

async function* expand(compression: 'gzip' | 'zstd', blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const measure = new Expansion(compression);
  let decompressor = new Decompressor(compression);
  try {
    for await (const block of blocks) {
      measure.read += block.length;
      let left: Buffer = block;
      while (left.length > 0) {
        if (decompressor.isNew && compression === 'gzip') left = withoutPadding(left);
        if (left.length === 0) break;
        for await (const chunk of decompressor.write(left)) yield measure.add(chunk);
        left = left.subarray(left.length - decompressor.leftOver);
        if (left.length > 0) {
          measure.addFrame();
          decompressor.close();
          decompressor = new Decompressor(compression);
        }
      }
    }
    if (decompressor.isNew) return;
    for await (const chunk of decompressor.end()) yield measure.add(chunk);
  } catch (error) {
    throw compressionFault(error, compression, measure.produced);
  } finally {
    decompressor.close();
  }
}

/** Zeros may fill up the last block of a gzip file (gzip manual, "Trailing zero bytes"). */
function withoutPadding(block: Buffer): Buffer {
  const content = block.findIndex((byte) => byte !== 0);
  return block.subarray(content < 0 ? block.length : content);
}

/** How much came of how much; refuses what no honest file does. */
class Expansion {
  readonly #compression: Compression;
  #frames = 0;
  read = 0;
  produced = 0;

  constructor(compression: Compression) {
    this.#compression = compression;
  }

  add(chunk: Buffer): Buffer {
    this.produced += chunk.length;
    if (this.produced > EXPANSION_GRACE_BYTES && this.produced > this.read * MAX_EXPANSION) {
      throw this.#bomb(`expanded to over ${this.produced}: more than ${MAX_EXPANSION}-fold`);
    }
    return chunk;
  }

  addFrame(): void {
    this.#frames += 1;
    if (this.#frames > FRAMES_GRACE && this.produced < this.#frames * MIN_FRAME_BYTES) {
      throw this.#bomb(`turned out to be over ${FRAMES_GRACE} frames with next to nothing in them`);
    }
  }

  #bomb(what: string): PermanentError {
    return new PermanentError(
      'compression_bomb',
      `${this.read} bytes of ${this.#compression} have ${what}. Compress it anew if it is honest.`,
      { stage: 'extraction' },
    );
  }
}

/**
 * Node's decompressor, one step at a time: the next block goes in only when all that the last one made has been taken
 * out. A pipeline would read ahead, and what is read ahead is lost when the stream then turns out to break off.
 */
class Decompressor {
  readonly #stream: ReturnType<typeof decompressorStream>;
  #wake: () => void = () => {};
  #error: Error | undefined;
  #given = 0;

  constructor(compression: 'gzip' | 'zstd') {
    this.#stream = decompressorStream(compression);
    this.#stream.on('readable', () => this.#wake());
    this.#stream.on('end', () => this.#wake());
    this.#stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  get isNew(): boolean {
    return this.#given === 0;
  }

  /** How many of the bytes written were not taken: Node's zstd ends with the first frame, whatever follows it. */
  get leftOver(): number {
    return this.#given - this.#stream.bytesWritten;
  }

  /** Takes a block that isn't empty. */
  write(block: Buffer): AsyncGenerator<Buffer> {
    this.#given += block.length;
    return this.#outputOf((done) => this.#stream.write(block, done));
  }

  end(): AsyncGenerator<Buffer> {
    return this.#outputOf(() => this.#stream.end());
  }

  close(): void {
    this.#stream.destroy();
  }

  async *#outputOf(step: (done: (error?: Error | null) => void) => void): AsyncGenerator<Buffer> {
    let done = false;
    step((error) => {
      done = true;
      this.#error ??= error ?? undefined;
      this.#wake();
    });
    while (true) {
      const chunk: Buffer | null = this.#stream.read();
      if (chunk !== null) yield chunk;
      else if (this.#error !== undefined) throw this.#error;
      else if (done || this.#stream.readableEnded) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

function decompressorStream(compression: 'gzip' | 'zstd') {
  // With room for one byte, it goes on only when its output has been read: a small block can expand to gigabytes.
  const options = { chunkSize: CHUNK_BYTES, readableHighWaterMark: 1 };
  if (compression === 'gzip') return createGunzip(options);
  return createZstdDecompress({ ...options, params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG } });
}

function compressionFault(error: unknown, compression: Compression, produced: number): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) return error;
  // Too little memory is no fault of the data.
  if (code === 'Z_MEM_ERROR' || code === 'ZSTD_error_memory_allocation') return error;
  const circumstances = { stage: 'extraction', cause: error } as const;
  const message = (error as Error).message;
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
    const cure = 'Compress it without --long and --ultra.';
    return new PermanentError(
      'window_too_large',
      `The zstd stream needs more than 16 MB for its window. ${cure}`,
      circumstances,
    );
  }
  if (message.includes('unexpected end of file')) {
    return new PermanentError(
      'truncated',
      `The ${compression} stream breaks off after ${produced} bytes of content.`,
      circumstances,
    );
  }
  return new PermanentError(
    'corrupt_compression',
    `The ${compression} stream is damaged after ${produced} bytes of content: ${message}.`,
    circumstances,
  );
}
