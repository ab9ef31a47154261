import { physicalType } from './column-chunk.ts';
import {
  type Chunk,
  chunkEntry,
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
import type { Range } from './page-values.ts';
import { writeVarint } from './thrift.ts';

const STRING = { kind: 'string' } as const;

/**
 * The texts of a column of the table of which equal ones follow one another: a dictionary of them, and runs
 * of places in it (Encodings.md, "Dictionary Encoding" and "RLE / Bit-Packing Hybrid"). A run costs some
 * bytes, however long it is.
 */
export class RunChunk implements Leaf {
  readonly #place: LeafPlace;
  readonly #id: number | undefined;
  readonly #definitions: Levels;
  /** The places in the dictionary, in its order. */
  readonly #dictionary = new Map<string, number>();
  /** Places and lengths, in turn. */
  #runs: number[] = [];
  #last: string | undefined;
  #entries = 0;
  #nulls = 0;
  #total = { size: 0, entries: 0, nulls: 0 };
  #range: Range | undefined;

  /** @param id if it has one, there are statistics of it */
  constructor(place: LeafPlace, id?: number) {
    this.#place = place;
    this.#id = id;
    this.#definitions = new Levels(place.maxDefinition);
  }

  /** Next to nothing. */
  get bytes(): number {
    return 0;
  }

  add(value: unknown): void {
    if (typeof value !== 'string') throw new TypeError(`A ${typeof value} can't be stored as string.`);
    this.#definitions.add(this.#place.maxDefinition);
    this.#entries += 1;
    const runs = this.#runs;
    if (value === this.#last) runs[runs.length - 1] = (runs[runs.length - 1] as number) + 1;
    else {
      const place = this.#dictionary.get(value) ?? this.#dictionary.size;
      this.#dictionary.set(value, place);
      runs.push(place, 1);
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
    const values = [...this.#dictionary.keys()].map((value) => Buffer.from(value));
    const dictionary = values.length === 0 ? [] : dictionaryPages(values);
    const range = rangeOf(values);
    const content = Buffer.concat([this.#definitions.take(), runsOf(this.#runs, values.length)]);
    const body = compressed(content);
    const encoding = values.length === 0 ? PLAIN : RLE_DICTIONARY;
    const header = dataPage({ entries: this.#entries, encoding, content, body });
    const length = dictionary.reduce((sum, page) => sum + page.length, 0);
    const plain = values.reduce((sum, value) => sum + 4 + value.length, dictionary[0]?.length ?? 0);
    const size = {
      compressed: length + header.length + body.length,
      uncompressed: plain + header.length + content.length,
    };
    const entry = chunkEntry({
      type: physicalType(STRING),
      encodings: values.length === 0 ? [PLAIN, RLE] : [PLAIN, RLE, RLE_DICTIONARY],
      path: this.#place.path,
      entries: this.#entries,
      nulls: this.#nulls,
      size,
      offset,
      ...(values.length > 0 && { dictionary: length }),
      range,
    });
    this.#total.size += size.compressed;
    this.#total.entries += this.#entries;
    this.#total.nulls += this.#nulls;
    this.#range = rangeOf([this.#range, range].flatMap((each) => (each ? [each.min, each.max] : [])));
    this.#dictionary.clear();
    this.#runs = [];
    this.#last = undefined;
    this.#entries = this.#nulls = 0;
    return { pages: [...dictionary, header, body], size, entry };
  }

  statistics(): LeafStatistics | undefined {
    if (this.#id === undefined) return undefined;
    return { id: this.#id, ...STRING, repeated: false, ...this.#total, range: this.#range, whole: true };
  }
}

/** The page of a dictionary: its header and its body. */
function dictionaryPages(values: readonly Buffer[]): Buffer[] {
  const content = Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      return [length, value];
    }),
  );
  const body = compressed(content);
  return [dictionaryPage({ entries: values.length, content, body }), body];
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
