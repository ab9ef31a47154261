import { hash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { ByteReader } from '../../../domain/records/decoding/avro/byte-reader.ts';
import { decoderOf, type NameOf } from './decode.ts';
import { ByteWriter, encoderOf } from './encode.ts';
import { type AvroSchema, parseAvroSchema } from './schema.ts';

const MAGIC = Buffer.from('Obj\u0001');
const SYNC_BYTES = 16;
/** Java's blocks have 64,000 bytes, PyIceberg's one record. */
const BLOCK_BYTES = 64_000;
/** More than any writer's block has: a small file must not fill the memory when it is decompressed. */
const MOST_BLOCK_BYTES = 64 * 1024 * 1024;

/** A file's own data besides its schema, as texts. */
export type AvroMetadata = Readonly<Record<string, string>>;

/**
 * An Avro object container file ("Object Container Files"), its blocks compressed by deflate.
 *
 * @throws {TypeError} if a record is not of the schema
 */
export function avroFile(schema: AvroSchema, metadata: AvroMetadata, records: Iterable<unknown>): Buffer {
  const out = new ByteWriter();
  const block = new ByteWriter();
  const encode = encoderOf(schema);
  const header = { ...metadata, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'deflate' };
  const ofHeader = encoderOf({ type: 'map', values: 'bytes' });
  ofHeader(new Map(Object.entries(header).map(([key, text]) => [key, Buffer.from(text)])), block);
  const head = block.take();
  // As good as random, and equal records give equal bytes.
  const sync = Buffer.from(hash('sha256', head), 'hex').subarray(0, SYNC_BYTES);
  out.raw(MAGIC);
  out.raw(head);
  out.raw(sync);
  let count = 0;
  const end = () => {
    if (count === 0) return;
    out.long(count);
    out.bytes(deflateRawSync(block.take()));
    out.raw(sync);
    count = 0;
  };
  for (const record of records) {
    encode(record, block);
    count += 1;
    if (block.length >= BLOCK_BYTES) end();
  }
  end();
  return out.take();
}

export interface AvroContent {
  readonly metadata: AvroMetadata;
  readonly records: readonly unknown[];
}

/**
 * Reads an Avro object container file of any writer, by the writer's schema.
 *
 * @throws {Error} if the file is damaged or has another codec than null and deflate
 */
export function readAvroFile(bytes: Buffer, nameOf?: NameOf): AvroContent {
  const from = new ByteReader(bytes);
  if (!from.raw(MAGIC.length).equals(MAGIC))
    throw new Error('The file is not an Avro object container file.');
  const header = decoderOf({ type: 'map', values: 'bytes' })(from) as Map<string, Buffer>;
  const metadata = Object.fromEntries([...header].map(([key, value]) => [key, value.toString('utf8')]));
  const { 'avro.schema': schema, 'avro.codec': codec = 'null' } = metadata;
  if (schema === undefined) throw new Error('The Avro file has no schema.');
  if (codec !== 'null' && codec !== 'deflate')
    throw new Error(
      `The Avro file is compressed by ${codec}, which Sluice doesn't read: write it by deflate.`,
    );
  const decode = decoderOf(parseAvroSchema(schema), nameOf);
  const sync = from.raw(SYNC_BYTES);
  const records: unknown[] = [];
  while (from.left > 0) {
    const count = from.int();
    const stored = from.bytes();
    const block = codec === 'null' ? stored : inflateRawSync(stored, { maxOutputLength: MOST_BLOCK_BYTES });
    if (count < 0 || count > block.length)
      throw new Error(`The Avro file is damaged: ${count} records can't be in ${block.length} bytes.`);
    const ofBlock = new ByteReader(block);
    for (let i = 0; i < count; i += 1) records.push(decode(ofBlock));
    if (!from.raw(SYNC_BYTES).equals(sync)) throw new Error('The Avro file is damaged: a block has no end.');
  }
  return { metadata, records };
}
