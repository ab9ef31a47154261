import { crc32 } from 'node:zlib';
import { PermanentError } from '../../../../errors.ts';
import { Decompressor } from '../decompressor.ts';
import type { Expansion } from '../expansion.ts';
import { isCutOff } from '../zlib-errors.ts';
import { CutOff, ForwardReader } from './forward-reader.ts';
import {
  DEFLATED,
  DESCRIPTOR_BYTES,
  DIRECTORY_HEADER,
  DIRECTORY_HEADER_BYTES,
  DIRECTORY_SIGNATURE,
  descriptorBytes,
  END,
  type Entry,
  EXTRA_DATA,
  entryOf,
  LOCAL_HEADER,
  LOCAL_HEADER_BYTES,
  STORED,
  variableBytes,
  ZIP64_END,
  ZIP64_LOCATOR,
} from './headers.ts';

/** How much of a file's name a message shows. */
const SHOWN_CHARACTERS = 200;
/** What workbooks and other documents have in them, which are zip archives too. */
const DOCUMENT = /^(?:\[Content_Types\]\.xml$|mimetype$|_rels\/|docProps\/|xl\/|word\/|ppt\/|META-INF\/)/;

/** The files and their directory must agree: each as many, of the same names, sizes, sums and places. */
class Agreement {
  files = 0;
  #sum = 0;

  /** The order does not matter. @param offset where the file's header begins */
  add({ nameBytes, crc, compressed, size }: Entry, offset: number): void {
    const facts = Buffer.alloc(28);
    facts.writeDoubleLE(offset, 0);
    facts.writeDoubleLE(compressed, 8);
    facts.writeDoubleLE(size, 16);
    facts.writeUInt32LE(crc, 24);
    this.files += 1;
    this.#sum = (this.#sum + crc32(nameBytes, crc32(facts))) % 2 ** 48;
  }

  equals(other: Agreement): boolean {
    return this.files === other.files && this.#sum === other.#sum;
  }
}

/**
 * Reads a zip archive from its start to its end, without looking at its directory first, which is at the end.
 * When that comes, it must name the same files.
 */
export class ZipArchive {
  readonly #reader: ForwardReader;
  readonly #expansion: Expansion;
  readonly #found = new Agreement();

  constructor(blocks: AsyncIterable<Buffer>, expansion: Expansion) {
    this.#expansion = expansion;
    this.#reader = new ForwardReader(counted(blocks, expansion));
  }

  /** How many files there were until now. */
  get files(): number {
    return this.#found.files;
  }

  /**
   * The next file, directories too. The content of the one before must have been taken.
   *
   * @returns `undefined` at the end
   * @throws {PermanentError} if the archive ends elsewhere, or can't be read
   */
  async next(): Promise<ZipFile | undefined> {
    try {
      const signature = await this.#signature();
      if (signature !== LOCAL_HEADER) {
        await this.#checkDirectory();
        return undefined;
      }
      const offset = this.#reader.at;
      const entry = await this.#entry(LOCAL_HEADER_BYTES);
      this.#check(entry);
      if (this.files > 0) this.#expansion.addFrame();
      return { name: entry.name, content: () => this.#contentOf(entry, offset) };
    } catch (error) {
      if (!(error instanceof CutOff)) throw error;
      throw fault('truncated', `The zip archive breaks off after ${this.files} files.`);
    }
  }

  /** @throws {PermanentError} and errors of zlib, after all content before the damage */
  async *#contentOf(entry: Entry, offset: number): AsyncGenerator<Buffer> {
    const start = this.#reader.at;
    let crc = 0;
    let size = 0;
    for await (const chunk of this.#bytesOf(entry)) {
      crc = crc32(chunk, crc);
      size += chunk.length;
      yield this.#expansion.add(chunk);
    }
    const found = { ...entry, crc, size, compressed: this.#reader.at - start };
    if (entry.sizesFollow) {
      const descriptor = await this.#reader.peek(DESCRIPTOR_BYTES);
      const length = descriptorBytes(descriptor, found);
      if (length === undefined) {
        // The directory is behind it at least.
        if (descriptor.length < DESCRIPTOR_BYTES) throw new CutOff();
        throw entry.method === STORED && size === 0 ? withoutLength() : wrongSum(size);
      }
      await this.#reader.take(length);
    } else if (entry.crc !== crc || entry.size !== size || entry.compressed !== found.compressed)
      throw wrongSum(size);
    this.#found.add(found, offset);
  }

  async *#bytesOf({ method, compressed, sizesFollow }: Entry): AsyncGenerator<Buffer> {
    let left = sizesFollow && method === DEFLATED ? Number.POSITIVE_INFINITY : compressed;
    if (method === STORED) {
      while (left > 0) {
        const chunk = await this.#reader.some(left);
        if (chunk === undefined) throw new CutOff();
        left -= chunk.length;
        yield chunk;
      }
      return;
    }
    if (left === 0) return;
    const inflate = new Decompressor('deflate');
    try {
      while (left > 0) {
        const chunk = await this.#reader.some(left);
        if (chunk === undefined) break;
        left -= chunk.length;
        yield* inflate.write(chunk);
        if (inflate.leftOver === 0) continue;
        this.#reader.giveBack(chunk.subarray(chunk.length - inflate.leftOver));
        return;
      }
      if (left > 0) yield* inflate.end();
      else yield* whole(inflate.end());
    } finally {
      inflate.close();
    }
  }

