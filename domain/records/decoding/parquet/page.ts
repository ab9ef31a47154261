import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import {
  type ColumnMetaData,
  type DecodedArray,
  type PageHeader,
  type SchemaTree,
  snappyUncompress,
} from 'hyparquet';
import { assembleLists } from 'hyparquet/src/assemble.js';
import { convert, convertWithDictionary, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel } from 'hyparquet/src/schema.js';
import { fault } from '../as-json/fault.ts';
import { MadeRows, PageRows, type Rows } from './rows.ts';
import { checkPrefixes, checkRuns } from './runs.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const parsers = {
  ...DEFAULT_PARSERS,
  timestampFromNanoseconds: (value: bigint) => value as never,
  /** What is not UTF-8 stays bytes. */
  stringFromBytes(bytes: Uint8Array | undefined) {
    try {
      return bytes && (utf8.decode(bytes) as never);
    } catch {
      return bytes as never;
    }
  },
};

/** Expands pages. All but snappy stop at the length that the page should have. */
const codecs: Readonly<Record<string, (input: Uint8Array, size: number) => Uint8Array>> = {
  UNCOMPRESSED: (input) => input,
  SNAPPY(input, size) {
    const output = new Uint8Array(size);
    snappyUncompress(input, output);
    return output;
  },
  GZIP: (input, size) => gunzipSync(input, { maxOutputLength: Math.max(size, 1) }),
  ZSTD: (input, size) => zstdDecompressSync(input, { maxOutputLength: Math.max(size, 1) }),
  BROTLI: (input, size) => brotliDecompressSync(input, { maxOutputLength: Math.max(size, 1) }),
};

/** Decodes the pages of a column chunk, in their order. */
export class PageDecoder {
  readonly #decoder: ReturnType<typeof decoderOf>;
  readonly #expand: (input: Uint8Array, size: number) => Uint8Array;
  #dictionary: ReturnType<typeof convert> | undefined;

  /** @param path from the root of the schema to the column @throws {PermanentError} of an unknown codec */
  constructor(leaf: ColumnMetaData, path: SchemaTree[]) {
    const expand = codecs[leaf.codec];
    if (expand === undefined)
      throw fault(
        'unsupported_compression',
        `The Parquet file is compressed with ${leaf.codec}; ${Object.keys(codecs).join(', ')} are read. Write it with one of these.`,
      );
    this.#expand = expand;
    this.#decoder = decoderOf(leaf, path);
  }

  /**
   * @param before the rows of earlier pages that are still there, the last of which may go on
   * @returns these, and the rows of this page @throws {Error} if it is damaged
   */
  rowsWith(header: PageHeader, bytes: Uint8Array, before: unknown[]): Rows {
    const decoder = this.#decoder;
    if (header.dictionary_page_header !== undefined && header.type === 'DICTIONARY_PAGE') {
      const page = apart(this.#expanded(bytes, header.uncompressed_page_size));
      const reader = { view: viewOf(page), offset: 0 };
      const { num_values: count } = header.dictionary_page_header;
      this.#dictionary = convert(
        readPlain(reader, decoder.type, count, decoder.element.type_length),
        decoder,
      );
      return new MadeRows(before);
    }
    const { encoding, definitionLevels = [], repetitionLevels, dataPage } = this.#valuesIn(header, bytes);
    if (encoding.endsWith('_DICTIONARY')) {
      const size = this.#dictionary?.length ?? 0;
      for (const index of dataPage as ArrayLike<number> & Iterable<number>)
        if (index >= size) throw new Error('a value is not in the dictionary');
    }
    const isOldList = decoder.element.repetition_type === 'REPEATED';
    if (isOldList && before.length > 0 && (repetitionLevels[0] ?? 0) > 0)
      throw fault(
        'unsupported_layout',
        'The Parquet file has a list without a group around it that goes on from one page to the next. Write it with lists of three levels, as programs have done for years.',
      );
    const convertAll = (values: DecodedArray) =>
      convertWithDictionary(values, this.#dictionary, encoding, decoder);
    if (before.length === 0 && !repetitionLevels[0])
      return new PageRows(
        { values: dataPage, definitionLevels, repetitionLevels },
        decoder.schemaPath,
        convertAll,
      );
    const values = convertAll(dataPage);
    const found = assembleLists(before, definitionLevels, repetitionLevels, values, decoder.schemaPath);
    if (found !== before && before.length > 0)
      for (let i = 0; i < found.length; i += 1) before.push(found[i]);
    return new MadeRows(found === before || before.length === 0 ? found : before);
  }

  #valuesIn(header: PageHeader, bytes: Uint8Array) {
    const { schemaPath } = this.#decoder;
    const levels = {
      repetition: getMaxRepetitionLevel(schemaPath),
      definition: getMaxDefinitionLevel(schemaPath),
    };
    if (header.type === 'DATA_PAGE' && header.data_page_header !== undefined) {
      const page = apart(this.#expanded(bytes, header.uncompressed_page_size));
      const { data_page_header: of } = header;
      checkRuns(page, of.num_values, levels, of.encoding, this.#decoder.type);
      if (of.encoding === 'DELTA_BYTE_ARRAY')
        checkPrefixes(
          readDataPage(page, { ...of, ...asLengths.page }, { ...this.#decoder, ...asLengths.column }),
        );
      return { ...readDataPage(page, of, this.#decoder), encoding: of.encoding };
    }
    if (header.type === 'DATA_PAGE_V2' && header.data_page_header_v2 !== undefined) {
      const { data_page_header_v2: of } = header;
      const { repetition_levels_byte_length: repetition, definition_levels_byte_length: definition } = of;
      const before = repetition + definition;
      const content = bytes.subarray(before);
      const size = header.uncompressed_page_size - before;
      const values = of.is_compressed === false ? content : this.#expanded(content, size);
      const page = apart(Buffer.concat([bytes.subarray(0, before), values]));
      checkRuns(page, of.num_values, levels, of.encoding, this.#decoder.type, { repetition, definition });
      const plain = { ...of, is_compressed: false };
      const read = (as: typeof plain, decoder = this.#decoder) =>
        readDataPageV2(page, { ...header, data_page_header_v2: as }, decoder);
      if (of.encoding === 'DELTA_BYTE_ARRAY')
        checkPrefixes(read({ ...plain, ...asLengths.page }, { ...this.#decoder, ...asLengths.column }));
      return { ...read(plain), encoding: of.encoding };
    }
    throw new Error(`pages of the type ${header.type} are unknown`);
  }

  #expanded(bytes: Uint8Array, size: number): Uint8Array {
    const page = this.#expand(bytes, size);
    if (page.length !== size) throw new Error(`a page has ${page.length} bytes, and should have ${size}`);
    return page;
  }
}

function decoderOf({ type, codec, path_in_schema: pathInSchema }: ColumnMetaData, schemaPath: SchemaTree[]) {
  const { element } = schemaPath.at(-1) as SchemaTree;
  if (element.type !== type)
    throw fault('corrupt_file', 'A column of the Parquet file has another type than its schema.');
  return { pathInSchema, type, codec, element, schemaPath, parsers, utf8: false };
}

/** Values of texts begin with the lengths that they have in common with the ones before, as numbers. */
const asLengths = { page: { encoding: 'DELTA_BINARY_PACKED' }, column: { type: 'INT32' } } as const;

/**
 * In memory of its own: the library goes by the length of values, and not by that of the page. What else is
 * in this memory must not come into records.
 */
const apart = (bytes: Uint8Array): Uint8Array =>
  bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new DataView(buffer, byteOffset, byteLength);
