import type { SourceFormat } from '../../source-format.ts';
import { asUtf8 } from './byte-order-mark.ts';
import type { ContainedFile } from './compressed/contained-file.ts';
import { filesIn } from './compressed/files.ts';
import { bytesOf, withoutFirst } from './compressed/source-blocks.ts';
import { refuseOtherFormats } from './other-formats.ts';
import { BEGINNING, type Position } from './position.ts';
import type { Source } from './source.ts';

/**
 * The files of an object, which are one unless it is an archive: decompressed, and without a byte-order mark.
 * UTF-16 is UTF-8 by then; other encodings, which the format declares, stay as they are.
 *
 * @param from the files before it are left out, and so is what comes before it in its own. What is compressed
 * is unpacked again to get there.
 * @throws {PermanentError} as `filesIn` does, or `unknown_format` if one is plainly of another format
 */
export async function* contentsOf(
  format: SourceFormat,
  open: Source,
  { file, start, offset }: Pick<Position, 'file' | 'start' | 'offset'> = BEGINNING,
): AsyncGenerator<ContainedFile> {
  if (start !== undefined && offset > 0) {
    const rest = { start: start + offset, end: Number.MAX_SAFE_INTEGER };
    yield { name: undefined, content: bytesOf(() => open(rest)), start };
    return;
  }
  let files = 0;
  for await (const each of filesIn(open)) {
    const content = textOf(format, each);
    if (files < file) for await (const _ of content.content);
    else if (files > file || offset === 0) yield content;
    else yield { ...content, content: withoutFirst(offset, content.content) };
    files += 1;
  }
}

function textOf(format: SourceFormat, { name, content, start }: ContainedFile): ContainedFile {
  // Its records are found in its blocks alone, so that nothing can be read from the middle of it.
  if (format.format === 'avro') return { name, content, start: undefined };
  const bytes = refuseOtherFormats(content);
  if (format.format === 'csv' && (format.encoding ?? 'utf-8') !== 'utf-8')
    return { name, content: bytes, start };
  let from: number | undefined;
  return {
    name,
    content: asUtf8(bytes, (mark) => {
      from = start === undefined || mark === undefined ? undefined : start + mark;
    }),
    get start() {
      return from;
    },
  };
}

/** The content of an object, or of the first file of one that is an archive. */
export async function* contentOf(format: SourceFormat, open: Source): AsyncGenerator<Buffer> {
  for await (const { content } of contentsOf(format, open)) {
    yield* content;
    return;
  }
}
