import { crc32, inflateRawSync, zstdDecompressSync } from 'node:zlib';
import { snappyUncompress } from 'hyparquet';
import { errorText, PermanentError } from '../../../errors.ts';
import { fault, shown } from '../as-json/fault.ts';
import { BATCH_BYTES, checkExpansion, RowText, recordOf } from '../as-json/row-text.ts';
import { type CutRecords, FIRST, type Place } from '../position.ts';
import type { RawRecord } from '../record.ts';
import { ByteReader } from './byte-reader.ts';
import { type Write, writerOf } from './writer.ts';

const MAGIC = 'Obj\x01';
const SYNC_BYTES = 16;
const CHECKSUM_BYTES = 4;
/** Two integers of 64 bits. */
const MOST_COUNT_BYTES = 20;
/** Writers make blocks of 16 KB to some megabytes. A function of 512 MB has room for this, expanded too. */
const MAX_BLOCK_BYTES = 64 * 1024 * 1024;
const MAX_HEADER_BYTES = 4 * 1024 * 1024;
const BATCH_ROWS = 500;

/** Expands blocks, each up to `MAX_BLOCK_BYTES`. */
const codecs: Readonly<Record<string, (block: Buffer) => Buffer>> = {
  null: (block) => block,
  deflate: (block) => inflateRawSync(block, { maxOutputLength: MAX_BLOCK_BYTES }),
  zstandard: (block) => zstdDecompressSync(block, { maxOutputLength: MAX_BLOCK_BYTES }),
  snappy(block) {
    const stored = block.subarray(0, Math.max(0, block.length - CHECKSUM_BYTES));
    const output = Buffer.alloc(snappyLength(stored));
    snappyUncompress(stored, output);
    if (block.length < CHECKSUM_BYTES || crc32(output) !== block.readUInt32BE(stored.length))
      throw new Error('its checksum is another');
    return output;
  },
};

/** The length that a block of snappy begins with, in groups of seven bits ("Snappy compressed format"). */
function snappyLength(block: Buffer): number {
  let length = 0;
  for (const [i, byte] of block.subarray(0, 5).entries()) {
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) break;
  }
  if (length > MAX_BLOCK_BYTES) throw tooLarge();
  return length;
}

/**
 * Reads an Avro object container file of any size by its own schema, and writes each record as JSON, as
 * docs/data-path.md says.
 *
 * Memory: a block of the file, stored and expanded, whatever the size of the file.
 *
 * @param from the blocks before it are not expanded
 * @throws {PermanentError} if the file can't be read (further), after every record of the blocks before that
 * point was yielded
 */
export async function* splitAvro(
  content: AsyncIterable<Buffer>,
  from: Place = FIRST,
): AsyncGenerator<CutRecords<RawRecord>> {
  const input = new Input(content);
  const { schema, codec, sync } = await headerOf(input);
  const expand = codecs[codec];
  if (expand === undefined)
    throw fault(
      'unsupported_compression',
      `The Avro file is compressed with ${shown(codec)}; ${Object.keys(codecs).join(', ')} are read. Write it with one of these.`,
    );
  const write = damaged('in its schema', () => writerOf(schema));
  let produced = 0;
  let records = 0;
  while (await input.has(1)) {
    await input.has(MOST_COUNT_BYTES);
    const { count, size, length } = damaged('in its blocks', () => blockIn(input.bytes));
    if (!(await input.has(length + size + SYNC_BYTES)))
      throw fault('truncated', 'The Avro file breaks off. Upload it whole.');
    const stored = input.take(length + size).subarray(length);
    if (!input.take(SYNC_BYTES).equals(sync))
      throw fault('corrupt_file', 'The Avro file is damaged in its blocks: one of them has no end.');
    const at = { offset: 0, records };
    records += count;
    if (records <= from.records) continue;
    const block = damaged('in its blocks', () => expanded(stored, expand));
    const batches = recordsOf(block, count, write);
    const next = () => damaged('in its records', () => batches.next());
    let skip = 0;
    for (let batch = next(); !batch.done; batch = next()) {
      produced += batch.value.reduce((sum, record) => sum + record.length, 0);
      checkExpansion('Avro', produced, input.read);
      yield { pieces: batch.value, at, skip, end: 0 };
      skip += batch.value.length;
    }
  }
}

/** @throws {Error} */
function expanded(stored: Buffer, expand: (block: Buffer) => Buffer): Buffer {
  try {
    return expand(stored);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : error;
  }
}

