import { PermanentError } from '../../../errors.ts';
import { type RawRecord, RecordInProgress, type RecordSplitter } from '../record.ts';
import { isBlank, isBlankRecord } from './ndjson.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** The meaning of a byte outside of strings: 0 nothing, 1 quote, 2 opens, 3 closes, 4 comma. */
const meaning = new Uint8Array(256);
meaning[QUOTE] = 1;
meaning[OPEN_BRACKET] = 2;
meaning['{'.charCodeAt(0)] = 2;
meaning[CLOSE_BRACKET] = 3;
meaning['}'.charCodeAt(0)] = 3;
meaning[COMMA] = 4;

interface ArrayOptions {
  readonly ignoresRest?: boolean;
  readonly after?: number | undefined;
}

/**
 * Finds the items of one top-level JSON array by counting brackets and skipping strings. It leaves to
 * `JSON.parse` whether an item is JSON. So a malformed item is one malformed record, and the items after it
 * are still found.
 */
export class JsonArraySplitter implements RecordSplitter {
  readonly cut = 'array';
  readonly #ignoresRest: boolean;
  readonly #item = new RecordInProgress();
  #phase: 'before' | 'within' | 'after' | 'overrun' = 'before';
  #depth = 0;
  #inString = false;
  /** Whether the next byte is escaped: a chunk ended on a backslash. */
  #escaped = false;
  #count: number;

  /**
   * @param ignoresRest whether what follows the array is not looked at
   * @param after how many items of the array come before the first byte; `undefined` if its bracket does not
   */
  constructor({ ignoresRest = false, after }: ArrayOptions = {}) {
    this.#ignoresRest = ignoresRest;
    this.#count = after ?? 0;
    if (after !== undefined) this.#phase = 'within';
  }

  get begun(): number {
    return this.#item.length;
  }

  push(chunk: Buffer): RawRecord[] {
    const records: RawRecord[] = [];
    let start = 0;
    if (this.#phase === 'before') {
      start = chunk.indexOf(OPEN_BRACKET) + 1;
      if (start === 0) return records;
      this.#phase = 'within';
    }
    if (this.#phase === 'within') start = this.#scan(chunk, start, records);
    this.#count += records.length;
    if (this.#phase === 'after' && !this.#ignoresRest && !isBlank(chunk.subarray(start)))
      this.#phase = 'overrun';
    // The records before the trailing content come out first, even if they were in the same chunk.
    if (this.#phase === 'overrun' && records.length === 0) throw this.#trailingContent();
    return records;
  }

  /** Scans within the array from `start`; returns where it stopped. */
  #scan(chunk: Buffer, start: number, records: RawRecord[]): number {
    const size = chunk.length;
    let depth = this.#depth;
    let inString = this.#inString;
    let itemStart = start;
    let i = start;
    if (this.#escaped) {
      i += 1;
      this.#escaped = false;
    }
    while (i < size) {
      if (inString) {
        let byte = chunk[i];
        while (byte !== QUOTE && i < size) {
          i += byte === BACKSLASH ? 2 : 1;
          byte = chunk[i];
        }
        if (i >= size) {
          this.#escaped = i > size;
          break;
        }
        inString = false;
        i += 1;
        continue;
      }
      const byte = chunk[i] as number;
      const kind = meaning[byte];
      if (kind === 0) {
        i += 1;
      } else if (kind === 1) {
        inString = true;
        i += 1;
      } else if (kind === 2) {
        depth += 1;
        i += 1;
      } else if (kind === 3 && depth > 0) {
        depth -= 1;
        i += 1;
      } else if (depth === 0 && byte === COMMA) {
        records.push(this.#item.take(chunk.subarray(itemStart, i)));
        i += 1;
        itemStart = i;
      } else if (depth === 0 && byte === CLOSE_BRACKET) {
        const last = this.#item.take(chunk.subarray(itemStart, i));
        const isEmptyArray = this.#count === 0 && records.length === 0 && isBlankRecord(last);
        if (!isEmptyArray) records.push(last);
        this.#phase = 'after';
        return i + 1;
      } else {
        i += 1;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#item.append(chunk.subarray(itemStart));
    return size;
  }

  end(): RawRecord[] {
    if (this.#phase === 'after') return [];
    if (this.#phase === 'overrun') throw this.#trailingContent();
    const begun = this.#item.excerpt().toString('utf8').trim();
    throw new PermanentError(
      'truncated',
      `The file ends within its array, after ${this.#count} whole records${begun === '' ? '' : `, in ${JSON.stringify(begun.slice(0, 100))}`}`,
      { stage: 'extraction' },
    );
  }

  #trailingContent(): PermanentError {
    return new PermanentError(
      'trailing_content',
      `Content follows the end of the array, after record ${this.#count}. A file must have one array, or one object per line.`,
      { stage: 'extraction' },
    );
  }
}
