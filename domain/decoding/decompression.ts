import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { PermanentError } from '../errors.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Larger chunks than zlib's own 16 KB: the splitters behind it run once a chunk. */
const CHUNK_BYTES = 256 * 1024;

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
 * Decompresses an object's bytes as they come in, by what they are and not by what the object is called.
 *
 * @throws {PermanentError} `truncated`, `corrupt_compression` or `compression_bomb`, after all that could be read
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const input = new CountedInput(source);
  const compression = compressionOf(await input.peek(4));
  if (compression === 'none') {
    for await (const chunk of input) yield chunk;
    return;
  }
  const output = pipeline(
    Readable.from(input, { objectMode: false }),
    decompressor(compression),
    ignoreError,
  );
  let produced = 0;
  try {
    for await (const chunk of output as AsyncIterable<Buffer>) {
      produced += chunk.length;
      if (produced > EXPANSION_GRACE_BYTES && produced > input.bytes * MAX_EXPANSION) {
        throw new PermanentError(
          'compression_bomb',
          `${input.bytes} bytes of ${compression} have expanded to over ${produced}: more than ${MAX_EXPANSION}-fold. Compress it anew if it is honest.`,
          { stage: 'extraction' },
        );
      }
      yield chunk;
    }
  } catch (error) {
    throw compressionFault(error, compression, produced);
  }
}

function decompressor(compression: 'gzip' | 'zstd'): Transform {
  if (compression === 'gzip') return createGunzip({ chunkSize: CHUNK_BYTES });
  return createZstdDecompress({ chunkSize: CHUNK_BYTES });
}

/** The error comes out of the iteration as well. */
function ignoreError(): void {}

function compressionFault(error: unknown, compression: Compression, produced: number): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) return error;
  const circumstances = { stage: 'extraction', cause: error } as const;
  const message = (error as Error).message;
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

/** Counts the bytes that pass, and lets the first ones be looked at beforehand. */
class CountedInput {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #head: Buffer = Buffer.alloc(0);
  bytes = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  async peek(count: number): Promise<Buffer> {
    while (this.#head.length < count) {
      const next = await this.#iterator.next();
      if (next.done) break;
      this.#head = Buffer.concat([this.#head, next.value]);
    }
    return this.#head;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    this.bytes += this.#head.length;
    if (this.#head.length > 0) yield this.#head;
    try {
      for (let next = await this.#iterator.next(); !next.done; next = await this.#iterator.next()) {
        this.bytes += next.value.byteLength;
        yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      }
    } finally {
      await this.#iterator.return?.();
    }
  }
}
