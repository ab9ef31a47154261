import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { defineDataset } from '../../../domain/dataset.ts';
import { PermanentError } from '../../../domain/errors.ts';
import { decode } from '../../../domain/records/decoding/decode.ts';
import { EXCERPT_BYTES, MAX_RECORD_BYTES } from '../../../domain/records/decoding/record.ts';
import type { Source } from '../../../domain/records/decoding/source.ts';
import { readRecord, validate } from '../../../domain/records/validation.ts';
import type { CsvFormat } from '../../../domain/source-format.ts';
import { chunksOf } from './decoded.ts';

type Format = Omit<CsvFormat, 'format'>;

const BOM = '\uFEFF';
const cell = z.string().optional();

function letters(format: Format = {}, fields: readonly string[] = ['a', 'b', 'c']) {
  return defineDataset({
    name: 'letters',
    source: { prefix: 'letters/', format: 'csv', ...format },
    record: z.object(Object.fromEntries(fields.map((field) => [field, cell]))),
    transform: () => ({ id: 1 }),
    row: z.object({ id: z.int32() }),
    key: ['id'],
    partitionBy: [],
    onDelete: 'keep',
    onReject: 'keep',
  });
}

/** What came of decoding: of each record its fields, or the code and what is kept of it; and how it ended. */
interface Read {
  readonly records: readonly unknown[];
  readonly fault?: string;
}

