/** Thrown if the bits end before a block does. */
export class OutOfBits extends Error {
  override readonly name = 'OutOfBits';
}

/** Reads bits, the highest of a byte first. */
export class Bits {
  readonly bytes: Buffer;
  /** Of the next bit. */
  at: number;
  readonly #end: number;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.at = 0;
    this.#end = bytes.length * 8;
  }

  /** The next bits, at most 24, of which those behind the end are 0. */
  peek(count: number): number {
    const { bytes } = this;
    const byte = this.at >>> 3;
    const word =
      ((bytes[byte] as number) << 24) |
      ((bytes[byte + 1] as number) << 16) |
      ((bytes[byte + 2] as number) << 8) |
      (bytes[byte + 3] as number);
    return (word << (this.at & 7)) >>> (32 - count);
  }

  /** @param count at most 24 @throws {OutOfBits} */
  take(count: number): number {
    const value = this.peek(count);
    this.at += count;
    this.check();
    return value;
  }

  /** @throws {OutOfBits} if more bits were taken than there are */
  check(): void {
    if (this.isOver) throw new OutOfBits();
  }

  get isOver(): boolean {
    return this.at > this.#end;
  }

  /** Skips to the next whole byte. */
  align(): void {
    this.at = (this.at + 7) & ~7;
  }
}
