import type { Source } from '../source.ts';
import { type Compression, compressionOf, HEAD_BYTES } from './compression.ts';
import type { ContainedFile } from './contained-file.ts';
import { decompressed } from './decompression.ts';
import { bytesOf } from './source-blocks.ts';

/**
 * The files that an object holds, decompressed as its bytes come in: those of a zip archive, or one. The
 * content decides on the format, not the object's name.
 *
 * @throws {PermanentError} if it is damaged, encrypted or a bomb, after all readable content was yielded
 */
export async function* filesIn(open: Source): AsyncGenerator<ContainedFile> {
  const bytes = bytesOf(open);
  try {
    const head = await firstOf(bytes);
    const compression = compressionOf(head);
    const all = joined(head, bytes);
    if (compression === 'none') yield { name: undefined, content: all, start: 0 };
    else if (compression === 'zip') {
      // Few objects need these two.
      const { filesOfZip } = await import('./zip/files.ts');
      yield* filesOfZip(all, open);
    } else if (compression === 'bzip2') {
      const { bunzip2 } = await import('./bzip2/decompress.ts');
      yield { name: undefined, content: bunzip2(all) };
    } else yield { name: undefined, content: decompressed(all, compression, open) };
  } finally {
    await bytes.return();
  }
}

/** How an object is compressed, by its first bytes. */
export async function compressionIn(open: Source): Promise<Compression> {
  const bytes = bytesOf(open);
  try {
    return compressionOf(await firstOf(bytes));
  } finally {
    await bytes.return();
  }
}

/** The first bytes, enough to recognise the compression. */
async function firstOf(bytes: AsyncGenerator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await bytes.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}
