import type { Sha256 } from './sha256.ts';

export const blockSize = 256 * 1024;
/** So many may wait to be hashed while the next one is filled. */
const ringSize = 4;

/**
 * The bytes in blocks of equal size but for the last, each handed to `sha256`. They lie in a few buffers by turns, so that each block
 * holds its bytes only until the next is asked for.
 */
export async function* inBlocks(
  source: AsyncIterable<Uint8Array>,
  sha256: Sha256 | undefined,
): AsyncGenerator<Uint8Array> {
  const ring: { bytes: Uint8Array<SharedArrayBuffer>; hashed: Promise<void> | undefined }[] = [];
  const take = async (turn: number) => {
    ring[turn] ??= { bytes: new Uint8Array(new SharedArrayBuffer(blockSize)), hashed: undefined };
    await ring[turn].hashed;
    return ring[turn];
  };
  let turn = 0;
  let block = await take(turn);
  let filled = 0;
  const pass = () => {
    const bytes = block.bytes.subarray(0, filled);
    block.hashed = sha256?.update(bytes);
    return bytes;
  };
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; ) {
      const piece = chunk.subarray(at, at + blockSize - filled);
      block.bytes.set(piece, filled);
      at += piece.byteLength;
      filled += piece.byteLength;
      if (filled < blockSize) continue;
      yield pass();
      turn = (turn + 1) % ringSize;
      block = await take(turn);
      filled = 0;
    }
  }
  if (filled > 0) yield pass();
}
