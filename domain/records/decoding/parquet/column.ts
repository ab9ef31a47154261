import { crc32 } from 'node:zlib';
import type { ColumnMetaData, PageHeader, SchemaTree } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decoded, fault } from '../as-json/fault.ts';
import type { Source } from '../source.ts';
import { PageDecoder } from './page.ts';
import { bytesIn } from './ranges.ts';
import { MadeRows, type Rows } from './rows.ts';
import { checkStruct } from './thrift.ts';

/** How much of a column is read at once, at most and at least, unless a page is longer. Bytes. */
const WINDOW_BYTES = 1024 * 1024;
const SMALLEST_WINDOW_BYTES = 64 * 1024;
/** The same of all columns. */
const WINDOWS_BYTES = 16 * 1024 * 1024;
/** A header of a page has statistics of its values, which may be long. */
const MOST_HEADER_BYTES = 1024 * 1024;
const MOST_HEADER_VALUES = 1000;
/** What one value takes beside its bytes, at least. */
const VALUE_BYTES = 16;
/** Of these, a dictionary is its bytes. */
const numbers: readonly string[] = ['INT32', 'INT64', 'FLOAT', 'DOUBLE'];

/** Bounds what the pages that are open at a time take, over all columns. */
export class Budget {
  readonly #most: number;
  #held = 0;
  /** How much of a column is read at once. Bytes. */
  readonly window: number;

  /** @param most bytes @param columns how many there are */
  constructor(most: number, columns: number) {
    this.#most = most;
    this.window = Math.min(
      WINDOW_BYTES,
      Math.max(SMALLEST_WINDOW_BYTES, Math.floor(WINDOWS_BYTES / columns)),
    );
  }

  /** @param change bytes @throws {PermanentError} */
  change(change: number): void {
    this.#held += change;
    if (this.#held > this.#most)
      throw fault(
        'unsupported_layout',
        `The pages of the Parquet file that have the same rows take more than ${this.#most} bytes, expanded. Write smaller pages or row groups, or fewer columns.`,
      );
  }
}

/** Reads a column of a row group page by page. */
export class ColumnReader {
  readonly #name: string;
  readonly #type: string;
  readonly #open: Source;
  readonly #budget: Budget;
  readonly #decoder: PageDecoder;
  readonly #isFlat: boolean;
  /** Of the file: where the next page begins, and where the column ends. */
  #at: number;
  readonly #end: number;
  /** What was read, from `#at` on. */
  #window: Buffer = Buffer.alloc(0);
  /** How many values are in pages that were not read yet. */
  #valuesLeft: number;
  #rows: Rows = new MadeRows();
  #held = 0;

  /** @param path from the root of the schema to the column @throws {PermanentError} */
  constructor(leaf: ColumnMetaData, path: SchemaTree[], open: Source, budget: Budget) {
    this.#name = leaf.path_in_schema.join('.');
    this.#type = leaf.type;
    this.#open = open;
    this.#budget = budget;
    this.#decoder = new PageDecoder(leaf, path);
    this.#isFlat = path.every(({ element }) => element.repetition_type !== 'REPEATED');
    const { data_page_offset: data, dictionary_page_offset: dictionary } = leaf;
    const start = dictionary !== undefined && dictionary > 0n && dictionary < data ? dictionary : data;
    this.#at = Number(start);
    this.#end = this.#at + Number(leaf.total_compressed_size);
    this.#valuesLeft = Number(leaf.num_values);
    if (!(this.#at >= 4 && this.#end >= this.#at && Number.isSafeInteger(this.#end) && this.#valuesLeft >= 0))
      throw this.#damaged('it begins or ends nowhere');
  }

  /** How many rows are whole. */
  get length(): number {
    const rows = this.#rows.left;
    // The next page may go on with the last row.
    return this.#isFlat || this.isAtEnd ? rows : Math.max(0, rows - 1);
  }

  get isAtEnd(): boolean {
    return this.#valuesLeft === 0;
  }

  /** Takes the next rows. @param count no more than there are @throws {PermanentError} */
  take(count: number): unknown[] {
    const taken = this.#decoded(() => this.#rows.take(count));
    if (this.#rows.left === 0) {
      this.#rows = new MadeRows();
      this.#release();
    }
    return taken;
  }

  #release(): void {
    this.#budget.change(-this.#held);
    this.#held = 0;
  }

  /** Reads pages until a row more is whole, or all are. @throws {PermanentError} */
  async read(): Promise<void> {
    // A row is left at most.
    this.#release();
    const before = this.length;
    while (this.length === before && !this.isAtEnd) await this.#readPage();
  }

  async #readPage(): Promise<void> {
    const { header, length } = await this.#header();
    const size = header.compressed_page_size;
    const of = header.data_page_header ?? header.data_page_header_v2 ?? header.dictionary_page_header;
    const values = of?.num_values ?? 0;
    const isData = header.type !== 'DICTIONARY_PAGE';
    const expanded = header.uncompressed_page_size;
    // A damaged header may have anything in their place.
    const isSound = [size, expanded, values].every((each) => Number.isSafeInteger(each) && each >= 0);
    if (!isSound || (isData && values > this.#valuesLeft))
      throw this.#damaged('a page has other values than the column');
    const isBytes = !isData && numbers.includes(this.#type);
    const cost = expanded + (isBytes ? 0 : values * VALUE_BYTES);
    this.#budget.change(cost + size);
    // A dictionary is needed as long as the column.
    if (isData) this.#held += cost;
    const page = (await this.#bytes(length + size)).subarray(length);
    if (typeof header.crc === 'number' && crc32(page) !== header.crc >>> 0)
      throw this.#damaged('the checksum of a page is wrong');
    this.#rows = this.#decoded(() => this.#decoder.rowsWith(header, page, this.#rows.take(this.#rows.left)));
    this.#at += length + size;
    const ahead = this.#window.subarray(length + size);
    this.#window = length + size > this.#budget.window ? Buffer.from(ahead) : ahead;
    this.#budget.change(-size);
    if (isData) this.#valuesLeft -= values;
    if (isData && values === 0 && this.#at >= this.#end) throw this.#damaged('pages are missing');
  }

  async #header(): Promise<{ readonly header: PageHeader; readonly length: number }> {
    for (let wanted = 1024; ; wanted *= 8) {
      const most = this.#end - this.#at;
      if (most <= 0) throw this.#damaged('pages are missing');
      const bytes = await this.#bytes(Math.min(wanted, most));
      const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      try {
        checkStruct(reader, MOST_HEADER_VALUES);
        return { header: parquetHeader(reader), length: reader.offset };
      } catch (error) {
        if (wanted < most && wanted < MOST_HEADER_BYTES) continue;
        throw this.#damaged('a page has no header', error);
      }
    }
  }

  /** The next bytes, which stay. */
  async #bytes(count: number): Promise<Buffer> {
    if (this.#at + count > this.#end) throw this.#damaged('a page is longer than the column');
    if (this.#window.length < count) {
      const start = this.#at + this.#window.length;
      const end = Math.min(this.#end, Math.max(this.#at + count, start + this.#budget.window));
      this.#window = await bytesIn(this.#open, { start, end }, this.#window);
      if (this.#window.length < count) throw this.#damaged('it ends before the column does');
    }
    return this.#window.subarray(0, count);
  }

  #decoded<Result>(decode: () => Result): Result {
    return decoded(`in the column ${this.#name}`, decode);
  }

  #damaged(what: string, cause?: unknown) {
    return fault('corrupt_file', `The Parquet file is damaged in the column ${this.#name}: ${what}.`, cause);
  }
}
