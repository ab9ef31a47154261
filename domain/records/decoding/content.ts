import type { SourceFormat } from '../../source-format.ts';
import { asUtf8 } from './byte-order-mark.ts';
import type { ContainedFile } from './compressed/contained-file.ts';
import { filesIn } from './compressed/files.ts';
import { refuseOtherFormats } from './other-formats.ts';
import type { Source } from './source.ts';

/**
 * The files of an object, which are one unless it is an archive: decompressed, and without a byte-order mark.
 * UTF-16 is UTF-8 by then; other encodings, which the format declares, stay as they are.
 *
 * @throws {PermanentError} as `filesIn` does, or `unknown_format` if one is plainly of another format
 */
export async function* contentsOf(format: SourceFormat, open: Source): AsyncGenerator<ContainedFile> {
  const isUtf8 = format.format !== 'csv' || (format.encoding ?? 'utf-8') === 'utf-8';
  for await (const { name, content } of filesIn(open)) {
    const bytes = refuseOtherFormats(content);
    yield { name, content: isUtf8 ? asUtf8(bytes) : bytes };
  }
}

/** The content of an object, or of the first file of one that is an archive. */
export async function* contentOf(format: SourceFormat, open: Source): AsyncGenerator<Buffer> {
  for await (const { content } of contentsOf(format, open)) {
    yield* content;
    return;
  }
}
