import type { Bits } from './bits.ts';
import { Malformed } from './malformed.ts';

const LONGEST = 20;
/** Codes of so many bits or fewer are looked up at once. */
const FAST = 10;

/** Decodes the symbols of one table of code lengths. Codes are given by length, and then by symbol. */
export class Huffman {
  /** For each beginning: the symbol and its length, or 0 if its code is longer. */
  readonly #fast = new Uint16Array(1 << FAST);
  /** Of each length, the code behind its last one; and what to add to a code to find its symbol. */
  readonly #limits = new Int32Array(LONGEST + 2);
  readonly #offsets = new Int32Array(LONGEST + 2);
  readonly #symbols: Uint16Array;

  /** @param lengths of each symbol's code, 1 to 20 bits */
  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let code = 0;
    let count = 0;
    for (let length = 1; length <= LONGEST; length += 1) {
      this.#offsets[length] = count - code;
      for (let symbol = 0; symbol < lengths.length; symbol += 1) {
        if (lengths[symbol] !== length) continue;
        // More codes than there are of these lengths.
        if (code >= 2 ** length) throw new Malformed('a table of codes is impossible');
        if (length <= FAST) {
          const first = code << (FAST - length);
          this.#fast.fill((symbol << 4) | length, first, first + (1 << (FAST - length)));
        }
        this.#symbols[count] = symbol;
        count += 1;
        code += 1;
      }
      this.#limits[length] = code;
      code *= 2;
    }
  }

  next(bits: Bits): number {
    const ahead = bits.peek(LONGEST);
    const found = this.#fast[ahead >>> (LONGEST - FAST)] as number;
    if (found !== 0) {
      bits.at += found & 15;
      return found >>> 4;
    }
    for (let length = FAST + 1; length <= LONGEST; length += 1) {
      const code = ahead >>> (LONGEST - length);
      if (code >= (this.#limits[length] as number)) continue;
      bits.at += length;
      return this.#symbols[code + (this.#offsets[length] as number)] as number;
    }
    bits.check();
    throw new Malformed('a code is unknown');
  }
}
