import type { CsvCharacters } from './splitter.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What is odd about a field: the bits of its mark. */
export const DOUBLED_QUOTES = 1;
export const NOT_ASCII = 0x80;

/**
 * Finds where the fields of a record are, without making anything of them. The next record overwrites them.
 */
export class FieldPositions {
  /** By field: where its content begins and ends, without quotes around it, and its mark. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly marks: Uint8Array;
  readonly #delimiter: number;
  readonly #quote: number;

  /** @param most how many fields are looked for */
  constructor({ delimiter = ',', quote = '"' }: CsvCharacters, most: number) {
    this.starts = new Uint32Array(most);
    this.ends = new Uint32Array(most);
    this.marks = new Uint8Array(most);
    this.#delimiter = delimiter.charCodeAt(0);
    this.#quote = quote?.charCodeAt(0) ?? -1;
  }

  /**
   * @returns how many fields the record has, which is text from `start` to before `end`; -1 tells nothing:
   * then papaparse must be asked, which takes several times as long
   */
  find(bytes: Uint8Array, start: number, end: number): number {
    const { starts, ends, marks } = this;
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    // Bytes above it mean nothing within a field without quotes.
    const last = Math.max(delimiter, CARRIAGE_RETURN);
    let at = start;
    for (let count = 0; count < starts.length; ) {
      let seen = 0;
      let mark = 0;
      let byte = bytes[at] as number;
      if (at < end && byte === quote) {
        at += 1;
        starts[count] = at;
        for (;;) {
          for (; at < end; at += 1) {
            byte = bytes[at] as number;
            if (byte === quote) break;
            seen |= byte;
          }
          if (at === end) return -1;
          if (at + 1 === end || bytes[at + 1] !== quote) break;
          mark = DOUBLED_QUOTES;
          at += 2;
        }
        ends[count] = at;
        at += 1;
      } else {
        starts[count] = at;
        for (; at < end; at += 1) {
          byte = bytes[at] as number;
          if (byte > last) seen |= byte;
          else if (byte === delimiter) break;
          else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) return -1;
        }
        ends[count] = at;
      }
      marks[count] = mark | (seen & NOT_ASCII);
      count += 1;
      if (at === end) return count;
      if (bytes[at] !== delimiter) return -1;
      at += 1;
    }
    return -1;
  }
}
