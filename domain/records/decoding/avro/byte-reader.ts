import { type Long, longOf } from '../../../long.ts';

/** Reads bytes that may have been made to harm: no length is believed before that many bytes are there. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** @throws {Error} if there are fewer bytes */
  raw(length: number): Buffer {
    if (length < 0 || length > this.left)
      throw new Error(
        `The Avro file is cut or damaged: ${length} bytes are wanted and ${this.left} are left.`,
      );
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.raw(1)[0] as number;
  }

  long(): Long {
    let low = 0;
    let shift = 0;
    for (; shift < 28; shift += 7) {
      const byte = this.byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let value = BigInt(low);
    for (; shift < 70; shift += 7) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return longOf(BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n)));
    }
    throw new Error('The Avro file is damaged: an integer has more than ten bytes.');
  }

  /** An integer that must be an exact number: a length, a count, an index. */
  int(): number {
    const value = this.long();
    if (typeof value === 'bigint') throw new Error(`The Avro file is damaged: ${value} is no length.`);
    return value;
  }

  bytes(): Buffer {
    return this.raw(this.int());
  }
}
