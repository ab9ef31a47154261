const table = new Uint32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let sum = byte << 24;
  for (let bit = 0; bit < 8; bit += 1) sum = (sum << 1) ^ (sum < 0 ? 0x04c11db7 : 0);
  table[byte] = sum >>> 0;
}

/** The checksum of bzip2: CRC-32 with the highest bit first, before its last step. */
export const FIRST_SUM = 0xffffffff;

export function sumWith(sum: number, byte: number): number {
  return (sum << 8) ^ (table[(sum >>> 24) ^ byte] as number);
}

export const lastSum = (sum: number) => ~sum >>> 0;
