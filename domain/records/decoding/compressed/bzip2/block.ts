import type { Bits } from './bits.ts';
import { FIRST_SUM, lastSum, sumWith } from './checksum.ts';
import { Huffman } from './huffman.ts';
import { Malformed } from './malformed.ts';

/** How many symbols one table decodes before the next is selected. */
const GROUP = 50;
const MOST_SELECTORS = 18_002;
const RUN_A = 0;
const RUN_B = 1;
/** After so many equal bytes, a count of further ones follows. */
const EQUAL = 4;

const CHUNK_BYTES = 256 * 1024;

/** Decodes blocks, in the memory of the one before. */
export class BlockDecoder {
  /** Of each position, the byte in its lowest bits, and above the position of the byte that follows it. */
  #links = new Uint32Array(0);
  #bytes = Buffer.alloc(0);
  #length = 0;

  /**
   * Decodes a block whose signature was read.
   *
   * @param most how many bytes it may have @returns its checksum, as it should be
   * @throws {OutOfBits | Malformed}
   */
  decode(bits: Bits, most: number): number {
    if (this.#links.length < most) {
      this.#links = new Uint32Array(most);
      this.#bytes = Buffer.allocUnsafeSlow(most);
    }
    const sum = bits.take(16) * 0x10000 + bits.take(16);
    if (bits.take(1) === 1) throw new Malformed('it was made by bzip2 0.9.0 or older');
    const origin = bits.take(24);
    const used = usedBytes(bits);
    const tables = bits.take(3);
    if (tables < 2 || tables > 6) throw new Malformed('it has too few or too many tables of codes');
    const selectors = selectorsOf(bits, tables);
    const huffmans = Array.from({ length: tables }, () => new Huffman(codeLengths(bits, used.length + 2)));
    this.#readSymbols(bits, used, selectors, huffmans, most);
    this.#unsort(origin);
    return sum;
  }

  /** Undoes Huffman codes, runs and moves to the front. */
  #readSymbols(
    bits: Bits,
    used: Uint8Array,
    selectors: Uint8Array,
    huffmans: readonly Huffman[],
    most: number,
  ): void {
    const links = this.#links;
    const end = used.length + 1;
    let length = 0;
    let run = 0;
    let weight = 1;
    for (const selector of selectors) {
      const huffman = huffmans[selector] as Huffman;
      bits.check();
      for (let i = 0; i < GROUP; i += 1) {
        const symbol = huffman.next(bits);
        if (symbol === RUN_A || symbol === RUN_B) {
          run += weight << symbol;
          weight *= 2;
          if (run > most) throw new Malformed('a block is too long');
          continue;
        }
        if (run > 0) {
          if (length + run > most) throw new Malformed('a block is too long');
          links.fill(used[0] as number, length, length + run);
          length += run;
          run = 0;
          weight = 1;
        }
        if (symbol === end) {
          bits.check();
          this.#length = length;
          return;
        }
        if (length >= most) throw new Malformed('a block is too long');
        const byte = used[symbol - 1] as number;
        used.copyWithin(1, 0, symbol - 1);
        used[0] = byte;
        links[length] = byte;
        length += 1;
      }
    }
    bits.check();
    throw new Malformed('a block has no end');
  }

  /** Undoes the sorting (Burrows and Wheeler): bytes in order lead from each one to the one before it. */
  #unsort(origin: number): void {
    const links = this.#links;
    const length = this.#length;
    if (length === 0) return;
    if (origin >= length) throw new Malformed('a block begins outside of itself');
    const places = new Uint32Array(257);
    for (let i = 0; i < length; i += 1) (places[((links[i] as number) & 0xff) + 1] as number)++;
    for (let byte = 0; byte < 256; byte += 1) (places[byte + 1] as number) += places[byte] as number;
    for (let i = 0; i < length; i += 1) {
      const place = (places[(links[i] as number) & 0xff] as number)++;
      links[place] = (links[place] as number) | (i << 8);
    }
    let link = links[origin] as number;
    for (let i = 0; i < length; i += 1) {
      link = links[link >>> 8] as number;
      this.#bytes[i] = link;
    }
  }

  /** The checksum of the content. */
  get sum(): number {
    const bytes = this.#bytes;
    let sum = FIRST_SUM;
    let equal = 0;
    let last = -1;
    for (let i = 0; i < this.#length; i += 1) {
      const byte = bytes[i] as number;
      if (equal === EQUAL) {
        for (let n = 0; n < byte; n += 1) sum = sumWith(sum, last);
        equal = 0;
        last = -1;
        continue;
      }
      equal = byte === last ? equal + 1 : 1;
      last = byte;
      sum = sumWith(sum, byte);
    }
    return lastSum(sum);
  }

  /** The content, in new memory. A block of 900 KB may have 46 MB. */
  *content(): Generator<Buffer> {
    const bytes = this.#bytes;
    let out = Buffer.allocUnsafe(CHUNK_BYTES);
    let at = 0;
    let equal = 0;
    let last = -1;
    for (let i = 0; i < this.#length; i += 1) {
      if (at > CHUNK_BYTES - 256) {
        yield out.subarray(0, at);
        out = Buffer.allocUnsafe(CHUNK_BYTES);
        at = 0;
      }
      const byte = bytes[i] as number;
      if (equal === EQUAL) {
        out.fill(last, at, at + byte);
        at += byte;
        equal = 0;
        last = -1;
        continue;
      }
      equal = byte === last ? equal + 1 : 1;
      last = byte;
      out[at] = byte;
      at += 1;
    }
    if (at > 0) yield out.subarray(0, at);
  }
}

/** The bytes that occur, in order: 16 bits say of which sixteenths there are some, and then 16 each which. */
function usedBytes(bits: Bits): Uint8Array {
  const used: number[] = [];
  const sixteenths = bits.take(16);
  for (let i = 0; i < 16; i += 1) {
    if ((sixteenths & (0x8000 >>> i)) === 0) continue;
    const which = bits.take(16);
    for (let j = 0; j < 16; j += 1) if ((which & (0x8000 >>> j)) > 0) used.push(i * 16 + j);
  }
  if (used.length === 0) throw new Malformed('a block has no bytes');
  return Uint8Array.from(used);
}

/** Which table decodes each group, each as its place among the ones used last. */
function selectorsOf(bits: Bits, tables: number): Uint8Array {
  const count = bits.take(15);
  if (count === 0) throw new Malformed('a block has no tables of codes');
  const recent = Uint8Array.from({ length: tables }, (_, i) => i);
  const selectors: number[] = [];
  for (let i = 0; i < count; i += 1) {
    let place = 0;
    while (bits.take(1) === 1) {
      place += 1;
      if (place >= tables) throw new Malformed('a table of codes is unknown');
    }
    const table = recent[place] as number;
    recent.copyWithin(1, 0, place);
    recent[0] = table;
    // Some programs write more than a block can use.
    if (i < MOST_SELECTORS) selectors.push(table);
  }
  return Uint8Array.from(selectors);
}

/** The lengths of a table's codes, each as its difference from the one before. */
function codeLengths(bits: Bits, symbols: number): Uint8Array {
  const lengths = new Uint8Array(symbols);
  let length = bits.take(5);
  for (let symbol = 0; symbol < symbols; symbol += 1) {
    for (;;) {
      if (length < 1 || length > 20) throw new Malformed('a code is too long');
      if (bits.take(1) === 0) break;
      length += bits.take(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  return lengths;
}