async function read(dataset: ReturnType<typeof letters>, source: Source): Promise<Read> {
  const records: unknown[] = [];
  try {
    for await (const batch of decode(dataset, source)) {
      for (const record of batch) {
        const validated = validate(dataset, readRecord(record), records.length + 1);
        if ('value' in validated) records.push(fieldsOf(dataset, validated.value));
        else {
          const { code, json, excerpt } = validated.reject;
          records.push([code, json === undefined ? excerpt : JSON.parse(json)]);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { records, fault: error.code };
  }
  return { records };
}

/** The fields of a valid record, in the order of the schema, `null` for a missing one. */
function fieldsOf({ record }: ReturnType<typeof letters>, value: unknown) {
  const fields = value as Record<string, string>;
  return { fields: Object.keys((record as z.ZodObject).shape).map((name) => fields[name] ?? null) };
}

const readText = (text: string | Uint8Array, format: Format = {}, ...sizes: number[]) =>
  read(letters(format), chunksOf(Buffer.from(text), ...sizes));
const row = (...fields: (string | null)[]) => ({ fields });

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

const nasty: [string, string, readonly unknown[], string?][] = [
  [
    'commas, quotes and line endings in quotes',
    'a,b,c\n"1,2","say ""hi""","x\r\ny\nz\rw"\n',
    [row('1,2', 'say "hi"', 'x\r\ny\nz\rw')],
  ],
  ['nothing but quotes', 'a,b,c\n"","""",""""""\n', [row(null, '"', '""')]],
  ['CR LF', 'a,b,c\r\n1,2,3\r\n4,5,"6"\r\n', [row('1', '2', '3'), row('4', '5', '6')]],
  ['CR', 'a,b,c\r1,2,"3"\r4,5,6\r', [row('1', '2', '3'), row('4', '5', '6')]],
  [
    'all line endings in one file',
    'a,b,c\n1,2,3\r4,5,6\r\n"7",8,"9"\n"10",11,12\r\r\n\n13,14,15',
    [
      row('1', '2', '3'),
      row('4', '5', '6'),
      row('7', '8', '9'),
      row('10', '11', '12'),
      row('13', '14', '15'),
    ],
  ],
  ['a byte-order mark before a quote', `${BOM}"a",b,c\n1,2,3`, [row('1', '2', '3')]],
  [
    'byte-order marks that are text',
    `${BOM}a,b,c\n${BOM}1,"${BOM}",3\n${BOM}4,5,6`,
    [row(`${BOM}1`, BOM, '3'), row(`${BOM}4`, '5', '6')],
  ],
  ['a header in another order, with spaces and quotes', ' c ,"b", a\n3,2,1\n', [row('1', '2', '3')]],
  ['no ending after the last record', 'a,b,c\n1,2,', [row('1', '2', null)]],
  ['a quote at the very end', 'a,b,c\n1,2,"3"', [row('1', '2', '3')]],
  ['empty lines', '\n\r\na,b,c\n\n1,2,3\n\n\n4,5,6\n\n', [row('1', '2', '3'), row('4', '5', '6')]],
  ['empty fields', 'a,b,c\n,,\n"",, \n', [row(null, null, null), row(null, null, ' ')]],
  ['spaces around fields', 'a,b,c\n 1 ,"2" ,"3"  \n', [row(' 1 ', '2', '3')]],
  ['a space before a quote, which then is text', 'a,b,c\n1, "2",3\n', [row('1', ' "2"', '3')]],
  ['quotes within unquoted text', 'a,b,c\n5" x 7",o"",""""\n', [row('5" x 7"', 'o""', '"')]],
  ['text of many bytes a character', 'a,b,c\né,食譜,"👩‍🍳\u2028"\n', [row('é', '食譜', '👩‍🍳\u2028')]],
  ['formulas', 'a,b,c\n=1+1,@x,"-2,+3"\n', [row('=1+1', '@x', '-2,+3')]],
  [
    'rows of too few and too many fields',
    'a,b,c\n1,2\n1,2,3\n1,2,3,4\nx\n',
    [['ragged_row', '1,2'], row('1', '2', '3'), ['ragged_row', '1,2,3,4'], ['ragged_row', 'x']],
  ],
  [
    'a quote that ends too early',
    'a,b,c\n1,2,3\n"4"x,5,6\n7,8,9\n',
    [row('1', '2', '3'), ['malformed_csv', '"4"x,5,6'], row('7', '8', '9')],
  ],
  [
    'a quote that is not doubled, with quotes to follow',
    'a,b,c\n"say "hi"","2","3\n"4","5","6"\n',
    [['malformed_csv', '"say "hi"","2","3'], row('4', '5', '6')],
  ],
  [
    'an open quote that the next record closes',
    'a,b,c\n"1,2,3\n"4",5,6\n7,8,9\n',
    [['malformed_csv', '"1,2,3\n"4",5,6'], row('7', '8', '9')],
  ],
  ['an unclosed quote', 'a,b,c\n1,2,3\n4,"5,6\n7,8,9\n', [row('1', '2', '3')], 'unclosed_quote'],
  ['an unclosed quote at the very end', 'a,b,c\n1,2,3\n4,5,"', [row('1', '2', '3')], 'unclosed_quote'],
  ['a doubled quote at the very end', 'a,b,c\n1,2,"3""', [], 'unclosed_quote'],
  ['an unclosed quote in the header', 'a,b,"c\n1,2,3\n', [], 'unclosed_quote'],
  [
    'NUL bytes',
    'a,b,c\n1,2,3\n1,\0,3\n"\0",2,3\n4,5,6\n',
    [row('1', '2', '3'), ['nul_byte', '1,\0,3'], ['nul_byte', '"\0",2,3'], row('4', '5', '6')],
  ],
  ['a NUL byte in the header', 'a,b,c\0\n1,2,3\n', [], 'unreadable_header'],
  ['a misplaced quote in the header', '"a"a,b,c\n1,2,3\n', [], 'unreadable_header'],
  ['nothing but a header', 'a,b,c', []],
  ['nothing', '', [], 'empty_file'],
  ['a byte-order mark and blanks', `${BOM}\n  \r\n`, [], 'empty_file'],
  ['a column that lacks', 'a,b\n1,2\n', [], 'missing_column'],
  ['no header', '1,2,3\n4,5,6\n', [], 'missing_column'],
  ['another delimiter', 'a;b;c\n1;2;3\n', [], 'missing_column'],
  ['a column twice', 'a,b,c,b\n1,2,3,4\n', [], 'duplicate_column'],
  ['an additional column', 'a,b,c,d\n1,2,3,4\n', [], 'unknown_column'],
  ['a column without a name', 'a,b,c,\n1,2,3,\n', [], 'unknown_column'],
  ['an additional column called __proto__', 'a,b,c,__proto__\n1,2,3,4\n', [], 'unknown_column'],
];

describe('CSV', () => {
  it.each(nasty)('with %s is read as it is, however the bytes are cut', async (_, text, records, fault) => {
    const expected = { records, ...(fault !== undefined && { fault }) };
    expect(await readText(text)).toEqual(expected);
    const { length } = Buffer.from(text);
    for (let cut = 1; cut < length; cut += 1) {
      expect(await readText(text, {}, cut, length), `cut after byte ${cut}`).toEqual(expected);
    }
    if (length > 0) expect(await readText(text, {}, 1)).toEqual(expected);
  });

  it.each([
    [';', '"1;2";2,5;3'],
    ['\t', '"1\t2"\t2,5\t3'],
  ] as const)('is separated by %j where the dataset says so', async (delimiter, line) => {
    const text = `${['a', 'b', 'c'].join(delimiter)}\n${line}\n`;
    const expected = { records: [row(`1${delimiter}2`, '2,5', '3')] };
    for (let size = 1; size <= text.length; size += 1)
      expect(await readText(text, { delimiter }, size)).toEqual(expected);
  });

  it('keeps a row of empty fields between tabs', async () => {
    expect(await readText('a\tb\tc\n\t\t\n', { delimiter: '\t' })).toEqual({
      records: [row(null, null, null)],
    });
  });

  it('is latin-1 where the dataset says so, every byte of it', async () => {
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1).filter((byte) => byte !== 0x22));
    const text = Buffer.concat([
      Buffer.from('a,b,c\n"'),
      bytes,
      Buffer.from('",\xef\xbb\xbf,3\n\xff\xfe,,\n', 'latin1'),
    ]);
    const expected = { records: [row(bytes.toString('latin1'), 'ï»¿', '3'), row('ÿþ', null, null)] };
    for (const size of [1, 7, 1000])
      expect(await readText(text, { encoding: 'latin1' }, size)).toEqual(expected);
  });

  it('loses only those records that are not UTF-8', async () => {
    const bytes = Buffer.concat([
      Buffer.from('a,b,c\né,2,3\n'),
      Buffer.from('é,5,6\n7,ü,9\n', 'latin1'),
      Buffer.from('10,11,12'),
    ]);
    const records = [
      row('é', '2', '3'),
      ['invalid_utf8', '\ufffd,5,6'],
      ['invalid_utf8', '7,\ufffd,9'],
      row('10', '11', '12'),
    ];
    for (let cut = 1; cut < bytes.length; cut += 1)
      expect(await readText(bytes, {}, cut, bytes.length)).toEqual({ records });
  });

  it.each([
    ['little', (text: string) => Buffer.from(text, 'utf16le')],
    ['big', (text: string) => Buffer.from(text, 'utf16le').swap16()],
  ])(
    'is UTF-16 if its byte-order mark says so, %s-endian, and loses only records that are not text',
    async (_, encode) => {
      const bytes = encode(`${BOM}a,b,c\n👩‍🍳,2,é\n\ud83d,5,6\n7,x\udc69,9\n10,11,12`);
      const records = [
        row('👩‍🍳', '2', 'é'),
        ['invalid_utf8', '\ufffd\ufffd\ufffd,5,6'],
        ['invalid_utf8', '7,x\ufffd\ufffd\ufffd,9'],
        row('10', '11', '12'),
      ];
      for (const size of [1, 2, 3, 5, 1000]) expect(await readText(bytes, {}, size)).toEqual({ records });
      const odd = await readText(Buffer.concat([bytes, Buffer.from('x')]));
      expect(odd.records.at(-1)).toEqual(['invalid_utf8', '10,11,12\ufffd']);
    },
  );

  it('in UTF-16 without a byte-order mark is refused, with the reason', async () => {
    const bytes = Buffer.from('a,b,c\n1,2,3', 'utf16le');
    const reading = decode(letters(), chunksOf(bytes)).next();
    await expect(reading).rejects.toThrow('UTF-16 without a byte-order mark');
  });

  it('is windows-1252 where the dataset says so, every byte of it', async () => {
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1).filter((byte) => byte !== 0x22));
    const text = Buffer.concat([Buffer.from('a,b,c\n"'), bytes, Buffer.from('",\x80\x99,\n', 'latin1')]);
    const { records } = await readText(text, { encoding: 'windows-1252' }, 7);
    const [{ fields }] = records as [{ fields: string[] }];
    expect(fields.slice(1)).toEqual(['€™', null]);
    expect(fields[0]).toBe(new TextDecoder('windows-1252').decode(bytes));
    const ragged = await readText(Buffer.from('a,b,c\n\x80\n', 'latin1'), { encoding: 'windows-1252' });
    expect(ragged.records).toEqual([['ragged_row', '€']]);
  });

  it('without a header has the fields of the record as columns, in their order', async () => {
    expect(await readText('\n1,2,3\n4,5\n', { header: false })).toEqual({
      records: [row('1', '2', '3'), ['ragged_row', '4,5']],
    });
    expect(await readText('1,2,"3', { header: false })).toEqual({ records: [], fault: 'unclosed_quote' });
    for (const empty of ['', '\n\r\n', '#x\n'])
      expect(await readText(empty, { header: false, comment: '#' })).toEqual({
        records: [],
        fault: 'empty_file',
      });
  });

  it('has the texts for nothing that the dataset names, quoted or not', async () => {
    expect(await readText('a,b,c\nNA,"\\N",NAN\n', { nulls: ['NA', '\\N'] })).toEqual({
      records: [row(null, null, 'NAN')],
    });
  });

  it('skips comments, whatever they contain, wherever the bytes are cut', async () => {
    const text = '# "a,b\n#,"x\r\na,b,c\n1,#2,"\n#3"\n#"\n#\n4,5,6\r#7,8,9\r\n 10,11,12\n#,"';
    const records = [row('1', '#2', '\n#3'), row('4', '5', '6'), row(' 10', '11', '12')];
    for (let cut = 1; cut < text.length; cut += 1)
      expect(await readText(text, { comment: '#' }, cut, text.length)).toEqual({ records });
  });

  it('has no quotes where the dataset says so', async () => {
    expect(await readText('a|b|c\n"1|2"|3\n"|""|x"y\n', { delimiter: '|', quote: null })).toEqual({
      records: [row('"1', '2"', '3'), row('"', '""', 'x"y')],
    });
  });

  it.each([
    [{ delimiter: '||' }, 'the delimiter "||" must be one character of ASCII'],
    [{ delimiter: '\n' }, 'the delimiter "\\n" must be one character of ASCII, and no line ending'],
    [{ quote: '„' }, 'the quote "„" must be one character'],
    [{ comment: '' }, 'the comment "" must be one character'],
    [{ delimiter: '"' }, 'delimiter, quote and comment must differ'],
    [{ delimiter: '"', quote: null }, 'the delimiter can’t be a quotation mark'],
    [{ header: false, columns: 'exact' }, 'columns is a contract with the header, and header is false'],
  ] as const)('of an impossible format is refused when its dataset is declared: %o', (format, message) => {
    expect(() => letters(format)).toThrow(`Dataset "letters": ${message}`);
  });

  it('with any characters for delimiter, quote and comment gives back what was written', async () => {
    const characters = fc
      .shuffledSubarray([',', ';', '|', '\t', '\x01', '"', "'", '#', '%', 'q', ' '], {
        minLength: 3,
        maxLength: 3,
      })
      .filter(([delimiter]) => delimiter !== '"');
    const text = fc.string({
      unit: fc.constantFrom(',', ';', '|', '\t', '"', "'", '#', '\n', 'q', ' ', 'é', '€'),
    });
    const table = fc.array(fc.tuple(text, text, text), { maxLength: 6 });
    const encoding = fc.constantFrom('utf-8', 'windows-1252', 'utf-16');
    await fc.assert(
      fc.asyncProperty(
        characters,
        table,
        encoding,
        sizes,
        async ([delimiter = '', quote = '', comment = ''], rows, encoding, cuts) => {
          const line = (fields: readonly string[]) =>
            fields.map((field) => quote + field.replaceAll(quote, quote + quote) + quote).join(delimiter);
          const lines = [line(['a', 'b', 'c']), `${comment}${delimiter}${quote}`, ...rows.map(line)];
          const text = `${lines.join('\n')}\n`;
          const bytes = {
            'utf-8': () => Buffer.from(text),
            'windows-1252': () => Buffer.from(text.replaceAll('€', '\x80'), 'latin1'),
            'utf-16': () => Buffer.from(BOM + text, 'utf16le'),
          }[encoding]();
          const format = {
            delimiter,
            quote,
            comment,
            encoding: encoding === 'utf-16' ? 'utf-8' : encoding,
          } as const;
          const expected = rows.map((fields) => row(...fields.map((field) => field || null)));
          expect(await readText(bytes, format, ...cuts)).toEqual({ records: expected });
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
  ])('is found in %s', async (_, compress) => {
    const bytes = compress(Buffer.from(`${BOM}a,b,c\r\n1,"2",3\r\n`));
    for (const size of [1, 1000])
      expect(await readText(bytes, {}, size)).toEqual({ records: [row('1', '2', '3')] });
  });

  it('ignores additional columns if declared so, and treats missing optional columns as NULL', async () => {
    const text = 'x,c,__proto__,,constructor,\n1,2,3,4,5,6\n';
    expect(await readText(text, { columns: 'ignore-additional' })).toEqual({
      records: [row(null, null, '2')],
    });
    const twice = await readText('c,x,x,c\n1,2,3,4\n', { columns: 'ignore-additional' });
    expect(twice.fault).toBe('duplicate_column');
  });

  it('must have the required columns even if additional ones are ignored', async () => {
    const dataset = {
      ...letters({ columns: 'ignore-additional' }),
      record: z.object({ a: z.string(), b: cell }),
    };
    const decoding = decode(dataset, chunksOf(Buffer.from('b,x\n1,2\n'))).next();
    await expect(decoding).rejects.toThrow('Columns are missing in the header "b | x": "a".');
  });

  it('names the record with the unclosed quote, and shows the text that it swallows', async () => {
    const decoding = Array.fromAsync(
      decode(letters(), chunksOf(Buffer.from('a,b,c\n1,2,3\n4,"5,6\n7,8,9\n'))),
    );
    await expect(decoding).rejects.toThrow(/opens in record 2 .*: its 13 bytes, .*"4,\\"5,6\\n7,8,9\\n"/);
  });

  it('keeps the beginning of a record that is too large, and its neighbours', async () => {
    const huge = `"${'x'.repeat(MAX_RECORD_BYTES)}\n",2,3`;
    const largest = `"${'é'.repeat((MAX_RECORD_BYTES - 6) / 2)}",2,3`;
    expect(Buffer.byteLength(largest)).toBe(MAX_RECORD_BYTES);
    for (const size of [64 * 1024, 10 * 1024 * 1024]) {
      const { records } = await readText(`a,b,c\n1,2,3\n${huge}\n${largest}\n4,5,6\n`, {}, size);
      expect(records).toEqual([
        row('1', '2', '3'),
        ['record_too_large', huge.slice(0, EXCERPT_BYTES)],
        row('é'.repeat((MAX_RECORD_BYTES - 6) / 2), '2', '3'),
        row('4', '5', '6'),
      ]);
    }
  });

  it('continues after a field of 100 MB without holding it in memory', async () => {
    const megabyte = 1024 * 1024;
    const limit = 10 * megabyte;
    let held = 0;
    const source = async function* () {
      yield Buffer.from('a,b,c\n1,2,3\n"');
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < 100; i += 1) yield Buffer.allocUnsafeSlow(megabyte).fill('x,\n');
      // The engine frees what a collection has found in threads of its own, some time later.
      const end = Date.now() + 60_000;
      do {
        collectGarbage();
        await new Promise((resolve) => setTimeout(resolve, 10));
        held = process.memoryUsage().arrayBuffers - before;
      } while (held >= limit && Date.now() < end);
      yield Buffer.from('",5,6\n7,8,9\n');
    };
    const { records } = await read(letters(), source);
    expect(records.map((record) => (Array.isArray(record) ? record[0] : record))).toEqual([
      row('1', '2', '3'),
      'record_too_large',
      row('7', '8', '9'),
    ]);
    expect(held).toBeLessThan(limit);
  });

  const anyText = fc.string({
    unit: fc.constantFrom('a', '1', ' ', ',', '"', '\n', '\r', ';', '\t', 'é', '👩‍🍳', BOM),
    maxLength: 8,
  });

  /** A field as somebody may write it. */
  const written = fc.tuple(anyText, fc.boolean()).map(([text, quote]) => ({
    text,
    raw: quote || /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text,
  }));

  it('gives back what was written, with any line endings and however the bytes are cut', async () => {
    const table = fc.array(fc.tuple(written, written, written), { maxLength: 12 });
    const ending = fc.constantFrom('\n', '\r\n', '\r', '\n\n');
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.array(ending, { minLength: 1 }),
        fc.boolean(),
        sizes,
        async (rows, endings, mark, cuts) => {
          const lines = [
            `${mark ? BOM : ''}a,b,c`,
            ...rows.map((fields) => fields.map(({ raw }) => raw).join(',')),
          ];
          const text = lines.map((line, i) => line + (endings[i % endings.length] ?? '\n')).join('');
          const expected = rows.map((fields) => row(...fields.map((field) => field.text || null)));
          expect(await readText(text, {}, ...cuts)).toEqual({ records: expected });
        },
      ),
      { numRuns: 300 },
    );
  });

  const soup = fc.string({
    unit: fc.constantFrom('"', '"', ',', '\n', '\r', ' ', 'a', '\0', 'é', '\t'),
    maxLength: 40,
  });

  it('is read the same however the bytes are cut, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(soup, sizes, async (text, cuts) => {
        expect(await readText(`a,b,c\n${text}`, {}, ...cuts)).toEqual(await readText(`a,b,c\n${text}`));
      }),
      { numRuns: 1000 },
    );
  });

  it('has the same records as papaparse finds in the whole file, if papaparse finds no fault', async () => {
    const clean = fc.string({ unit: fc.constantFrom('"', '""', ',', ',', '\n', ' ', 'a'), maxLength: 40 });
    const isSound = (text: string) => Papa.parse(text, { delimiter: ',', newline: '\n' }).errors.length === 0;
    await fc.assert(
      fc.asyncProperty(clean.filter(isSound), sizes, async (text, cuts) => {
        const rows = Papa.parse<string[]>(text, {
          delimiter: ',',
          newline: '\n',
          skipEmptyLines: false,
        }).data;
        const { records, fault } = await readText(`a,b,c\n${text}`, {}, ...cuts);
        expect(fault).toBeUndefined();
        const whole = records.filter((record) => !Array.isArray(record));
        expect(whole).toEqual(
          rows
            .filter(({ length }) => length === 3)
            .map((fields) => row(...fields.map((field) => field || null))),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('passes on the error of a source that fails, so that it is retried', async () => {
    const source = async function* () {
      yield Buffer.from('a,b,c\n1,');
      throw new Error('connection reset');
    };
    await expect(read(letters(), source)).rejects.toThrow('connection reset');
  });
});

describe('a dataset that comes as CSV', () => {
  it('is refused when its record names no columns', () => {
    const { transform: _, ...declaration } = letters();
    const transform = () => ({ id: 1 });
    expect(() => defineDataset({ ...declaration, transform, record: z.array(z.string()) })).toThrow(
      'its record must be a z.object',
    );
  });

  it('is refused if CSV can’t hold a column of its row', () => {
    const row = z.object({ id: z.int32(), tags: z.array(z.string()) });
    const declaration = {
      ...letters(),
      row,
      transform: () => ({ id: 1, tags: [] }),
      key: ['id' as const],
      partitionBy: [],
      indexes: [],
      unknown: 'count' as const,
      unique: ['id' as const],
      processedAs: 'csv' as const,
    };
    expect(() => defineDataset(declaration)).toThrow('tags is a list');
  });
});