const tooLarge = () =>
  fault(
    'unsupported_layout',
    `A block of the Avro file has more than ${MAX_BLOCK_BYTES} bytes, which is what is read at once. Write it with smaller blocks.`,
  );

/** The schema of an Avro file, as it stands in it. @throws {PermanentError} */
export async function avroSchema(content: AsyncIterable<Buffer>): Promise<unknown> {
  return (await headerOf(new Input(content))).schema;
}

/** Makes a fault of the object of an error. @param where in the file, for the message */
function damaged<Result>(where: string, decode: () => Result): Result {
  try {
    return decode();
  } catch (error) {
    if (error instanceof PermanentError) throw error;
    const text = errorText(error);
    // The reader of bytes says a whole sentence.
    const message = text.startsWith('The Avro file') ? text : `The Avro file is damaged ${where}: ${text}.`;
    throw fault('corrupt_file', message, error);
  }
}

interface Header {
  readonly schema: unknown;
  readonly codec: string;
  readonly sync: Buffer;
}

async function headerOf(input: Input): Promise<Header> {
  if (!(await input.has(1))) throw fault('empty_file', 'The file is empty.');
  if (!(await input.has(MAGIC.length)) || input.take(MAGIC.length).toString('latin1') !== MAGIC)
    throw fault(
      'unknown_format',
      'The file is not Avro: it does not begin as an object container file does. Upload Avro, or declare the format that it has in the dataset’s source.',
    );
  for (let wanted = 65_536; ; wanted *= 2) {
    const isAll = !(await input.has(wanted));
    const from = new ByteReader(input.bytes);
    try {
      const header = headerIn(from);
      input.take(input.bytes.length - from.left);
      return header;
    } catch (error) {
      if (isAll || wanted > MAX_HEADER_BYTES)
        return damaged('in its header', () => {
          throw error;
        });
    }
  }
}

function headerIn(from: ByteReader): Header {
  const metadata = new Map<string, Buffer>();
  for (let count = from.int(); count !== 0; count = from.int()) {
    if (count < 0) from.int();
    for (let left = Math.abs(count); left > 0; left -= 1)
      metadata.set(from.bytes().toString('utf8'), from.bytes());
  }
  const sync = Buffer.from(from.raw(SYNC_BYTES));
  const schema: unknown = JSON.parse((metadata.get('avro.schema') ?? Buffer.alloc(0)).toString('utf8'));
  return { schema, codec: metadata.get('avro.codec')?.toString('utf8') ?? 'null', sync };
}

/** What a block begins with: how many records it has and how many bytes; and the length of these numbers. */
function blockIn(bytes: Buffer): { readonly count: number; readonly size: number; readonly length: number } {
  const from = new ByteReader(bytes);
  const [count, size] = [from.int(), from.int()];
  if (count < 0 || size < 0) throw new Error('a block has fewer than no records');
  if (size > MAX_BLOCK_BYTES) throw tooLarge();
  return { count, size, length: bytes.length - from.left };
}

function* recordsOf(block: Buffer, count: number, write: Write): Generator<RawRecord[]> {
  const from = new ByteReader(block);
  let batch: RawRecord[] = [];
  let bytes = 0;
  for (let left = count; left > 0; left -= 1) {
    const row = new RowText();
    let record: RawRecord;
    try {
      record = recordOf(write(from, row, 1), row.raw);
    } catch (error) {
      if (batch.length > 0) yield batch;
      throw error;
    }
    batch.push(record);
    bytes += record.length;
    if (batch.length < BATCH_ROWS && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
  if (from.left > 0) throw new Error(`a block has ${from.left} bytes more than its records`);
}

/** The bytes of a file as they come in. */
class Input {
  readonly #content: AsyncIterator<Buffer>;
  #bytes: Buffer = Buffer.alloc(0);
  /** How many have come in. */
  read = 0;

  constructor(content: AsyncIterable<Buffer>) {
    this.#content = content[Symbol.asyncIterator]();
  }

  /** Those that have come in and were not taken. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Waits until there are so many. @returns whether there are */
  async has(wanted: number): Promise<boolean> {
    if (this.#bytes.length >= wanted) return true;
    const chunks = [this.#bytes];
    let length = this.#bytes.length;
    while (length < wanted) {
      const next = await this.#content.next();
      if (next.done) break;
      chunks.push(next.value);
      length += next.value.length;
      this.read += next.value.length;
    }
    this.#bytes = Buffer.concat(chunks);
    return length >= wanted;
  }

  /** @param length of which `has` was asked */
  take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }
}
