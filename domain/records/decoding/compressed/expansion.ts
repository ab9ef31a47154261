import { PermanentError } from '../../../errors.ts';
import type { Compression } from './compression.ts';

/**
 * Each frame costs a tenth of a millisecond. So many frames with so little content are meant to keep a
 * machine busy.
 */
const FRAMES_GRACE = 3000;
const MIN_FRAME_BYTES = 64;

const TAIL_BYTES = 5;

/** No real text comes near this ratio: gzip's limit is 1,032, which only empty content reaches. */
const MAX_EXPANSION = 500;

/** How far any input may expand before its ratio is checked, in bytes. */
const EXPANSION_GRACE_BYTES = 256 * 1024 * 1024;

/** Counts input and output, and refuses ratios that no legitimate file has. */
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
      throw this.#bomb(`turned out to be over ${FRAMES_GRACE} almost empty frames`);
    }
  }

  #bomb(what: string): PermanentError {
    return new PermanentError(
      'compression_bomb',
      `${this.read} bytes of ${this.compression} have ${what}. If the file is legitimate, compress it again at a lower ratio.`,
      { stage: 'extraction' },
    );
  }
}
