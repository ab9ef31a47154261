import { PermanentError } from '../../../../errors.ts';
import { Expansion } from '../expansion.ts';
import { Bits, OutOfBits } from './bits.ts';
import { BlockDecoder } from './block.ts';
import { Malformed } from './malformed.ts';

/** The signatures of a block and of a stream's end: the digits of pi, and of its root. */
const BLOCK = 0x314159265359;
const END = 0x177245385090;
const LEVEL_BYTES = 100_000;
/** What a block of any level has at most, but for odd ones. */
const USUAL_BLOCK_BYTES = 1024 * 1024;
/** A block of so many bytes can't be: 20 bits for each of its symbols, its selectors and tables. */
const LONGEST_BLOCK_BYTES = 3 * 1024 * 1024;

/**
 * The content of one or several bzip2 streams in a row. A block comes out when its checksum is right, so
 * damage costs the block that it is in, of 900 KB at most.
 *
 * Memory: 8 MB and a block's input, whatever the size.
 *
 * @throws {PermanentError} `truncated`, `corrupt_compression` or `compression_bomb`, after the content of
 * every block before that point was yielded
 */
export async function* bunzip2(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const expansion = new Expansion('bzip2');
  const input = new Input(bytes, expansion);
  const decoder = new BlockDecoder();
  let level: number | undefined;
  let sum = 0;
  while (level !== undefined || !(await input.isAtEnd())) {
    try {
      const step = await input.read((bits) => {
        if (level === undefined) return { level: levelOf(bits) };
        const signature = bits.take(24) * 2 ** 24 + bits.take(24);
        if (signature === BLOCK) return { sum: decoder.decode(bits, level * LEVEL_BYTES) };
        if (signature !== END) throw new Malformed('neither a block nor the end follows');
        const whole = bits.take(16) * 0x10000 + bits.take(16);
        bits.align();
        return { whole };
      });
      if ('level' in step) {
        // After the first stream, something else may follow.
        if (step.level === undefined) throw trailing(expansion);
        level = step.level;
        sum = 0;
      } else if ('whole' in step) {
        if (step.whole !== sum) throw new Malformed('the checksum of the stream is wrong');
        level = undefined;
        expansion.addFrame();
      } else {
        if (decoder.sum !== step.sum) throw new Malformed('the checksum of a block is wrong');
        sum = ((sum << 1) | (sum >>> 31)) ^ step.sum;
        sum >>>= 0;
        for (const chunk of decoder.content()) yield expansion.add(chunk);
      }
    } catch (error) {
      throw faultOf(error, expansion);
    }
  }
}

/** @returns `undefined` if no stream begins here */
function levelOf(bits: Bits): number | undefined {
  for (const each of 'BZh') if (bits.take(8) !== each.charCodeAt(0)) return undefined;
  const level = bits.take(8) - 0x30;
  return level >= 1 && level <= 9 ? level : undefined;
}

/** Gathers enough bytes for a block. */
class Input {
  readonly #bytes: AsyncIterator<Buffer>;
  readonly #expansion: Expansion;
  #ahead: Buffer = Buffer.alloc(0);
  #isAll = false;
  /** Of the next bit in the bytes ahead: blocks do not begin with a byte. */
  #bit = 0;

  constructor(bytes: AsyncIterable<Buffer>, expansion: Expansion) {
    this.#bytes = bytes[Symbol.asyncIterator]();
    this.#expansion = expansion;
  }

  async isAtEnd(): Promise<boolean> {
    await this.#fill(1);
    return this.#ahead.length === 0;
  }

  /** Reads bits; anew, with more of them, if they were too few. @throws {OutOfBits} at the end */
  async read<Result>(by: (bits: Bits) => Result): Promise<Result> {
    for (let wanted = USUAL_BLOCK_BYTES; ; wanted += USUAL_BLOCK_BYTES) {
      await this.#fill(wanted);
      const bits = new Bits(this.#ahead);
      bits.at = this.#bit;
      try {
        const result = by(bits);
        this.#ahead = this.#ahead.subarray(bits.at >>> 3);
        this.#bit = bits.at & 7;
        return result;
      } catch (error) {
        // Behind the end, all bits are 0, and make no sense.
        const isShort = error instanceof OutOfBits || (error instanceof Malformed && bits.isOver);
        if (!isShort) throw error;
        if (this.#isAll) throw new OutOfBits();
        if (wanted > LONGEST_BLOCK_BYTES) throw new Malformed('a block is too long');
      }
    }
  }

  async #fill(count: number): Promise<void> {
    if (this.#isAll || this.#ahead.length >= count) return;
    const pieces = [this.#ahead];
    let length = this.#ahead.length;
    while (length < count) {
      const { done, value } = await this.#bytes.next();
      if (done) {
        this.#isAll = true;
        break;
      }
      this.#expansion.take(value);
      pieces.push(value);
      length += value.length;
    }
    this.#ahead = Buffer.concat(pieces);
  }
}

function trailing({ produced }: Expansion): PermanentError {
  const message = `The bzip2 stream ends after ${produced} bytes of content, but other bytes follow it.`;
  return new PermanentError('corrupt_compression', message, { stage: 'extraction' });
}

function faultOf(error: unknown, { produced }: Expansion): unknown {
  const place = `after ${produced} bytes of content`;
  const circumstances = { stage: 'extraction', cause: error } as const;
  if (error instanceof OutOfBits)
    return new PermanentError('truncated', `The bzip2 stream breaks off ${place}.`, circumstances);
  if (!(error instanceof Malformed)) return error;
  const message = `The bzip2 stream is damaged ${place}: ${error.message}.`;
  return new PermanentError('corrupt_compression', message, circumstances);
}
