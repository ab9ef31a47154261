import { type RawRecord, RecordInProgress, type RecordSplitter } from '../record.ts';
import { isWhiteSpace } from './ndjson.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Finds objects that follow one another, each over any number of lines, by counting braces and skipping
 * strings. Anything else between them is a record of its own up to the end of its line, which `JSON.parse`
 * will refuse.
 */
export class ObjectsSplitter implements RecordSplitter {
  readonly cut = 'objects';
  readonly #object = new RecordInProgress();
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Whether the current record is something else than an object. */
  #isStray = false;

  get begun(): number {
    return this.#object.length;
  }

  push(chunk: Buffer): RawRecord[] {
    const records: RawRecord[] = [];
    let start = 0;
    const take = (end: number) => {
      records.push(this.#object.take(chunk.subarray(start, end)));
      start = end;
    };
    for (let i = 0; i < chunk.length; i += 1) {
      const byte = chunk[i] as number;
      if (this.#escaped) this.#escaped = false;
      else if (this.#inString) {
        if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (this.#depth > 0) {
        if (byte === QUOTE) this.#inString = true;
        else if (byte === OPEN_BRACE) this.#depth += 1;
        else if (byte === CLOSE_BRACE) {
          this.#depth -= 1;
          if (this.#depth === 0) take(i + 1);
        }
      } else if (this.#isStray) {
        if (byte === LINE_FEED) {
          this.#isStray = false;
          take(i);
          start = i + 1;
        }
      } else if (isWhiteSpace(byte)) start = i + 1;
      else if (byte === OPEN_BRACE) this.#depth = 1;
      else this.#isStray = true;
    }
    this.#object.append(chunk.subarray(start));
    return records;
  }

  end(): RawRecord[] {
    return this.#object.length === 0 ? [] : [this.#object.take(Buffer.alloc(0), this.#depth > 0)];
  }
}
