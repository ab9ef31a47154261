import { gzipSync } from 'node:zlib';
import { JSONParser } from '@streamparser/json';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXCERPT_BYTES, MAX_RECORD_BYTES } from '../../../domain/records/decoding/record.ts';
import { chunksOf, decoded, decodedText } from './decoded.ts';

const BOM = '\uFEFF';

const jsonValue = fc.jsonValue({ maxDepth: 3 });
const whiteSpace = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const objects = fc.array(fc.dictionary(fc.string(), jsonValue, { maxKeys: 4 }), {
  minLength: 1,
  maxLength: 8,
});
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

/** A JSON array as people write it: with white space anywhere between its items. */
const arrays = fc
  .tuple(fc.array(fc.tuple(whiteSpace, jsonValue, whiteSpace), { maxLength: 8 }), whiteSpace, fc.nat(2))
  .map(([items, outer, indent]) => {
    const list = items.map(([before, value, after]) => before + JSON.stringify(value, null, indent) + after);
    return `${outer}[${list.join(',')}]${outer}`;
  });

/** The items of an array as another streaming parser finds them. */
function oracle(text: string): unknown[] {
  const parser = new JSONParser({ paths: ['$.*'], keepStack: false });
  const items: unknown[] = [];
  parser.onValue = ({ value }) => {
    items.push(structuredClone(value));
  };
  parser.write(text);
  return items;
}

