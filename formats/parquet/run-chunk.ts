import { physicalType } from './column-chunk.ts';
import {
  type Chunk,
  type Codec,
  chunkEntry,
  codecOf,
  compressed,
  dataPage,
  dictionaryPage,
  type Leaf,
  type LeafPlace,
  type LeafStatistics,
  PLAIN,
  RLE,
  RLE_DICTIONARY,
} from './leaf.ts';
import { Levels } from './levels.ts';
import type { Range, Values } from './page-values.ts';
import { writeVarint } from './thrift.ts';
import { type LeafType, valuesOf } from './values.ts';

/**
 * The values of a column of the table of which equal ones follow one another: a dictionary of them, and runs
 * of places in it (Encodings.md, "Dictionary Encoding" and "RLE / Bit-Packing Hybrid"). A run costs some
 * bytes, however long it is.
 */
export class RunChunk implements Leaf {
  readonly #type: LeafType;
  readonly #place: LeafPlace;
  readonly #id: number | undefined;
  readonly #definitions: Levels;
  /** The values of the dictionary, encoded, and their places in it. */
  readonly #values: Values;
  readonly #places = new Map<unknown, number>();
  /** Places and lengths, in turn. */
  #runs: number[] = [];
  #last: unknown;
  #entries = 0;
  #nulls = 0;
  #total = { size: 0, entries: 0, nulls: 0 };
  #textRange: Range | undefined;

  /** @param id if it has one, there are statistics of it */
  constructor(type: LeafType, place: LeafPlace, id?: number) {
    this.#type = type;
    this.#values = valuesOf(type, false);
    this.#place = place;
    this.#id = id;
    this.#definitions = new Levels(place.maxDefinition);
  }

  /** Next to nothing. */
  get bytes(): number {
    return 0;
  }

  add(value: unknown): void {
    this.#definitions.add(this.#place.maxDefinition);
    this.#entries += 1;
    const runs = this.#runs;
    if (value === this.#last) runs[runs.length - 1] = (runs[runs.length - 1] as number) + 1;
    else {
      runs.push(this.#placeOf(value), 1);
      this.#last = value;
    }
  }

  addNothing(_: number, definition: number): void {
    this.#definitions.add(definition);
    this.#entries += 1;
    this.#nulls += 1;
  }

  endRow(): void {}

  take(offset: number): Chunk {
    const values = this.#places.size;
    const plainValues = this.#values.take();
    const content = Buffer.concat([this.#definitions.take(), runsOf(this.#runs, values)]);
    const codec = codecOf(plainValues.length + content.length);
    const dictionary = values === 0 ? [] : dictionaryPages(values, plainValues, codec);
    const range = this.#takeRange();
    const body = compressed(content, codec);
    const encoding = values === 0 ? PLAIN : RLE_DICTIONARY;
    const header = dataPage({ entries: this.#entries, encoding, content, body });
    const length = dictionary.reduce((sum, page) => sum + page.length, 0);
    const plain = plainValues.length + (dictionary[0]?.length ?? 0);
    const size = {
      compressed: length + header.length + body.length,
      uncompressed: plain + header.length + content.length,
    };
    const entry = chunkEntry({
      type: physicalType(this.#type),
      encodings: values === 0 ? [PLAIN, RLE] : [PLAIN, RLE, RLE_DICTIONARY],
      path: this.#place.path,
      entries: this.#entries,
      nulls: this.#nulls,
      size,
      codec,
      offset,
      ...(values > 0 && { dictionary: length }),
      range,
    });
    this.#total.size += size.compressed;
    this.#total.entries += this.#entries;
    this.#total.nulls += this.#nulls;
    this.#places.clear();
    this.#runs = [];
    this.#last = undefined;
    this.#entries = this.#nulls = 0;
    return { pages: [...dictionary, header, body], size, entry };
  }

  statistics(): LeafStatistics | undefined {
    if (this.#id === undefined) return undefined;
    const { kind } = this.#type;
    const range = kind === 'string' ? this.#textRange : this.#values.range();
    return { id: this.#id, kind, repeated: false, ...this.#total, range, whole: true };
  }

  #placeOf(value: unknown): number {
    const known = this.#places.get(value);
    if (known !== undefined) return known;
    this.#values.add(value);
    const place = this.#places.size;
    this.#places.set(value, place);
    return place;
  }

  /** The range of the chunk: that of texts has them whole. */
  #takeRange(): Range | undefined {
    if (this.#type.kind !== 'string') return this.#values.takeRange();
    const range = rangeOf([...this.#places.keys()].map((text) => Buffer.from(text as string)));
    this.#textRange = rangeOf([this.#textRange, range].flatMap((each) => (each ? [each.min, each.max] : [])));
    return range;
  }
}

/** The page of a dictionary: its header and its body. */
function dictionaryPages(entries: number, content: Buffer, codec: Codec): Buffer[] {
  const body = compressed(content, codec);
  return [dictionaryPage({ entries, content, body }), body];
}

/** @param runs places and lengths, in turn @param places how many there are */
function runsOf(runs: readonly number[], places: number): Buffer {
  if (places === 0) return Buffer.alloc(0);
  // Not all readers take a width of 0.
  const width = Math.max(1, 32 - Math.clz32(places - 1));
  const out: number[] = [width];
  for (let i = 0; i < runs.length; i += 2) {
    writeVarint(2 * (runs[i + 1] as number), out);
    for (let bits = 0; bits < width; bits += 8) out.push(((runs[i] as number) >>> bits) & 0xff);
  }
  return Buffer.from(out);
}

function rangeOf(values: readonly Buffer[]): Range | undefined {
  const [first, ...rest] = values;
  if (first === undefined) return undefined;
  let [min, max] = [first, first];
  for (const value of rest) {
    if (Buffer.compare(value, min) < 0) min = value;
    if (Buffer.compare(value, max) > 0) max = value;
  }
  return { min, max };
}
