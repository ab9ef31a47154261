import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

/** How parts are compressed and read again. */
export interface Zstd {
  compress(content: string | Uint8Array): Promise<Buffer>;
  decompress(bytes: Uint8Array): Promise<Buffer>;
}

export const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1 };

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * Of the output's pieces, in bytes: the default of 16 KB costs a part a thousand trips to the thread pool; but so much for each of
 * many small parts has V8 collect all garbage after every few.
 */
const chunkSize = (expected: number) => Math.min(2 * 1024 * 1024, expected + 1024);

/** In the thread pool, so that the next records are worked on meanwhile. */
export const threadedZstd: Zstd = {
  compress: (content) => compress(content, { chunkSize: chunkSize(content.length), params: ZSTD_PARAMETERS }),
  // Records shrink to a fifth or so.
  decompress: (bytes) => decompress(bytes, { chunkSize: chunkSize(8 * bytes.length) }),
};
