import { decimalStorage } from './decimals.ts';
import {
  type Chunk,
  type Codec,
  chunkEntry,
  codecOf,
  compressed,
  dataPage,
  type Leaf,
  type LeafPlace,
  type LeafStatistics,
  PLAIN,
  RLE,
} from './leaf.ts';
import { Levels } from './levels.ts';
import type { Values } from './page-values.ts';
import { i32, type ThriftValue } from './thrift.ts';
import { type LeafType, valuesOf } from './values.ts';

/** A page ends with the row in which its values reach this size, in bytes. */
const PAGE_BYTES = 1024 * 1024;

/** Constants of parquet.thrift. */
const storageTypes = { int32: 1, int64: 2, bytes: 7 } as const;
const physicalTypes = {
  boolean: 0,
  int32: 1,
  date: 1,
  int64: 2,
  timestamp: 2,
  double: 5,
  string: 6,
  binary: 6,
} as const;

/** The physical type in which the values of a kind are stored. */
export function physicalType(type: LeafType): ThriftValue {
  return i32(
    type.kind === 'decimal' ? storageTypes[decimalStorage(type).physical] : physicalTypes[type.kind],
  );
}

/** Collects the values of one leaf of the schema in pages, for one column chunk after the other. */
export class ColumnChunk implements Leaf {
  readonly #type: LeafType;
  readonly #place: LeafPlace;
  readonly #values: Values;
  readonly #repetitions: Levels;
  readonly #definitions: Levels;
  #pages: Buffer[] = [];
  #codec: Codec | undefined;
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

  get bytes(): number {
    return this.#uncompressed + this.#values.size;
  }

  endRow(): void {
    if (this.#values.size >= PAGE_BYTES) this.#endPage();
  }

  take(offset: number): Chunk {
    if (this.#pageEntries > 0) this.#endPage();
    const pages = this.#pages;
    const size = { compressed: 0, uncompressed: this.#uncompressed };
    for (const { length } of pages) size.compressed += length;
    const entry = chunkEntry({
      type: physicalType(this.#type),
      encodings: [PLAIN, RLE],
      path: this.#place.path,
      entries: this.#entries,
      nulls: this.#nulls,
      size,
      codec: this.#codec ?? codecOf(0),
      offset,
      range: this.#values.takeRange(),
    });
    this.#total.size += size.compressed;
    this.#total.entries += this.#entries;
    this.#total.nulls += this.#nulls;
    this.#pages = [];
    this.#codec = undefined;
    this.#entries = this.#nulls = this.#uncompressed = 0;
    return { pages, size, entry };
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
    // A chunk's first page is its only one, or a large one.
    this.#codec ??= codecOf(content.length);
    const body = compressed(content, this.#codec);
    const header = dataPage({ entries: this.#pageEntries, encoding: PLAIN, content, body });
    this.#pages.push(header, body);
    this.#uncompressed += header.length + content.length;
    this.#entries += this.#pageEntries;
    this.#pageEntries = 0;
  }
}