describe('the decoder', () => {
  it('finds in any JSON array what another parser finds, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(arrays, sizes, async (text, cuts) => {
        const { records, fault } = await decodedText(text, ...cuts);
        expect(fault).toBeUndefined();
        expect(records.map((record) => JSON.parse(record))).toEqual(oracle(text));
      }),
    );
  });

  it('finds in any NDJSON each line that is not blank, however the bytes are cut', async () => {
    const ending = fc.constantFrom('\n', '\r\n', '\n\n', '\n \t\r\n');
    await fc.assert(
      fc.asyncProperty(objects, ending, fc.boolean(), sizes, async (values, end, ended, cuts) => {
        const text = values.map((value) => JSON.stringify(value)).join(end) + (ended ? end : '');
        const { records, fault } = await decodedText(text, ...cuts);
        expect(fault).toBeUndefined();
        expect(records.map((record) => JSON.parse(record))).toEqual(JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  it.each([
    ['an array', '[{"a":"\\"]},{\\\\"},2 , "x\\\\",[[]],"é👩‍🍳"]'],
    ['NDJSON', '{"a":"\\n"}\n\n{"b":"👩‍🍳"}\r\n{"c":1'],
    ['a byte-order mark and white space', `${BOM} \n\t[1,{}]\n`],
    ['white space before what looks like a byte-order mark', ` ${BOM}[1]`],
    ['one object over several lines', '{ \t\r\n"a":1}'],
    ['one object over several lines whose first one says something', '{"a":[\n{"b":"é"},\n{"c":2}]\n}'],
    ['a first line that breaks off within an array', '{"a":[\n{"b":"é"}\n{"c":2}\n'],
    ['malformed items', '[{"a":1],{"b":2}},nonsense,,{"c":3},]'],
    ['trailing content', '[1,2] 3'],
    ['an unclosed array', '[{"a":1},{"b":'],
    ['no JSON', 'title,ingredients\n'],
    ['nothing', ' \n '],
  ])('finds the same in %s at every cut', async (_, text) => {
    const whole = await decodedText(text);
    const bytes = Buffer.from(text);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      expect(await decoded(chunksOf(bytes, cut, bytes.length)), `cut after byte ${cut}`).toEqual(whole);
    }
    expect(await decoded(chunksOf(bytes, 1))).toEqual(whole);
  });

  it('finds every whole record of an array or NDJSON that is cut off at any byte', async () => {
    const items = ['{"a":"]\\""}', '{"b":[1,{}]}', '"é"', '7'];
    const array = Buffer.from(`[${items.join(',')}]`);
    const endsOf = (first: number) =>
      items.map((_, i) => first + Buffer.byteLength(items.slice(0, i + 1).join(',')));
    for (let length = 1; length < array.length; length += 1) {
      const { records, fault } = await decoded(chunksOf(array.subarray(0, length), 3, 2));
      const whole = endsOf(1).filter((end) => end < length).length;
      expect(records, `cut off after ${length} bytes`).toEqual(items.slice(0, whole));
      expect(fault).toBe('truncated');
    }
    const lines = Buffer.from('{"a":1}\n{"b":"é"}\n{"c":[]}\n');
    for (let length = 2; length < lines.length; length += 1) {
      const { records, fault } = await decoded(chunksOf(lines.subarray(0, length), 3, 2));
      expect(fault).toBeUndefined();
      const text = lines.subarray(0, length).toString('utf8').split('\n');
      expect(records).toEqual(text.filter((line) => line !== ''));
    }
  });

  it('fails only with a permanent error, whatever bytes it gets', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .string({ unit: fc.constantFrom(...'[]{}",:\\ \n1ae'), maxLength: 40 })
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 40 }).map((rest) => Buffer.from([0x1f, 0x8b, 0x08, ...rest])),
      fc.uint8Array({ maxLength: 40 }).map((rest) => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...rest])),
    );
    await fc.assert(
      fc.asyncProperty(bytes, sizes, async (input, cuts) => {
        expect(await decoded(chunksOf(input, ...cuts))).toEqual(await decoded(chunksOf(input)));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['[]', []],
    [' [ \n ] ', []],
    ['[1,,2]', ['1', '', '2']],
    ['[1,2,]', ['1', '2', '']],
    ['[,]', ['', '']],
    ['[{"a":1]},{"b":2}]', ['{"a":1]}', '{"b":2}']],
    ['[{"a":1}},{"b":2}]', ['{"a":1}}', '{"b":2}']],
    ['[{"a":1} nonsense,{"b":2}]', ['{"a":1} nonsense', '{"b":2}']],
    ['[{"a":1}\n{"b":2},{"c":3}]', ['{"a":1}\n{"b":2}', '{"c":3}']],
    ['{"a":1}\ngarbage\n{"b":2}', ['{"a":1}', 'garbage', '{"b":2}']],
    ['{"a":1}{"b":2}\n{"c":3}', ['{"a":1}{"b":2}', '{"c":3}']],
    ['{"a":[1,\n{"b":2}\n{"c":3}', ['{"a":[1,', '{"b":2}', '{"c":3}']],
    ['{"a":"x\n{"b":2}\n', ['{"a":"x', '{"b":2}']],
    ['{"a":1,\n{"b":2}\n', ['{"a":1,', '{"b":2}']],
    ['{"a":1},\n{"b":2},\n', ['{"a":1},', '{"b":2},']],
    ['{', ['{']],
    ['{"a":[1', ['{"a":[1']],
    ['{\n  "title": "one object"\n}', ['{\n  "title": "one object"\n}']],
    ['{\n  title: "no JSON"\n}\n{\n"a":1}', ['{\n  title: "no JSON"\n}', '{\n"a":1}']],
    ['{"a":[\n1]}\n{"a":[\n2]}\n', ['{"a":[\n1]}', '{"a":[\n2]}']],
    ['{"a":\n"}"}{"b":"\\"{"}\n{"c":1}', ['{"a":\n"}"}', '{"b":"\\"{"}', '{"c":1}']],
    ['{"a":\n1}\n nonsense }{ \n{"b":2}, {"c":', ['{"a":\n1}', 'nonsense }{', '{"b":2}', ', {"c":']],
    ['{"a":\n1}\n{"b":[', ['{"a":\n1}', '{"b":[']],
    ['{"features":[{"type":\n"Feature"}', ['{"features":[{"type":\n"Feature"}']],
  ])('finds the records next to garbage in %j', async (text, expected) => {
    expect(await decodedText(text)).toMatchObject({ records: expected, fault: undefined });
  });

  it.each([
    ['', 'empty_file'],
    [' \r\n\t ', 'empty_file'],
    [BOM, 'empty_file'],
    ['[', 'truncated'],
    ['title,ingredients', 'unknown_format'],
    ['"text"', 'unknown_format'],
    ['[1]\n[2]', 'trailing_content'],
  ])('says why %j can not be read', async (text, code) => {
    expect((await decodedText(text)).fault).toBe(code);
  });

  it('yields the records before any content that follows the array', async () => {
    expect(await decodedText('[1,2] and more')).toMatchObject({
      records: ['1', '2'],
      fault: 'trailing_content',
    });
  });

  it('reads objects over several lines, wherever they break', async () => {
    const object = fc
      .dictionary(fc.string(), jsonValue, { minKeys: 1, maxKeys: 4 })
      .map((value) => JSON.stringify(value));
    await fc.assert(
      fc.asyncProperty(
        object,
        fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
        sizes,
        async (text, breaks, cuts) => {
          const gaps = gapsOf(text);
          const places = new Set(breaks.map((place) => gaps[place % gaps.length] ?? 1));
          const broken = [...text]
            .map((character, i) => (places.has(i) ? `\n${character}` : character))
            .join('');
          for (const [whole, records] of [
            [text, [text]],
            [broken, [broken]],
            [`${broken}\n${text} ${broken}`, [broken, text, broken]],
          ] as const)
            expect(await decodedText(whole, ...cuts)).toMatchObject({ records, fault: undefined });
        },
      ),
    );
  });

  it('refuses one object over several lines that is larger than a record may be', async () => {
    const features = Array.from({ length: 40_000 }, (_, n) => `{"type":"Feature","properties":{"n":${n}}}`);
    const text = `{"type":"FeatureCollection","features":[\n${features.join(',\n')}\n]}`;
    expect(text.length).toBeGreaterThan(MAX_RECORD_BYTES);
    expect(await decodedText(text, 10_000)).toMatchObject({ records: [], fault: 'unknown_format' });
    expect(await decodedText(text)).toMatchObject({ records: [], fault: 'unknown_format' });
  });

  it('reads the list at a path of a document, and skips what is around it, wherever it is cut', async () => {
    const items = '[{"a":"]"},[2],"x"]';
    const found = ['{"a":"]"}', '[2]', '"x"'];
    for (const [text, path] of [
      [`{"features":${items}}`, 'features'],
      [` {"type":"features","more":{"features":[0]},"features" : ${items}, "bbox":[1,2]} `, 'features'],
      [
        `{"a":[{"data":{"items":[0]}}],"items":[1],"data":{"n":{"items":[2]},"items":${items}}}`,
        'data.items',
      ],
      [`{"data":7,"x":"\\"data\\":{","data":{"b":1},"data":{"items":${items}`, 'data.items'],
      [`{"d\\u00e9j\\u00e0":${items}}`, 'déjà'],
    ] as const) {
      const bytes = Buffer.from(text);
      for (const size of [1, 2, 7, bytes.length])
        expect(await decoded(chunksOf(bytes, size), path)).toMatchObject({
          records: found,
          fault: undefined,
        });
    }
  });

  it.each([
    ['[{"features":[1]}]', 'unknown_format', 'the object that has the list features'],
    ['{"features":{"a":[1]},"more":[1]}', 'unknown_format', 'has no list at "features"'],
    ['{"more":[{"features":[1]}]', 'truncated', 'before the list at "features" begins'],
    ['{"features":[1,{"a":2', 'truncated', 'within its array, after 1 whole records'],
  ])('says why %j has no list of records', async (text, fault, message) => {
    const result = await decoded(chunksOf(Buffer.from(text)), 'features');
    expect(result).toMatchObject({ fault, message: expect.stringContaining(message) });
  });

  it.each([
    ['Parquet', Buffer.from('PAR1\x15\x04\x15')],
    ['a zip archive in another or in a compressed file', gzipSync('PK\x03\x04\x14\0')],
    ['compressed twice, with bzip2 within', gzipSync('BZh91AY&SYx')],
    ['Avro', gzipSync('Obj\x01\x04')],
  ])('names a file that is plainly %s, wherever it is cut', async (name, bytes) => {
    for (const size of [1, 3, 100]) {
      const { fault, message } = await decoded(chunksOf(bytes, size));
      expect(fault).toBe('unknown_format');
      expect(message).toContain(`The file is ${name}, not what the dataset declares. `);
    }
  });

  it.each([[[0xef, 0xbb]], [[0xff]]])(
    'takes what only begins a byte-order mark for content: %j',
    async (bytes) => {
      for (const size of [1, 2])
        expect(await decoded(chunksOf(Buffer.from(bytes), size))).toMatchObject({ fault: 'unknown_format' });
    },
  );

  it('reads UTF-16 by its byte-order mark', async () => {
    const little = Buffer.from(`${BOM}[{"a":"👩‍🍳"},2]`, 'utf16le');
    for (const bytes of [little, Buffer.from(little).swap16()]) {
      const { records, fault } = await decoded(chunksOf(bytes, 1));
      expect(fault).toBeUndefined();
      expect(records).toEqual(['{"a":"👩‍🍳"}', '2']);
    }
  });

  it('finds an item that is nested 100,000 levels deep, and the next one', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const { records } = await decodedText(`[${deep},{"b":2}]`, 4096);
    expect(records.map((record) => record.length)).toEqual([200_000, 7]);
  });

  it.each([
    ['an array', '[', ',', ']'],
    ['NDJSON', '', '\n', '\n'],
  ])(
    'keeps the neighbours of a record that is too large in %s, and of itself the beginning',
    async (_, open, between, close) => {
      const tooLarge = `{"a":"${'x'.repeat(MAX_RECORD_BYTES)}"}`;
      const largest = `{"a":"${'y'.repeat(MAX_RECORD_BYTES - 8)}"}`;
      const text = open + ['{"n":1}', tooLarge, largest, '{"n":2}'].join(between) + close;
      const { records, lengths, fault } = await decodedText(text, 100_000);
      expect(fault).toBeUndefined();
      expect(lengths).toEqual([7, MAX_RECORD_BYTES + 8, MAX_RECORD_BYTES, 7]);
      expect(records.map((record) => record.length)).toEqual([7, EXCERPT_BYTES, MAX_RECORD_BYTES, 7]);
    },
  );

  it.each([
    ['an array', '[', ']'],
    ['NDJSON', '{}\n', '\n'],
  ])('counts a record after more white space than a record may have in %s', async (_, open, close) => {
    const { lengths } = await decodedText(`${open}${' '.repeat(MAX_RECORD_BYTES)}{}${close}`);
    expect(lengths.at(-1)).toBe(MAX_RECORD_BYTES + 2);
  });

  it('closes its source when it gives up', async () => {
    let closed = false;
    const source = async function* () {
      try {
        while (true) yield Buffer.from('no JSON');
      } finally {
        closed = true;
      }
    };
    expect((await decoded(source)).fault).toBe('unknown_format');
    expect(closed).toBe(true);
  });

  it('passes on the error of a source that fails, so that it is retried', async () => {
    const source = async function* () {
      yield Buffer.from('[1,');
      throw new Error('connection reset');
    };
    await expect(decoded(source)).rejects.toThrow('connection reset');
  });
});

/** Where white space may stand in an object without any: as indexes of its characters. */
function gapsOf(text: string): number[] {
  let inString = false;
  let isEscaped = false;
  const gaps: number[] = [];
  [...text].forEach((character, i) => {
    if (!inString && /[{}[\]:,"]/.test(character) && i > 0) gaps.push(i);
    if (character === '"' && !isEscaped) inString = !inString;
    isEscaped = inString && character === '\\' && !isEscaped;
  });
  return gaps;
}
