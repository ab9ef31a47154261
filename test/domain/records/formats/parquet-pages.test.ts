import type { SchemaElement } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { Budget, ColumnReader } from '../../../../domain/records/decoding/parquet/column.ts';
import { checkRuns } from '../../../../domain/records/decoding/parquet/runs.ts';
import { sourceOfBytes } from '../../../../domain/records/decoding/source.ts';

const PLAIN = 0;
const DELTA_BYTE_ARRAY = 7;
const RLE_DICTIONARY = 8;

describe('A column of Parquet', () => {
  it('takes a row for whole when the next page can no longer go on with it', async () => {
    // The lists [1, 2, 3, 4] and [5]: the first one goes on in the second page.
    const pages = [listsOf([0, 1], [1, 2]), listsOf([1, 1, 0], [3, 4, 5])];
    const item = { name: 'element', type: 'INT32', repetition_type: 'REQUIRED' } as const;
    const list = { name: 'list', repetition_type: 'REPEATED' } as const;
    const group = { name: 'a', repetition_type: 'OPTIONAL', converted_type: 'LIST' } as const;
    const column = columnOf(pages, 5, group, list, item);
    await column.read();
    expect(column.isAtEnd).toBe(true);
    expect(column.length).toBe(2);
    expect(column.take(2)).toEqual([[[1, 2, 3, 4]], [[5]]]);
    const old = columnOf(pages, 5, { ...item, repetition_type: 'REPEATED' });
    await expect(old.read()).rejects.toMatchObject({ code: 'unsupported_layout' });
  });

  const text = { name: 'a', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' } as const;

  it('has no bytes from behind a page, though a value says that it goes on', async () => {
    const value = (length: number) => [Buffer.from([length, 0, 0, 0]), Buffer.from('abc')];
    const whole = columnOf([pageOf(1, PLAIN, value(3))], 1, text);
    await whole.read();
    expect(whole.take(1)).toEqual([Uint8Array.from(Buffer.from('abc'))]);
    await expect(columnOf([pageOf(1, PLAIN, value(20))], 1, text).read()).rejects.toMatchObject({
      code: 'corrupt_file',
    });
  });

  it('is refused when its texts repeat one another at length, whatever count they say they have', async () => {
    // 400 lengths, each 1000 more than the one before, with the count of 1; and then as many of 0.
    const start = [0x80, 1, 4, 1, 0];
    const lengths = [...start, ...Array.from({ length: 4 }, () => [0xd0, 0x0f, 0, 0, 0, 0]).flat()];
    const none = [...start, ...Array.from({ length: 4 }, () => [0, 0, 0, 0, 0]).flat()];
    const page = pageOf(400, DELTA_BYTE_ARRAY, [Buffer.from(lengths), Buffer.from(none)]);
    await expect(columnOf([page], 400, text).read()).rejects.toMatchObject({ code: 'unsupported_layout' });
  });

  it.each([
    // A run of two thousand million levels, one of values of a dictionary, and what both are within.
    ['levels', [6, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 'PLAIN', { repetition: 0, definition: 1 }],
    ['indices', [1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 'RLE_DICTIONARY', { repetition: 0, definition: 0 }],
    ['groups', [1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], 'RLE_DICTIONARY', { repetition: 0, definition: 0 }],
    ['booleans', [6, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 'RLE', { repetition: 0, definition: 0 }],
  ] as const)('is refused when runs of its %s would fill the memory', (_, bytes, encoding, levels) => {
    const type = encoding === 'RLE' ? 'BOOLEAN' : 'INT32';
    expect(() => checkRuns(Uint8Array.from(bytes), 10, levels, encoding, type)).toThrow('more values than');
  });

  it('has a dictionary of numbers in the memory of its bytes', async () => {
    // 3600 bytes, and as many of the page as it was read, of 10,000.
    const dictionary = dictionaryOf(Float64Array.from({ length: 450 }, (_, i) => i / 8));
    const page = pageOf(1, RLE_DICTIONARY, [Buffer.from([9, 2, 0xc1, 1])]);
    const number = { name: 'a', type: 'DOUBLE', repetition_type: 'REQUIRED' } as const;
    const column = columnOf([dictionary, page], 1, number);
    await column.read();
    expect(column.take(1)).toEqual([449 / 8]);
  });

  it('is read by less at once, the more columns there are', () => {
    const windows = [1, 32, 128, 10_000].map((columns) => new Budget(100, columns).window / 1024);
    expect(windows).toEqual([1024, 512, 128, 64]);
  });

  it('is refused when its pages would fill the memory', async () => {
    const budget = new Budget(100, 1);
    budget.change(90);
    budget.change(-50);
    budget.change(60);
    expect(() => budget.change(1)).toThrow(expect.objectContaining({ code: 'unsupported_layout' }));
  });
});

function columnOf(pages: readonly Buffer[], values: number, ...elements: SchemaElement[]): ColumnReader {
  const file = Buffer.concat([Buffer.from('PAR1'), ...pages]);
  const path = [{ name: 'root' }, ...elements].map((element) => ({
    element,
    children: [],
    count: 1,
    path: [],
  }));
  const leaf = {
    type: elements.at(-1)?.type,
    path_in_schema: elements.map(({ name }) => name),
    codec: 'UNCOMPRESSED',
    num_values: BigInt(values),
    total_compressed_size: BigInt(file.length - 4),
    data_page_offset: 4n,
  };
  return new ColumnReader(leaf as never, path, sourceOfBytes(file), new Budget(10_000, 1));
}

/** A page of lists, with repetition levels and values of 32 bits; none of them is empty. */
function listsOf(levels: readonly number[], values: readonly number[]): Buffer {
  const packed = levels.reduce((sum, bit, i) => sum | (bit << i), 0);
  return pageOf(values.length, PLAIN, [
    Buffer.from([2, 0, 0, 0, 3, packed]),
    // One run of the highest definition level.
    Buffer.from([2, 0, 0, 0, values.length * 2, 2]),
    Buffer.from(Int32Array.from(values).buffer),
  ]);
}

function pageOf(values: number, encoding: number, pieces: readonly Buffer[]): Buffer {
  const of = [0x2c, 0x15, ...zigzag(values), 0x15, ...zigzag(encoding), 0x15, 6, 0x15, 6, 0];
  return withHeader(0, of, Buffer.concat(pieces));
}

function dictionaryOf({ length, buffer }: Float64Array<ArrayBuffer>): Buffer {
  return withHeader(2, [0x4c, 0x15, ...zigzag(length), 0x15, ...zigzag(PLAIN), 0], Buffer.from(buffer));
}

/** Thrift's compact protocol: fields 1 to 3, and one with some of its own. */
function withHeader(type: number, of: readonly number[], content: Buffer): Buffer {
  const size = zigzag(content.length);
  return Buffer.concat([
    Buffer.from([0x15, ...zigzag(type), 0x15, ...size, 0x15, ...size, ...of, 0]),
    content,
  ]);
}

const zigzag = (number: number) => (number < 64 ? [number * 2] : [((number * 2) & 0x7f) | 0x80, number >> 6]);
