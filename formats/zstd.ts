import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

/** Compresses and decompresses parts. */
export interface Zstd {
  compress(content: string | Uint8Array): Promise<Buffer>;
  decompress(bytes: Uint8Array): Promise<Buffer>;
}

export const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1 };

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * Size of the output's pieces, in bytes. With the default of 16 KB, a part costs a thousand trips to the
 * thread pool. With 2 MB for each of many small parts, V8 would collect all garbage after every few.
 */
const chunkSize = (expected: number) => Math.min(2 * 1024 * 1024, expected + 1024);

/** Runs in the thread pool, so that the next records are processed meanwhile. */
export const threadedZstd: Zstd = {
  compress: (content) => compress(content, { chunkSize: chunkSize(content.length), params: ZSTD_PARAMETERS }),
  // Records shrink to about a fifth.
  decompress: (bytes) => decompress(bytes, { chunkSize: chunkSize(8 * bytes.length) }),
};
