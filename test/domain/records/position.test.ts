import { readFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Batch, readerOf, split } from '../../../domain/records/decoding/decode.ts';
import { countOf, type Position, position } from '../../../domain/records/decoding/position.ts';
import { type Source, sourceOfBytes } from '../../../domain/records/decoding/source.ts';
import { rangeOf, recordsInRange } from '../../../domain/records/record-range.ts';
import { readRecord } from '../../../domain/records/validation.ts';
import type { SourceFormat } from '../../../domain/source-format.ts';
import { chunksOf } from './decoded.ts';

const optional = z.string().optional();
const letters = z.object({ a: optional, b: optional });
const names = z.object({ id: optional, name: optional });
const formatOf = (source: SourceFormat, record: z.ZodObject = letters) => ({
  source: { prefix: '', ...source },
  record,
});

const textOf = (each: Parameters<typeof readRecord>[0]) => {
  const reading = readRecord(each);
  return 'code' in reading ? reading : [reading.json(), reading.isPlain];
};

/** The records from a position on, each with its own, and how the object ended. */
async function cutFrom(source: SourceFormat, open: Source, from?: Position, record: z.ZodObject = letters) {
  const format = formatOf(source, record);
  const records: { readonly at: Position; readonly text: unknown }[] = [];
  const batches: Batch[] = [];
  try {
    for await (const batch of split(format, open, from, 7)) {
      batches.push(batch);
      const texts = readerOf(format, batch.header)(batch.pieces).map(textOf);
      texts.forEach((each, i) => {
        records.push({ at: { ...batch.at, skip: batch.at.skip + i }, text: each });
      });
    }
  } catch (error) {
    return { records, batches, fault: String(error) };
  }
  return { records, batches, fault: undefined };
}

/** As it is stored in between. */
const stored = (at: Position) => position.parse(JSON.parse(JSON.stringify(at)));

const tokens = ['"', '""', ',', '\n', '\r\n', '\r', ' ', 'x', 'é', '{"a":"1"}', '{', '}', '[', ']', '1', '#'];
const anyText = fc.array(fc.constantFrom(...tokens), { maxLength: 60 }).map((all) => all.join(''));

const formats: readonly (readonly [name: string, SourceFormat, beginning: string])[] = [
  ['CSV', { format: 'csv' }, 'a,b\n'],
  ['CSV with comments and no header', { format: 'csv', header: false, comment: '#' }, ''],
  ['CSV in latin1', { format: 'csv', encoding: 'latin1', quote: null }, '\n\na,b\r\n'],
  ['JSON, an object a line', { format: 'json' }, ' \n{"a":"0"}\n'],
  ['JSON, an array', { format: 'json' }, '\n [{"a":"0"},'],
  ['JSON, objects over several lines', { format: 'json' }, '{\n"a":"0"}\n'],
  ['a list in a document', { format: 'json', list: 'x.y' }, '{"n":[1],"x":{"y":[{"a":"0"},'],
];

const packings: readonly (readonly [name: string, pack: (content: Buffer) => Buffer])[] = [
  ['as it is', (content) => content],
  ['with a byte-order mark', (content) => Buffer.concat([Buffer.from('\ufeff'), content])],
  ['in UTF-16', (content) => Buffer.from(`\ufeff${content}`, 'utf16le')],
  ['in gzip', (content) => gzipSync(content)],
  ['in zstd', (content) => zstdCompressSync(content)],
  ['in gzip that breaks off', (content) => gzipSync(content).subarray(0, -9)],
];

describe.each(formats)('an object of %s', (_, source, beginning) => {
  it.each(packings)('has the same records and the same end from any record on, %s', async (_, pack) => {
    await fc.assert(
      fc.asyncProperty(anyText, fc.integer({ min: 1, max: 9 }), fc.nat(), async (rest, size, seed) => {
        const open = chunksOf(pack(Buffer.from(beginning + rest)), size);
        const whole = await cutFrom(source, open);
        if (whole.records.length === 0) return;
        const from = seed % whole.records.length;
        const at = stored(whole.records[from]?.at as Position);
        const again = await cutFrom(source, open, at);
        // Each record has the same position, so that whoever goes on makes the same parts.
        expect(again.records).toEqual(whole.records.slice(from));
        expect(again.fault).toBe(whole.fault);
      }),
      { numRuns: 60 },
    );
  });

  it('has the records of any range again, when only that range is read', async () => {
    const property = fc.asyncProperty(anyText, fc.nat(), fc.nat(), async (rest, one, other) => {
      const bytes = Buffer.from(beginning + rest);
      const { batches } = await cutFrom(source, chunksOf(bytes, 5));
      if (batches.length === 0) return;
      const [first, last] = [one % batches.length, other % batches.length].toSorted((a, b) => a - b);
      const taken = batches.slice(first, (last as number) + 1);
      const records = taken.reduce((sum, { pieces }) => sum + countOf(pieces), 0);
      if (records === 0) return;
      const [from, to] = [taken[0] as Batch, taken.at(-1) as Batch];
      const range = rangeOf(formatOf(source), from, 0, to, records);
      const read = readerOf(formatOf(source), from.header);
      const found: unknown[] = [];
      for await (const pieces of recordsInRange(formatOf(source), chunksOf(bytes, 3), range))
        found.push(...read(pieces).map(textOf));
      expect(found).toEqual(taken.flatMap(({ pieces }) => read(pieces).map(textOf)));
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

describe('an object of several files or row groups', () => {
  const fixture = (path: string) => readFileSync(new URL(`formats/fixtures/${path}`, import.meta.url));

  it.each<[string, SourceFormat, Buffer]>([
    ['a zip archive', { format: 'csv' }, fixture('zip/python-streamed.zip')],
    ['Parquet', { format: 'parquet' }, fixture('parquet/small-pages-gzip.parquet')],
    ['Avro', { format: 'avro' }, fixture('avro/deflate.avro')],
  ])('has the same records from any record on: %s', async (_, source, bytes) => {
    const open = chunksOf(bytes, 1000);
    const whole = await cutFrom(source, open, undefined, names);
    expect(whole).toMatchObject({ fault: undefined });
    expect(whole.records.length).toBeGreaterThan(30);
    for (let from = 0; from < whole.records.length; from += 1) {
      const again = await cutFrom(source, open, stored(whole.records[from]?.at as Position), names);
      expect(JSON.stringify(again.records)).toBe(JSON.stringify(whole.records.slice(from)));
    }
  });
});

it('a range at the beginning is cut like the object, however much white space comes first', async () => {
  const format = formatOf({ format: 'json' });
  const MiB = 2 ** 20;
  // Only the long line tells that the ones before it are no object over several lines.
  const lines = ['{"a":"0",', ...Array.from({ length: 20 }, () => '"a":"1",'), `}${'x'.repeat(MiB)}`, ''];
  const bytes = Buffer.from(' '.repeat(3 * MiB) + lines.join('\n'));
  const first = await split(format, sourceOfBytes(bytes)).next();
  const batch: Batch = first.value ?? expect.fail('There is no batch.');
  expect(countOf(batch.pieces)).toBe(21);
  const range = rangeOf(format, batch, 10, batch, 11);
  let found = 0;
  for await (const pieces of recordsInRange(format, sourceOfBytes(bytes), range)) found += countOf(pieces);
  expect(found).toBe(11);
});
