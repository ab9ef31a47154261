import { constants, createGunzip, createInflateRaw, createZstdDecompress } from 'node:zlib';
import type { Stream } from './compression.ts';

/** Larger than zlib's default of 16 KB, since the splitters run once for each chunk. */
const CHUNK_BYTES = 256 * 1024;

/**
 * 16 MB, twice the window of zstd's levels up to 19. `--long` and `--ultra` use up to 2 GB, more than a
 * function's memory.
 */
const MAX_WINDOW_LOG = 24;

/**
 * Node's decompressor, one step at a time: the next block goes in only when all output of the last one was
 * taken out. A pipeline would read ahead, and lose what it read ahead if the stream breaks off.
 */
export class Decompressor {
  readonly #stream: ReturnType<typeof decompressorStream>;
  #wake: () => void = () => {};
  #error: Error | undefined;
  #given = 0;
  #head: Buffer = Buffer.alloc(0);

  constructor(stream: Stream) {
    this.#stream = decompressorStream(stream);
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

  /** The first bytes written, four at most. */
  get head(): Buffer {
    return this.#head;
  }

  /**
   * How many of the written bytes were not consumed: Node's zstd ends with the first frame, and its deflate
   * with the stream, whatever follows it.
   */
  get leftOver(): number {
    return this.#given - this.#stream.bytesWritten;
  }

  /** Takes a block that isn't empty. */
  write(block: Buffer): AsyncGenerator<Buffer> {
    this.#given += block.length;
    if (this.#head.length < 4) this.#head = Buffer.concat([this.#head, block.subarray(0, 4)]).subarray(0, 4);
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

function decompressorStream(stream: Stream) {
  // With room for one byte, it continues only after its output was read: a small block can expand to
  // gigabytes.
  const options = { chunkSize: CHUNK_BYTES, readableHighWaterMark: 1 };
  if (stream === 'gzip') return createGunzip(options);
  if (stream === 'deflate') return createInflateRaw(options);
  return createZstdDecompress({ ...options, params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG } });
}
