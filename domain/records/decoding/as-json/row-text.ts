import { EXCERPT_BYTES, MAX_RECORD_BYTES, type RawRecord } from '../record.ts';
import { fault } from './fault.ts';

/** Stands in a text for bytes that are not UTF-8: text of JSON never has this character itself. */
export const RAW = '\0';
/** Of a record as text: a dictionary can have a long text once that each item of a list has. */
const MAX_WRITTEN = 32 * 1024 * 1024;

/** What each piece of a text takes besides, in characters: small ones are many. */
const PIECE = 8;

/** A record as it is written. */
export class RowText {
  /** The texts that are not UTF-8. */
  readonly raw: Uint8Array[] = [];
  #written = 0;

  /** @throws {PermanentError} if the record has too many characters to be made at all */
  count<Text extends string | Uint8Array>(text: Text): Text {
    this.#written += text.length + PIECE;
    if (this.#written > MAX_WRITTEN)
      throw fault(
        'unsupported_layout',
        `A record of the file has more than ${MAX_WRITTEN} characters as JSON. Write it as several.`,
      );
    return text;
  }
}

/** How much of a batch of records is made at once: a dictionary can have a long text once that each has. */
export const BATCH_BYTES = 4 * 1024 * 1024;
/**
 * A file whose records have more than so many times its bytes is refused. Values that repeat, and names
 * of columns, make that many more than in a compressed text.
 */
const MAX_EXPANSION = 2000;
/** Smaller records never are. Bytes. */
const EXPANSION_GRACE_BYTES = 256 * 1024 * 1024;

/**
 * @param produced the bytes of the records until now @param read those of the file that they were made of
 * @throws {PermanentError}
 */
export function checkExpansion(format: string, produced: number, read: number): void {
  if (produced > EXPANSION_GRACE_BYTES && produced > read * MAX_EXPANSION)
    throw fault(
      'compression_bomb',
      `${read} bytes of ${format} have expanded to over ${produced} bytes of JSON: more than ${MAX_EXPANSION}-fold. If the file is legitimate, write it without dictionaries and compression.`,
    );
}

/** @param raw the bytes that stand where the text has `RAW` */
export function recordOf(text: string, raw: readonly Uint8Array[]): RawRecord {
  const bytes =
    raw.length === 0
      ? Buffer.from(text)
      : Buffer.concat(text.split(RAW).flatMap((piece, i) => [Buffer.from(piece), raw[i] ?? Buffer.alloc(0)]));
  const { length } = bytes;
  return {
    bytes: length > MAX_RECORD_BYTES ? Buffer.from(bytes.subarray(0, EXCERPT_BYTES)) : bytes,
    length,
    unterminated: false,
  };
}
