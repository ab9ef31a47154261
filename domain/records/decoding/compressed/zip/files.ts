import { errorText, PermanentError, TransientError } from '../../../../errors.ts';
import type { Source } from '../../source.ts';
import type { ContainedFile } from '../contained-file.ts';
import { Expansion } from '../expansion.ts';
import { BLOCK_BYTES, bytesOf, inBlocks, withoutFirst } from '../source-blocks.ts';
import { isCutOff, isDamage, isOfData } from '../zlib-errors.ts';
import { ZipArchive, type ZipFile } from './archive.ts';
import { CutOff } from './forward-reader.ts';

/** What systems add to archives, and nobody means as data. */
const ADDED = /^__MACOSX\/|(?:^|\/)\.DS_Store$/;

/**
 * The files of a zip archive, in its order; not its directories, nor what macOS adds. Of a damaged file, all
 * content before the damage comes out, as of a damaged gzip stream: the archive is read once more for it.
 *
 * Memory: some blocks of input and output, whatever the size.
 *
 * @param bytes of the archive, from its start @param open reads them again
 */
export async function* filesOfZip(bytes: AsyncIterable<Buffer>, open: Source): AsyncGenerator<ContainedFile> {
  const expansion = new Expansion('zip');
  const archive = new ZipArchive(inBlocks(bytes), expansion);
  for (let file = await archive.next(); file !== undefined; file = await archive.next()) {
    const content = contentOf(file, archive.files, expansion, open);
    if (!file.name.endsWith('/') && !ADDED.test(file.name)) yield { name: file.name, content };
    else for await (const _ of content);
  }
}

/** @param before how many files come before it */
async function* contentOf(
  file: ZipFile,
  before: number,
  expansion: Expansion,
  open: Source,
): AsyncGenerator<Buffer> {
  let produced = 0;
  try {
    for await (const chunk of file.content()) {
      produced += chunk.length;
      yield chunk;
    }
  } catch (error) {
    if (!isDamage(error)) throw faultOf(error, produced);
    const rest = contentAgain(before, expansion.read, open);
    try {
      for await (const chunk of withoutFirst(produced, rest)) {
        produced += chunk.length;
        yield chunk;
      }
    } catch (again) {
      throw faultOf(again, produced);
    }
    const message = 'The zip archive was damaged at the first read, but intact at the second.';
    throw new TransientError('storage', message, { stage: 'extraction' });
  }
}

/** @param read how many bytes of the archive were read when the damage was found */
async function* contentAgain(before: number, read: number, open: Source): AsyncGenerator<Buffer> {
  const end = Math.ceil(read / BLOCK_BYTES) * BLOCK_BYTES;
  // The block before may have been looked at as well.
  const blocks = inBlocks(bytesOf(open), Math.max(0, end - 2 * BLOCK_BYTES), end);
  const archive = new ZipArchive(blocks, new Expansion('zip'));
  for (let file = await archive.next(); file !== undefined; file = await archive.next()) {
    if (archive.files === before) {
      yield* file.content();
      return;
    }
    for await (const _ of file.content());
  }
}

function faultOf(error: unknown, produced: number): unknown {
  const circumstances = { stage: 'extraction', cause: error } as const;
  const place = `after ${produced} bytes of content`;
  if (error instanceof CutOff || isCutOff(error))
    return new PermanentError('truncated', `The zip archive breaks off ${place}.`, circumstances);
  if (!isOfData(error)) return error;
  const message = `It is damaged in the zip archive ${place}: ${errorText(error)}.`;
  return new PermanentError('corrupt_compression', message, circumstances);
}
