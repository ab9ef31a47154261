import { fault } from '../as-json/fault.ts';

/** What the values of a page may have in common with the ones before, in all. */
const MAX_PREFIX_BYTES = 32 * 1024 * 1024;

/** The highest levels of a column; 0 if it has none. */
interface Levels {
  readonly repetition: number;
  readonly definition: number;
}

/** How many bytes the levels of a page of version 2 have. */
interface LevelBytes {
  readonly repetition: number;
  readonly definition: number;
}

const bitsFor = (most: number) => 32 - Math.clz32(most);

/**
 * Checks that the runs in a page have no more values than it says ("Parquet encodings", RLE), since the
 * library makes as many as a run says: some bytes could fill any memory.
 *
 * @param page expanded
 * @param v2 of a page of version 2, whose levels have their lengths in its header
 * @throws {Error}
 */
export function checkRuns(
  page: Uint8Array,
  values: number,
  levels: Levels,
  encoding: string,
  type: string,
  v2?: LevelBytes,
): void {
  const bytes = Buffer.from(page.buffer, page.byteOffset, page.byteLength);
  let at = 0;
  for (const kind of ['repetition', 'definition'] as const) {
    if (levels[kind] === 0) continue;
    const length = v2 === undefined ? bytes.readUInt32LE(at) : v2[kind];
    if (v2 === undefined) at += 4;
    checkRun(bytes.subarray(at, at + length), bitsFor(levels[kind]), values);
    at += length;
  }
  if (v2 !== undefined) at = v2.repetition + v2.definition;
  if (encoding === 'RLE' && type === 'BOOLEAN') checkRun(bytes.subarray(at + 4), 1, values);
  else if (encoding.endsWith('_DICTIONARY') && at < bytes.length)
    checkRun(bytes.subarray(at + 1), bytes.readUInt8(at), values);
}

/**
 * Each value repeats a part of the one before, so short pages can hold long texts.
 *
 * @param page its values are the lengths of these parts
 */
export function checkPrefixes({ dataPage }: { readonly dataPage: ArrayLike<unknown> }): void {
  const total = Array.from(dataPage).reduce<number>((sum, each) => sum + Math.max(0, Number(each)), 0);
  if (total > MAX_PREFIX_BYTES)
    throw fault(
      'unsupported_layout',
      `A page of the Parquet file repeats ${total} bytes of its values; ${MAX_PREFIX_BYTES} are allowed. Write smaller pages, or without the encoding DELTA_BYTE_ARRAY.`,
    );
}

function checkRun(bytes: Buffer, width: number, values: number): void {
  if (width > 32) throw new Error('the values of a page are too wide');
  let seen = 0;
  for (let at = 0; at < bytes.length && seen < values; ) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes.readUInt8(at);
      at += 1;
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (header % 2 > 0) {
      const groups = (header - 1) / 2;
      seen += groups * 8;
      at += groups * width;
    } else {
      const count = header / 2;
      if (seen + count > values) throw new Error('a run of a page has more values than the page');
      seen += count;
      at += (width + 7) >>> 3;
    }
    // The last group of eight may go beyond the values.
    if (seen > values + 7 && header % 2 > 0 && seen - values > 8 * 64)
      throw new Error('a run of a page has more values than the page');
  }
}
