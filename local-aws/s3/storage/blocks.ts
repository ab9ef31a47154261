import type { Sha256 } from './sha256.ts';

export const blockSize = 256 * 1024;
/** Number of blocks that may wait to be hashed while the next one is filled. */
const ringSize = 4;

interface Block {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  hashed?: Promise<void> | undefined;
}

/** Shared memory that is not in use. It is kept, because only the garbage collector would free it. */
const idle: Block[] = [];
const mostIdle = 8 * ringSize;

/**
 * The bytes in blocks of equal size (except the last), each passed to `sha256`. The blocks use a few buffers
 * in turn, so each is valid only until the next one is requested.
 */
export async function* inBlocks(
  source: AsyncIterable<Uint8Array>,
  sha256: Sha256 | undefined,
): AsyncGenerator<Uint8Array> {
  const ring: Block[] = [];
  const next = async () => {
    const block = (ring.length === ringSize ? ring.shift() : idle.pop()) ?? {
      bytes: new Uint8Array(new SharedArrayBuffer(blockSize)),
    };
    ring.push(block);
    await block.hashed;
    return block;
  };
  let block = await next();
  let filled = 0;
  const pass = () => {
    const bytes = block.bytes.subarray(0, filled);
    block.hashed = sha256?.update(bytes);
    return bytes;
  };
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.byteLength; ) {
        const piece = chunk.subarray(at, at + blockSize - filled);
        block.bytes.set(piece, filled);
        at += piece.byteLength;
        filled += piece.byteLength;
        if (filled < blockSize) continue;
        yield pass();
        block = await next();
        filled = 0;
      }
    }
    if (filled > 0) yield pass();
  } finally {
    await Promise.allSettled(ring.map(({ hashed }) => hashed));
    for (const { bytes } of ring) if (idle.length < mostIdle) idle.push({ bytes });
  }
}
