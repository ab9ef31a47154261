import { type RawRecord, RecordInProgress, type RecordSplitter } from '../record.ts';

const LINE_FEED = 0x0a;

/** Splits NDJSON: a record a line, blank lines skipped. */
export class NdjsonSplitter implements RecordSplitter {
  readonly cut = 'lines';
  readonly #line = new RecordInProgress();

  get begun(): number {
    return this.#line.length;
  }

  push(chunk: Buffer): RawRecord[] {
    const records: RawRecord[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = this.#line.take(chunk.subarray(start, end));
      if (!isBlankRecord(line)) records.push(line);
      start = end + 1;
    }
    this.#line.append(chunk.subarray(start));
    return records;
  }

  end(): RawRecord[] {
    const line = this.#line.take(Buffer.alloc(0), true);
    return isBlankRecord(line) ? [] : [line];
  }
}

/**
 * Whether a record is only white space. A record of which only the beginning is known does not count as such.
 */
export function isBlankRecord({ bytes, length }: RawRecord): boolean {
  return bytes.length === length && isBlank(bytes);
}

/** Whether the bytes are only JSON's white space (RFC 8259, section 2). */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => isWhiteSpace(byte));
}

export function isWhiteSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
