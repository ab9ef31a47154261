/** How an object is compressed. A zip archive holds any number of files. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'zip';

/** The streams that node:zlib expands: `deflate` is what a zip archive has of a file. */
export type Stream = 'gzip' | 'zstd' | 'deflate';

/** How many bytes are enough to recognise the compression. */
export const HEAD_BYTES = 10;
/** Of fewer bytes nothing is said. */
const LEAST_BYTES = 4;

export const GZIP_BEGINNING = 0x1f;
const GZIP = [GZIP_BEGINNING, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** A frame that is skipped; the last hexadecimal digit of its first byte may be any. */
const ZSTD_SKIPPABLE = [0x50, 0x2a, 0x4d, 0x18];
const BZIP2 = [0x42, 0x5a, 0x68];
const BZIP2_BLOCK = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
const BZIP2_END = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
/** The header of a file, or the end of an archive that has none. */
const ZIP = [0x50, 0x4b, 0x03, 0x04];
const EMPTY_ZIP = [0x50, 0x4b, 0x05, 0x06];

/**
 * Recognises the compression by the magic numbers of RFC 1952 (gzip), of RFC 8878 (zstd), or its skippable
 * frames, of PKWARE's APPNOTE (zip), and of the bzip2 program.
 */
export function compressionOf(head: Uint8Array): Compression {
  if (head.length >= GZIP.length && mayBegin(head, GZIP)) return 'gzip';
  if (head.length < LEAST_BYTES) return 'none';
  if (mayBegin(head, ZIP) || mayBegin(head, EMPTY_ZIP)) return 'zip';
  if (mayBeginBzip2(head)) return 'bzip2';
  return mayBeginZstd(head) ? 'zstd' : 'none';
}

/** Text may begin with `BZh9`, but hardly goes on with the signature of a block, or of the end. */
function mayBeginBzip2(head: Uint8Array): boolean {
  const level = head[BZIP2.length] as number;
  if (!mayBegin(head, BZIP2) || level < 0x31 || level > 0x39) return false;
  const rest = head.subarray(BZIP2.length + 1);
  return mayBegin(rest, BZIP2_BLOCK) || mayBegin(rest, BZIP2_END);
}

export function mayBeginZstd(head: Uint8Array): boolean {
  const [first = 0, ...rest] = head;
  return mayBegin(head, ZSTD) || mayBegin([first & 0xf0, ...rest], ZSTD_SKIPPABLE);
}

/** Whether the bytes are the magic number, or its beginning if there are fewer. */
function mayBegin(bytes: ArrayLike<number>, magic: readonly number[]): boolean {
  return magic.every((byte, i) => i >= bytes.length || bytes[i] === byte);
}
