export const blockSize = 256 * 1024;

/**
 * The bytes in blocks of equal size but for the last. They lie in one buffer, so that each block holds its bytes only until
 * the next is asked for.
 */
export async function* inBlocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafeSlow(blockSize);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; ) {
      const piece = chunk.subarray(at, at + blockSize - filled);
      block.set(piece, filled);
      at += piece.byteLength;
      filled += piece.byteLength;
      if (filled < blockSize) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
