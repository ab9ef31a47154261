import { constants, zstdCompressSync } from 'node:zlib';
import { decimalStorage } from './decimals.ts';
import { Levels } from './levels.ts';
import type { Range, Values } from './page-values.ts';
import { binary, bytesOf, i32, i64, list, struct, type ThriftValue } from './thrift.ts';
import { type LeafType, valuesOf } from './values.ts';

/** A page ends with the row in which its values reach this size, in bytes. */
const PAGE_BYTES = 1024 * 1024;
const ZSTD_LEVEL = 1;

/** Constants of parquet.thrift. */
const PLAIN = 0;
const RLE = 3;
const ZSTD = 6;
const DATA_PAGE = 0;
const storageTypes = { int32: 1, int64: 2, bytes: 7 } as const;
const physicalTypes = {
  boolean: 0,
  int32: 1,
  date: 1,
  int64: 2,
  timestamp: 2,
  double: 5,
  string: 6,
} as const;

/** The physical type in which the values of a kind are stored. */
export function physicalType(type: LeafType): ThriftValue {
  return i32(
    type.kind === 'decimal' ? storageTypes[decimalStorage(type).physical] : physicalTypes[type.kind],
  );
}

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
  /** `undefined` if there is no value. Of a text the first 65 bytes. */
  readonly range: Range | undefined;
}

/** Collects the values of one leaf of the schema in pages, for one column chunk after the other. */
export class ColumnChunk {
  readonly #type: LeafType;
  readonly #place: LeafPlace;
  readonly #values: Values;
  readonly #repetitions: Levels;
  readonly #definitions: Levels;
  #pages: Buffer[] = [];
  #pageEntries = 0;
  #entries = 0;
  #nulls = 0;
  #uncompressed = 0;
  readonly #id: number | undefined;
  /** Of the chunks that were taken out. */
  readonly #total = { size: 0, entries: 0, nulls: 0 };

  /** @param id if it has one, there are statistics of it */
  constructor(type: LeafType, place: LeafPlace, id?: number) {
    this.#type = type;
    this.#place = place;
    this.#id = id;
    // A predicate can't be about a list's elements, so their texts need no range.
    this.#values = valuesOf(type, id !== undefined && place.maxRepetition === 0);
    this.#repetitions = new Levels(place.maxRepetition);
    this.#definitions = new Levels(place.maxDefinition);
  }

  add(value: unknown, repetition: number): void {
    this.#values.add(value);
    this.#repetitions.add(repetition);
    this.#definitions.add(this.#place.maxDefinition);
    this.#pageEntries += 1;
  }

  /** Adds a missing value. `definition` is the depth in the schema down to which there is a value. */
  addNothing(repetition: number, definition: number): void {
    this.#repetitions.add(repetition);
    this.#definitions.add(definition);
    this.#pageEntries += 1;
    this.#nulls += 1;
  }

  endRow(): void {
    if (this.#values.size >= PAGE_BYTES) this.#endPage();
  }

  /** Takes out the chunk for this offset in the file: its pages, and its entry for the footer. */
  take(offset: number): { readonly pages: Buffer[]; readonly size: ChunkSize; readonly entry: ThriftValue } {
    if (this.#pageEntries > 0) this.#endPage();
    const pages = this.#pages;
    const compressed = pages.reduce((sum, { length }) => sum + length, 0);
    const size = { compressed, uncompressed: this.#uncompressed };
    const range = this.#values.takeRange();
    const metadata = struct({
      1: physicalType(this.#type),
      2: list([i32(PLAIN), i32(RLE)]),
      3: list(this.#place.path.map(binary)),
      4: i32(ZSTD),
      5: i64(this.#entries),
      6: i64(size.uncompressed),
      7: i64(size.compressed),
      9: i64(offset),
      12: struct({
        3: i64(this.#nulls),
        5: range && binary(range.max),
        6: range && binary(range.min),
      }),
    });
    this.#total.size += compressed;
    this.#total.entries += this.#entries;
    this.#total.nulls += this.#nulls;
    this.#pages = [];
    this.#entries = this.#nulls = this.#uncompressed = 0;
    return { pages, size, entry: struct({ 2: i64(offset), 3: metadata }) };
  }

  /** Of all chunks that were taken out; `undefined` without an id. */
  statistics(): LeafStatistics | undefined {
    if (this.#id === undefined) return undefined;
    const { kind } = this.#type;
    const repeated = this.#place.maxRepetition > 0;
    return { id: this.#id, kind, repeated, ...this.#total, range: this.#values.range() };
  }

  #endPage(): void {
    const content = Buffer.concat([this.#repetitions.take(), this.#definitions.take(), this.#values.take()]);
    const body = zstdCompressSync(content, {
      // Room for the whole output: by default, it is gathered in pieces of 16 KB.
      chunkSize: content.length + 1024,
      params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
    });
    const header = bytesOf(
      struct({
        1: i32(DATA_PAGE),
        2: i32(content.length),
        3: i32(body.length),
        5: struct({ 1: i32(this.#pageEntries), 2: i32(PLAIN), 3: i32(RLE), 4: i32(RLE) }),
      }),
    );
    this.#pages.push(header, body);
    this.#uncompressed += header.length + content.length;
    this.#entries += this.#pageEntries;
    this.#pageEntries = 0;
  }
}

export interface ChunkSize {
  /** Bytes, including the pages' headers. */
  readonly compressed: number;
  readonly uncompressed: number;
}
