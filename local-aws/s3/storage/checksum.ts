import { createHash } from 'node:crypto';
import { Crc32, Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc';

/** In order of "Amazon S3 User Guide: Checking object integrity". */
export const checksumAlgorithms = ['CRC64NVME', 'CRC32', 'CRC32C', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** "Checking object integrity": since December 2024, S3 adds this checksum to each object that has none. */
export const defaultAlgorithm = 'CRC64NVME';

export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** Base64; a composite one ends in `-` and the number of parts. */
  readonly value: string;
}

export const checksumHeader = (algorithm: ChecksumAlgorithm) => `x-amz-checksum-${algorithm.toLowerCase()}`;

interface Hasher {
  update(chunk: Uint8Array): unknown;
  digest(): Promise<Uint8Array> | Uint8Array;
}

/** The makers of each algorithm's hashers. */
const hashers: Readonly<Record<ChecksumAlgorithm, () => Hasher>> = {
  CRC64NVME: () => new Crc64Nvme(),
  CRC32: () => new Crc32(),
  CRC32C: () => new Crc32c(),
  SHA1: () => createHash('sha1'),
  SHA256: () => createHash('sha256'),
};
export const hasher = (algorithm: ChecksumAlgorithm) => hashers[algorithm]();

/** Bytes of each digest. */
export const digestLength: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC64NVME: 8,
  CRC32: 4,
  CRC32C: 4,
  SHA1: 20,
  SHA256: 32,
};

export function parseAlgorithm(text: string): ChecksumAlgorithm | undefined {
  return checksumAlgorithms.find((algorithm) => algorithm === text.toUpperCase());
}

/**
 * The types that a multipart upload may have; the first is the default ("Checking object integrity", table of
 * types).
 */
export function checksumTypes(algorithm: ChecksumAlgorithm): readonly ChecksumType[] {
  if (algorithm === 'CRC64NVME') return ['FULL_OBJECT'];
  return algorithm.startsWith('SHA') ? ['COMPOSITE'] : ['COMPOSITE', 'FULL_OBJECT'];
}

/** Reflected polynomials, and the register's width in bits. */
const polynomials = {
  CRC32: { polynomial: 0xedb88320n, width: 32n },
  CRC32C: { polynomial: 0x82f63b78n, width: 32n },
  CRC64NVME: { polynomial: 0x9a6c9329ac4bc9b5n, width: 64n },
} as const;

/** Calculates an object's checksum from those of its parts, without reading their bytes. */
export function joinChecksums(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly { checksum: string; size: number }[],
): string {
  const digests = parts.map((part) => Buffer.from(part.checksum, 'base64'));
  if (type === 'COMPOSITE') {
    const all = Buffer.concat(digests);
    const digest =
      algorithm === 'SHA1' || algorithm === 'SHA256'
        ? createHash(algorithm).update(all).digest()
        : toBytes(crcOf(algorithm, all), algorithm);
    return `${digest.toString('base64')}-${parts.length}`;
  }
  if (algorithm === 'SHA1' || algorithm === 'SHA256')
    throw new Error(`${algorithm} has no full-object type.`);
  const crc = digests.reduce(
    (joined, digest, index) =>
      shift(algorithm, joined, parts[index]?.size ?? 0) ^ BigInt(`0x${digest.toString('hex')}`),
    0n,
  );
  return toBytes(crc, algorithm).toString('base64');
}

type Crc = keyof typeof polynomials;

function toBytes(crc: bigint, algorithm: Crc): Buffer {
  return Buffer.from(crc.toString(16).padStart(digestLength[algorithm] * 2, '0'), 'hex');
}

function crcOf(algorithm: Crc, bytes: Uint8Array): bigint {
  const { polynomial, width } = polynomials[algorithm];
  const ones = (1n << width) - 1n;
  let crc = ones;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
  }
  return crc ^ ones;
}

/** `crc` after `size` further zero bytes: multiplied by x to the 8 × size modulo the polynomial. */
function shift(algorithm: Crc, crc: bigint, size: number): bigint {
  const { width } = polynomials[algorithm];
  let power = 1n << (width - 2n); // x
  let factor = 1n << (width - 1n); // 1
  for (let bits = BigInt(size) * 8n; bits > 0n; bits >>= 1n) {
    if (bits & 1n) factor = multiply(algorithm, power, factor);
    power = multiply(algorithm, power, power);
  }
  return multiply(algorithm, factor, crc);
}

/** The product of two polynomials in reflected form, whose highest bit is x to the 0. */
function multiply(algorithm: Crc, left: bigint, right: bigint): bigint {
  const { polynomial, width } = polynomials[algorithm];
  let product = 0n;
  let rest = right;
  for (let bit = 1n << (width - 1n); bit > 0n; bit >>= 1n) {
    if (left & bit) product ^= rest;
    rest = rest & 1n ? (rest >> 1n) ^ polynomial : rest >> 1n;
  }
  return product;
}
