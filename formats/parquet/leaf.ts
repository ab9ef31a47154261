import { constants, zstdCompressSync } from 'node:zlib';
import type { Range } from './page-values.ts';
import { binary, bytesOf, i32, i64, list, struct, type ThriftValue } from './thrift.ts';
import type { LeafType } from './values.ts';

/** Constants of parquet.thrift. */
export const PLAIN = 0;
export const RLE = 3;
export const RLE_DICTIONARY = 8;
/** The codecs of a chunk. */
const UNCOMPRESSED = 0;
const ZSTD = 6;
const DATA_PAGE = 0;
const DICTIONARY_PAGE = 2;

const ZSTD_LEVEL = 1;

/** zstd takes as long to set up its tables as to compress some KB, and a small object has many chunks. */
const LEAST_COMPRESSED_BYTES = 1024;

/** The place of a leaf in the schema, and its depth. */
export interface LeafPlace {
  readonly path: readonly string[];
  readonly maxRepetition: number;
  readonly maxDefinition: number;
}

/** What a file says of one leaf of the schema that has an id. */
export interface LeafStatistics {
  readonly id: number;
  readonly kind: LeafType['kind'];
  /** Whether it is within a list: then it can have any number of entries for a row. */
  readonly repeated: boolean;
  /** Bytes on disk. */
  readonly size: number;
  /** With nulls. */
  readonly entries: number;
  readonly nulls: number;
  /** `undefined` if there is no value. Of a text the first 65 bytes, unless it is whole. */
  readonly range: Range | undefined;
  /** Whether the range has whole texts, which a manifest is to have too. */
  readonly whole?: true;
}

/** Collects the values of one leaf of the schema, for one column chunk after the other. */
export interface Leaf {
  /** Of the values of the chunk so far, before compression. */
  readonly bytes: number;
  add(value: unknown, repetition: number): void;
  /** Adds a missing value. `definition` is the depth in the schema down to which there is a value. */
  addNothing(repetition: number, definition: number): void;
  endRow(): void;
  /** Takes out the chunk for this offset in the file: its pages, and its entry for the footer. */
  take(offset: number): Chunk;
  /** Of all chunks that were taken out; `undefined` without an id. */
  statistics(): LeafStatistics | undefined;
}

export interface Chunk {
  readonly pages: Buffer[];
  readonly size: ChunkSize;
  readonly entry: ThriftValue;
}

export interface ChunkSize {
  /** Bytes, including the pages' headers. */
  readonly compressed: number;
  readonly uncompressed: number;
}

/** What the footer says of a chunk. */
interface ChunkFooter {
  readonly type: ThriftValue;
  readonly encodings: readonly number[];
  readonly path: readonly string[];
  readonly entries: number;
  readonly nulls: number;
  readonly size: ChunkSize;
  readonly codec: Codec;
  /** Where it begins in the file. Bytes. */
  readonly offset: number;
  /** How long its dictionary is, if it has one; the data follow it. */
  readonly dictionary?: number;
  readonly range: Range | undefined;
}

export function chunkEntry(chunk: ChunkFooter): ThriftValue {
  const { size, codec, offset, dictionary, range } = chunk;
  const metadata = struct({
    1: chunk.type,
    2: list(chunk.encodings.map(i32)),
    3: list(chunk.path.map(binary)),
    4: i32(codec),
    5: i64(chunk.entries),
    6: i64(size.uncompressed),
    7: i64(size.compressed),
    9: i64(offset + (dictionary ?? 0)),
    11: dictionary === undefined ? undefined : i64(offset),
    12: struct({
      3: i64(chunk.nulls),
      5: range && binary(range.max),
      6: range && binary(range.min),
    }),
  });
  return struct({ 2: i64(offset), 3: metadata });
}

export type Codec = typeof UNCOMPRESSED | typeof ZSTD;

/** The codec of a chunk of which all pages are known: so many bytes before compression. */
export const codecOf = (bytes: number): Codec => (bytes < LEAST_COMPRESSED_BYTES ? UNCOMPRESSED : ZSTD);

/** The body of a page in a chunk with this codec. */
export function compressed(content: Buffer, codec: Codec): Buffer {
  // The writer's buffers are used again.
  if (codec === UNCOMPRESSED) return Buffer.from(content);
  return zstdCompressSync(content, {
    // Room for the whole output: by default, it is gathered in pieces of 16 KB.
    chunkSize: content.length + 1024,
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
  });
}

interface Page {
  readonly entries: number;
  readonly encoding: number;
  readonly content: Buffer;
  /** The same, by the chunk's codec. */
  readonly body: Buffer;
}

/** The header of a page of values. */
export function dataPage({ entries, encoding, content, body }: Page): Buffer {
  const values = struct({ 1: i32(entries), 2: i32(encoding), 3: i32(RLE), 4: i32(RLE) });
  return bytesOf(struct({ 1: i32(DATA_PAGE), 2: i32(content.length), 3: i32(body.length), 5: values }));
}

/** The header of a page of the values that a chunk has, each once. */
export function dictionaryPage({ entries, content, body }: Omit<Page, 'encoding'>): Buffer {
  const values = struct({ 1: i32(entries), 2: i32(PLAIN) });
  return bytesOf(struct({ 1: i32(DICTIONARY_PAGE), 2: i32(content.length), 3: i32(body.length), 7: values }));
}
