import { writeVarint } from './thrift.ts';

/** The definition or repetition levels of the current page: small numbers, one for each entry. */
export class Levels {
  readonly #width: number;
  #levels = new Uint8Array(64);
  #count = 0;

  /** @param max the greatest level; if it is 0, levels are neither kept nor written */
  constructor(max: number) {
    this.#width = 32 - Math.clz32(max);
  }

  add(level: number): void {
    if (this.#width === 0) return;
    if (this.#count === this.#levels.length) {
      const more = new Uint8Array(2 * this.#count);
      more.set(this.#levels);
      this.#levels = more;
    }
    this.#levels[this.#count] = level;
    this.#count += 1;
  }

  /**
   * Takes out the levels in the form of version 1 data pages: a length of four bytes, then one run
   * (Encodings.md, "RLE / Bit-Packing Hybrid"): repeated if all levels are equal, otherwise bit-packed.
   * Compression does the rest.
   */
  take(): Buffer {
    const levels = this.#levels.subarray(0, this.#count);
    this.#count = 0;
    const first = levels[0];
    if (this.#width === 0 || first === undefined) return Buffer.alloc(0);
    const groups = Math.ceil(levels.length / 8);
    const head: number[] = [];
    if (levels.every((level) => level === first)) {
      writeVarint(levels.length * 2, head);
      return withLength(head, Buffer.of(first));
    }
    writeVarint(groups * 2 + 1, head);
    return withLength(head, packed(levels, this.#width, groups));
  }
}

function packed(levels: Uint8Array, width: number, groups: number): Buffer {
  const bytes = Buffer.alloc(groups * width);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < levels.length; i += 1) {
    bits |= (levels[i] as number) << held;
    held += width;
    for (; held >= 8; held -= 8) {
      bytes[at] = bits & 0xff;
      at += 1;
      bits >>>= 8;
    }
  }
  if (held > 0) bytes[at] = bits;
  return bytes;
}

function withLength(head: readonly number[], body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length + body.length);
  return Buffer.concat([length, Buffer.from(head), body]);
}
