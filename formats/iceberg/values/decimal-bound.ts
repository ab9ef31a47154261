/**
 * A decimal's bound: its whole number in two's complement, the highest byte first, in as few bytes as hold it
 * (specification, Appendix D, "Binary single-value serialization").
 *
 * @param stored as Parquet stores it: integers of 4 and 8 bytes with the lowest byte first, longer ones with
 * the highest
 */
export function decimalBound(stored: Buffer): Buffer {
  const bytes = stored.length <= 8 ? Buffer.from(stored).reverse() : stored;
  let start = 0;
  // A byte is of no use if all of its bits are the sign of the byte after it.
  while (start < bytes.length - 1) {
    const [first = 0, second = 0] = bytes.subarray(start);
    if (!(first === 0 && second < 0x80) && !(first === 0xff && second >= 0x80)) break;
    start += 1;
  }
  return bytes.subarray(start);
}
