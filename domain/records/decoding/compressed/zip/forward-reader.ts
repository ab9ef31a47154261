/** Thrown if the bytes end before a structure does. */
export class CutOff extends Error {
  override readonly name = 'CutOff';
}

/** Reads bytes from the start to the end, some at a time, and looks ahead a little. */
export class ForwardReader {
  readonly #blocks: AsyncIterator<Buffer>;
  #ahead: Buffer = Buffer.alloc(0);
  /** How many bytes were taken. */
  at = 0;

  constructor(blocks: AsyncIterable<Buffer>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  /** The next bytes, which stay; fewer only at the end. */
  async peek(count: number): Promise<Buffer> {
    while (this.#ahead.length < count) {
      const { done, value } = await this.#blocks.next();
      if (done) break;
      this.#ahead = this.#ahead.length === 0 ? value : Buffer.concat([this.#ahead, value]);
    }
    return this.#ahead.subarray(0, count);
  }

  /** @throws {CutOff} if there are fewer */
  async take(count: number): Promise<Buffer> {
    const bytes = await this.peek(count);
    if (bytes.length < count) throw new CutOff();
    this.#ahead = this.#ahead.subarray(count);
    this.at += count;
    return bytes;
  }

  /** Some bytes, as many as there are at hand; `undefined` at the end. */
  async some(most: number): Promise<Buffer | undefined> {
    const [first] = await this.peek(1);
    return first === undefined ? undefined : this.take(Math.min(most, this.#ahead.length));
  }

  /** Gives back the last bytes that were taken. */
  giveBack(bytes: Buffer): void {
    this.#ahead = this.#ahead.length === 0 ? bytes : Buffer.concat([bytes, this.#ahead]);
    this.at -= bytes.length;
  }
}
