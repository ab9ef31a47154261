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

/** Of the output's pieces, in bytes: the default of 16 KB costs a part a thousand trips to the thread pool. */
const chunkSize = 2 * 1024 * 1024;

/** In the thread pool, so that the next records are worked on meanwhile. */
export const threadedZstd: Zstd = {
  compress: (content) => compress(content, { chunkSize, params: ZSTD_PARAMETERS }),
  decompress: (bytes) => decompress(bytes, { chunkSize }),
};
