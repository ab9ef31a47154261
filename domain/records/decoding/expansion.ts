import { PermanentError } from '../../errors.ts';
import type { Compression } from './compression.ts';

/** Each costs a tenth of a millisecond: so many of so little are meant to keep a machine busy. */
const FRAMES_GRACE = 3000;
const MIN_FRAME_BYTES = 64;

const TAIL_BYTES = 5;

/** No real text comes near it: gzip's limit is 1,032, and only emptiness gets there. */
const MAX_EXPANSION = 500;

/** How much any input may expand to before its ratio is looked at, in bytes. */
const EXPANSION_GRACE_BYTES = 256 * 1024 * 1024;

/** How much came of how much; refuses what no honest file does. */
export class Expansion {
  readonly compression: Exclude<Compression, 'none'>;
  /** Bytes taken in. */
  read = 0;
  /** Bytes given out. */
  produced = 0;
  /** The last bytes taken in: the length that a gzip member ends with, and one more. */
  tail: Buffer = Buffer.alloc(0);
  #frames = 0;

  constructor(compression: Exclude<Compression, 'none'>) {
    this.compression = compression;
  }

  take(block: Buffer): void {
    this.read += block.length;
    this.tail = Buffer.concat([this.tail, block.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
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
      `${this.read} bytes of ${this.compression} have ${what}. Compress it anew if it is honest.`,
      { stage: 'extraction' },
    );
  }
}
