import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

/** How parts are compressed and read again. */
export interface Zstd {
  compress(text: string): Promise<Buffer>;
  decompress(bytes: Uint8Array): Promise<Buffer>;
}

export const ZSTD_PARAMETERS = { [constants.ZSTD_c_compressionLevel]: 1 };

const compress = promisify(zstdCompress);

/** In the thread pool, so that the next records are worked on meanwhile. */
export const threadedZstd: Zstd = {
  compress: (text) => compress(text, { params: ZSTD_PARAMETERS }),
  decompress: promisify(zstdDecompress),
};
