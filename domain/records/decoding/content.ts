import type { SourceFormat } from '../../source-format.ts';
import { asUtf8 } from './byte-order-mark.ts';
import { decompress } from './compressed/decompression.ts';
import { refuseOtherFormats } from './other-formats.ts';
import type { Source } from './source.ts';

/**
 * The content of an object: decompressed, and without a byte-order mark. UTF-16 is UTF-8 by then; other
 * encodings, which the format declares, stay as they are.
 *
 * @throws {PermanentError} as `decompress` does, or `unknown_format` if it is plainly of another format
 */
export function contentOf(format: SourceFormat, open: Source): AsyncGenerator<Buffer> {
  const bytes = refuseOtherFormats(decompress(open));
  const isUtf8 = format.format === 'json' || (format.encoding ?? 'utf-8') === 'utf-8';
  return isUtf8 ? asUtf8(bytes) : bytes;
}
