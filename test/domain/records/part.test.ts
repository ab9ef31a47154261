import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Dataset, defineDataset } from '../../../domain/dataset.ts';
import { text } from '../../../domain/fields.ts';
import { type Batch, decode, readerOf, split } from '../../../domain/records/decoding/decode.ts';
import { MAX_RECORD_BYTES, recordsIn, startIn } from '../../../domain/records/decoding/record.ts';
import type { Source } from '../../../domain/records/decoding/source.ts';
import { type Part, PartBuilder, type PartHeader, readPart } from '../../../domain/records/part.ts';
import { readRecord } from '../../../domain/records/validation.ts';
import type { SourceFormat } from '../../../domain/source-format.ts';
import { chunksOf } from './decoded.ts';

const address = { bucket: 'temp', key: 'letters/a/v/part-00000.zst' };
const header: PartHeader = {
  dataset: 'letters',
  key: 'letters/a',
  versionId: 'v',
  sequencer: '01',
  part: 0,
  first: 1,
  codeVersion: 'c',
};

const letters = (format: SourceFormat): Dataset =>
  defineDataset({
    name: 'letters',
    source: { prefix: 'letters/', ...format },
    record: z.object({ a: text(), b: z.string().optional() }),
    transform: ({ a }) => ({ a }),
    row: z.object({ a: z.string() }),
    key: ['a'],
    partitionBy: [],
    onDelete: 'keep',
    onReject: 'keep',
  });

/** Cuts an object into parts of so many records. */
async function partsOf(dataset: Dataset, open: Source, most: number): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  let part = new PartBuilder();
  const end = () => {
    if (part.records > 0) parts.push(part.finish());
    part = new PartBuilder();
  };
  const take = ({ header: columns, pieces }: Batch) => {
    for (const piece of pieces)
      for (let i = 0; i < recordsIn(piece); i += 1) {
        if (part.records === 0) part.begin({ ...header, ...(columns && { columns: [...columns] }) });
        if ('ends' in piece) part.add(piece.bytes, startIn(piece, i), piece.ends[i] ?? 0);
        else part.addRecord(piece);
        if (part.records === most) end();
      }
  };
  try {
    for await (const batch of split(dataset, open)) take(batch);
  } catch {
    // A fault of the object, after its last whole record.
  }
  end();
  return parts;
}

function textsIn(dataset: Dataset, bytes: Buffer): unknown[] {
  const part = readPart(bytes, address) as Part;
  const read = readerOf(dataset, part.header.columns);
  const texts = [...part.batches].flatMap((pieces) => read(pieces).map(textOf));
  expect(texts).toHaveLength(part.records);
  return texts;
}

function textOf(record: Parameters<typeof readRecord>[0]): unknown {
  const reading = readRecord(record);
  return 'code' in reading ? reading : [reading.value, reading.json(), reading.isPlain];
}

async function decoded(dataset: Dataset, open: Source): Promise<unknown[]> {
  const texts: unknown[] = [];
  try {
    for await (const batch of decode(dataset, open)) texts.push(...batch.map(textOf));
  } catch {
    // As above.
  }
  return texts;
}

const pieces = [
  '"',
  '""',
  ',',
  '\n',
  '\r\n',
  '\r',
  ' ',
  'x',
  'é',
  '{"a":"1"}',
  '{',
  '}',
  '[',
  ']',
  '1',
  '\0',
];
const anyText = fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((all) => all.join(''));
const anyBytes = fc
  .tuple(anyText, fc.option(fc.uint8Array({ maxLength: 3 }), { nil: new Uint8Array() }), anyText)
  .map(([before, odd, after]) => Buffer.concat([Buffer.from(before), odd, Buffer.from(after)]));

describe.each<[string, SourceFormat, string]>([
  ['CSV', { format: 'csv' }, 'a,b\n'],
  ['CSV without a header', { format: 'csv', header: false }, ''],
  ['CSV in latin1', { format: 'csv', encoding: 'latin1', quote: null }, 'a,b\r\n'],
  ['JSON, an object a line', { format: 'json' }, '{"a":"0"}\n'],
  ['JSON, an array', { format: 'json' }, '['],
  ['JSON, objects over several lines', { format: 'json' }, '{\n"a":"0"}\n'],
])('the parts of an object of %s', (_, format, beginning) => {
  it('have its records, whatever is in them and wherever they are cut', async () => {
    const dataset = letters(format);
    await fc.assert(
      fc.asyncProperty(
        anyBytes,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 5 }),
        async (bytes, size, most) => {
          const content = Buffer.concat([Buffer.from(beginning), bytes]);
          const parts = await partsOf(dataset, chunksOf(content, size), most);
          const records = parts.flatMap((part) => textsIn(dataset, part));
          expect(records).toEqual(await decoded(dataset, chunksOf(content)));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are the same however its bytes come in', async () => {
    const dataset = letters(format);
    await fc.assert(
      fc.asyncProperty(anyBytes, fc.integer({ min: 1, max: 9 }), async (bytes, size) => {
        const content = Buffer.concat([Buffer.from(beginning), bytes]);
        const whole = await partsOf(dataset, chunksOf(content), 3);
        expect(await partsOf(dataset, chunksOf(content, size), 3)).toEqual(whole);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a part', () => {
  const large = 'x'.repeat(MAX_RECORD_BYTES);

  it.each<[string, SourceFormat, string]>([
    ['CSV', { format: 'csv' }, `a,b\n1,2\n${large},2\n"${large}",3\n4,5\n`],
    ['JSON', { format: 'json' }, `{"a":"1"}\n{"a":"${large}"}\n{"a":"2"}\n`],
  ])('has only the beginning of a record of %s that is too large', async (_, format, content) => {
    const dataset = letters(format);
    const [part = Buffer.alloc(0), ...others] = await partsOf(dataset, chunksOf(Buffer.from(content)), 9);
    expect(others).toEqual([]);
    expect(part.length).toBeLessThan(4000);
    expect(textsIn(dataset, part)).toEqual(await decoded(dataset, chunksOf(Buffer.from(content))));
  });

  const small = () => {
    const part = new PartBuilder();
    part.begin(header);
    part.add(Buffer.from('{"a":"1"}'), 0, 9);
    return part.finish().toString();
  };

  it('is text: its header, its records, and how many bytes each of them has', () => {
    expect(small()).toBe(`${JSON.stringify(header)}\n{"a":"1"}\n[9]\n`);
  });

  it.each([
    ['a record more than its index', () => small().replace('\n[', '\n{"a":"2"}\n[')],
    ['a record less than its index', () => small().replace('[9]', '[9,9]')],
    ['an index of other lengths', () => small().replace('[9]', '[8]')],
    ['no index', () => small().replace('[9]\n', '')],
    [
      'the lines of older code',
      () => '{"dataset":"d","key":"k","versionId":"v","sequencer":"1","part":0}\n[1,{}]\n',
    ],
  ])('with %s is unreadable, so that its version is reprocessed', (_, written) => {
    expect(() => readPart(Buffer.from(written()), address)).toThrow(/part-00000.zst can’t be read: /);
  });

  it.each(['', '\n', 'no part', '{"dataset":"d"}\n'])(
    'is none that the extraction did not write: %j',
    (content) => {
      expect(readPart(Buffer.from(content), address)).toBeUndefined();
    },
  );
});