  #check({ name, method, isEncrypted }: Entry): void {
    const shown = JSON.stringify(name.slice(0, SHOWN_CHARACTERS));
    if (DOCUMENT.test(name))
      throw fault(
        'unknown_format',
        'The file is a workbook of Excel or another document in a zip archive, which Sluice does not read. Export the sheet as CSV.',
      );
    if (isEncrypted)
      throw fault(
        'encrypted',
        `${shown} in the zip archive is encrypted. Make the archive without a password.`,
      );
    if (method !== STORED && method !== DEFLATED)
      throw fault(
        'unsupported_compression',
        `${shown} in the zip archive is compressed by method ${method}; 0 (stored) and 8 (deflate) are read. Make the archive with these.`,
      );
  }

  async #signature(): Promise<number> {
    const bytes = await this.#reader.peek(4);
    if (bytes.length < 4) throw new CutOff();
    return bytes.readUInt32LE(0);
  }

  async #entry(fixedBytes: number): Promise<Entry> {
    const header = await this.#reader.take(fixedBytes);
    return entryOf(header, await this.#reader.take(variableBytes(header)));
  }

  /** Reads what follows the files, to the end. */
  async #checkDirectory(): Promise<void> {
    const named = new Agreement();
    for (;;) {
      const signature = await this.#signature();
      if (signature === DIRECTORY_HEADER) {
        const entry = await this.#entry(DIRECTORY_HEADER_BYTES);
        named.add(entry, entry.offset);
      } else if (signature === ZIP64_END) {
        const head = await this.#reader.take(12);
        await this.#skip(Number(head.readBigUInt64LE(4)));
      } else if (signature === ZIP64_LOCATOR) await this.#reader.take(20);
      else if (signature === DIRECTORY_SIGNATURE) {
        const head = await this.#reader.take(6);
        await this.#skip(head.readUInt16LE(4));
      } else if (signature === END) {
        const end = await this.#reader.take(22);
        await this.#skip(end.readUInt16LE(20));
        break;
      } else if (signature === EXTRA_DATA)
        throw fault(
          'encrypted',
          'The directory of the zip archive is encrypted. Make it without a password.',
        );
      else throw this.#damaged('no header, and no directory');
    }
    if (!named.equals(this.#found)) throw this.#damaged('a directory that does not fit these files');
    if ((await this.#reader.peek(1)).length > 0) throw this.#damaged('an end with other bytes behind it');
  }

  async #skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const bytes = await this.#reader.some(left);
      if (bytes === undefined) throw new CutOff();
      left -= bytes.length;
    }
  }

  #damaged(what: string): PermanentError {
    const message = `The zip archive has, after ${this.files} files and ${this.#reader.at} bytes, ${what}.`;
    return fault('corrupt_compression', message);
  }
}

/** A file of an archive. */
export interface ZipFile {
  /** As it is written in the archive; `/` ends that of a directory. */
  readonly name: string;
  readonly content: () => AsyncGenerator<Buffer>;
}

/** The last content of a file whose bytes were all read: if the stream goes on, its length is wrong. */
async function* whole(last: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* last;
  } catch (error) {
    if (!isCutOff(error)) throw error;
    throw fault('corrupt_compression', 'The file is longer than the zip archive says.');
  }
}

async function* counted(blocks: AsyncIterable<Buffer>, expansion: Expansion): AsyncGenerator<Buffer> {
  for await (const block of blocks) {
    expansion.take(block);
    yield block;
  }
}

function withoutLength(): PermanentError {
  return fault(
    'unsupported_compression',
    'The file is stored without its length before it, so its end can’t be found. Make the archive with compression.',
  );
}

function wrongSum(size: number): PermanentError {
  const message = `The file ends after ${size} bytes of content, but its checksum or sizes in the zip archive are others.`;
  return fault('corrupt_compression', message);
}

function fault(
  code: 'truncated' | 'corrupt_compression' | 'encrypted' | 'unsupported_compression' | 'unknown_format',
  message: string,
): PermanentError {
  return new PermanentError(code, message, { stage: 'extraction' });
}
