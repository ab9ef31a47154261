/** A part of the time that may go into refreshing: two percent. */
const SHARE = 50;
/** Reads of which the quickest counts: the first one loads code, and any may wait for something else. */
const COUNTED = 3;

/**
 * A value that is read again in the background when somebody asks for it and it has grown old. The slower it
 * is to read, the older it may grow, so that a page that stays open costs little.
 */
export class Refreshed<Value> {
  readonly #read: () => Promise<Value>;
  readonly #leastMs: number;
  #running: Promise<Value> | undefined;
  #value: { readonly value: Value; readonly at: number } | undefined;
  #tookMs: readonly number[] = [];

  /** @param leastMs how old a value may grow at least, in milliseconds */
  constructor(read: () => Promise<Value>, leastMs: number) {
    this.#read = read;
    this.#leastMs = leastMs;
  }

  /** The last value, or the first one as soon as it is there. A failed refresh is told to who asks next. */
  async get(): Promise<{ readonly value: Value; readonly at: number }> {
    const known = this.#value;
    const quickestMs = this.#tookMs.length < COUNTED ? 0 : Math.min(...this.#tookMs);
    const isOld = known === undefined || Date.now() - known.at > Math.max(this.#leastMs, SHARE * quickestMs);
    if (isOld && this.#running === undefined) void this.#refresh().catch(() => {});
    if (known !== undefined) return known;
    const value = await this.#running;
    return this.#value ?? { value: value as Value, at: Date.now() };
  }

  /** Makes the next call read anew, and wait for it. */
  forget(): void {
    this.#value = undefined;
    this.#running = undefined;
  }

  async #refresh(): Promise<Value> {
    const begun = performance.now();
    const running = this.#read();
    this.#running = running;
    try {
      const value = await running;
      this.#tookMs = [...this.#tookMs, performance.now() - begun].slice(-COUNTED);
      if (this.#running === running) this.#value = { value, at: Date.now() };
      return value;
    } catch (error) {
      if (this.#running === running) this.#value = undefined;
      throw error;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }
}
