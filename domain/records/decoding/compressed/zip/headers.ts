/** Signatures (PKWARE's APPNOTE 6.3, section 4.3), read as little-endian numbers. */
export const LOCAL_HEADER = 0x04034b50;
export const DESCRIPTOR = 0x08074b50;
export const DIRECTORY_HEADER = 0x02014b50;
export const DIRECTORY_SIGNATURE = 0x05054b50;
export const ZIP64_END = 0x06064b50;
export const ZIP64_LOCATOR = 0x07064b50;
export const END = 0x06054b50;
/** Of an archive whose directory is encrypted. */
export const EXTRA_DATA = 0x08064b50;

export const LOCAL_HEADER_BYTES = 30;
export const DIRECTORY_HEADER_BYTES = 46;

export const STORED = 0;
export const DEFLATED = 8;

const ENCRYPTED = 0x0001;
const SIZES_FOLLOW = 0x0008;
const STRONGLY_ENCRYPTED = 0x0040;
const UTF_8 = 0x0800;
const MASKED = 0x2000;
/** The method of files that are encrypted with AES. */
const AES = 99;

const ZIP64_EXTRA = 0x0001;
const IN_ZIP64 = 0xffffffff;

/** What an archive says of a file. Sizes in bytes. */
export interface Entry {
  readonly name: string;
  readonly nameBytes: Buffer;
  readonly method: number;
  readonly isEncrypted: boolean;
  /** Whether checksum and sizes are in a descriptor behind the file. */
  readonly sizesFollow: boolean;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** Where its local header begins; of a local header, 0. */
  readonly offset: number;
}

/** How many bytes follow the fixed part of a header: name, extra fields, comment. */
export function variableBytes(header: Buffer): number {
  if (header.readUInt32LE(0) === LOCAL_HEADER) return header.readUInt16LE(26) + header.readUInt16LE(28);
  return header.readUInt16LE(28) + header.readUInt16LE(30) + header.readUInt16LE(32);
}

/** Reads a local header, or one of the directory, with what follows its fixed part. */
export function entryOf(header: Buffer, rest: Buffer): Entry {
  const isLocal = header.readUInt32LE(0) === LOCAL_HEADER;
  const at = isLocal ? 6 : 8;
  const flags = header.readUInt16LE(at);
  const method = header.readUInt16LE(at + 2);
  const nameLength = header.readUInt16LE(at + 20);
  const extraLength = header.readUInt16LE(at + 22);
  const nameBytes = rest.subarray(0, nameLength);
  const extra = zip64Extra(rest.subarray(nameLength, nameLength + extraLength));
  let used = 0;
  const wide = (value: number): number => {
    if (value !== IN_ZIP64 || extra.length < used + 8) return value;
    used += 8;
    return Number(extra.readBigUInt64LE(used - 8));
  };
  // The extra field has only those that do not fit, in this order (section 4.5.3).
  const size = wide(header.readUInt32LE(at + 16));
  const compressed = wide(header.readUInt32LE(at + 12));
  return {
    name: nameBytes.toString((flags & UTF_8) > 0 ? 'utf8' : 'latin1'),
    nameBytes,
    method,
    isEncrypted: (flags & (ENCRYPTED | STRONGLY_ENCRYPTED | MASKED)) > 0 || method === AES,
    sizesFollow: (flags & SIZES_FOLLOW) > 0,
    crc: header.readUInt32LE(at + 8),
    size,
    compressed,
    offset: isLocal ? 0 : wide(header.readUInt32LE(42)),
  };
}

function zip64Extra(fields: Buffer): Buffer {
  for (let at = 0; at + 4 <= fields.length; ) {
    const end = at + 4 + fields.readUInt16LE(at + 2);
    if (fields.readUInt16LE(at) === ZIP64_EXTRA) return fields.subarray(at + 4, end);
    at = end;
  }
  return Buffer.alloc(0);
}

/** The most bytes that a descriptor has. */
export const DESCRIPTOR_BYTES = 24;

/**
 * How long the descriptor behind a file is: with or without a signature, sizes in 64 bits or 32 (section
 * 4.3.9), which only the true checksum and sizes tell. `undefined` if it says others.
 */
export function descriptorBytes(
  bytes: Buffer,
  { crc, compressed, size }: Pick<Entry, 'crc' | 'compressed' | 'size'>,
): number | undefined {
  for (const before of [4, 0]) {
    if (bytes.length < before + 12) continue;
    if (before > 0 && bytes.readUInt32LE(0) !== DESCRIPTOR) continue;
    if (bytes.readUInt32LE(before) !== crc) continue;
    const isWide =
      bytes.length >= before + 20 &&
      bytes.readBigUInt64LE(before + 4) === BigInt(compressed) &&
      bytes.readBigUInt64LE(before + 12) === BigInt(size);
    if (isWide) return before + 20;
    const isNarrow =
      bytes.readUInt32LE(before + 4) === compressed % 2 ** 32 &&
      bytes.readUInt32LE(before + 8) === size % 2 ** 32;
    if (isNarrow) return before + 12;
  }
  return undefined;
}
