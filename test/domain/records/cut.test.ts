import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { CsvRecord } from '../../../domain/records/decoding/csv/record.ts';
import { findCut, withoutCut } from '../../../domain/records/decoding/cut.ts';
import { decode, type InputRecord } from '../../../domain/records/decoding/decode.ts';
import type { Source } from '../../../domain/records/decoding/source.ts';
import { chunksOf } from './decoded.ts';

const json = { source: { prefix: 'a/', format: 'json' as const }, record: z.object({}) };
const csv = {
  source: { prefix: 'a/', format: 'csv' as const, columns: 'ignore-additional' as const },
  record: z.object({}),
};

async function textsOf(format: typeof json | typeof csv, open: Source): Promise<string[]> {
  const texts: string[] = [];
  for await (const batch of decode(format, open)) texts.push(...batch.map(textOf));
  return texts;
}

function textOf(record: InputRecord): string {
  if (!(record instanceof CsvRecord)) return record.bytes.toString('utf8').trim();
  const reading = record.read();
  return 'code' in reading ? (reading.json ?? '') : reading.json();
}

/** The content without a record, or why it can't be cut out. */
async function cutOut(format: typeof json | typeof csv, open: Source, number: number): Promise<string> {
  const found = await findCut(format, open, number);
  if ('reason' in found) return found.reason;
  const pieces: Buffer[] = [];
  for await (const piece of withoutCut(format, open, found)) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

const text = (content: string, ...sizes: number[]) => chunksOf(Buffer.from(content), ...sizes);

/** A value of JSON with what could mislead who looks for separators. */
const value = fc.oneof(
  fc.constantFrom('a,b', '[1]', '"', '\\', '}{', 'line\nend', 'é'),
  fc.integer(),
  fc.array(fc.constantFrom(',', ']'), { maxLength: 3 }),
);
const blank = fc.constantFrom('', ' ', '\n', '\t ');
const numbered = <Item>(items: fc.Arbitrary<Item>) =>
  fc
    .array(items, { minLength: 2, maxLength: 8 })
    .chain((all) => fc.tuple(fc.constant(all), fc.integer({ min: 1, max: all.length })));
const chunkSizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 });
const compression = fc.constantFrom(
  (bytes: Buffer) => bytes,
  (bytes: Buffer) => gzipSync(bytes),
  (bytes: Buffer) => zstdCompressSync(bytes),
);

describe('a record that is cut out of its object', () => {
  test('takes its comma with it, wherever it stands in an array', async () => {
    const array = '[ {"a":1} ,\n{"a":2},{"a":3}\n]\n';
    expect(await cutOut(json, text(array), 1)).toBe('[\n{"a":2},{"a":3}\n]\n');
    expect(await cutOut(json, text(array), 2)).toBe('[ {"a":1} ,{"a":3}\n]\n');
    expect(await cutOut(json, text(array), 3)).toBe('[ {"a":1} ,\n{"a":2}]\n');
  });

  test('takes its line with it, also the last line without a line ending', async () => {
    expect(await cutOut(json, text('{"a":1}\n\n{"a":2}\n{"a":3}'), 2)).toBe('{"a":1}\n{"a":3}');
    expect(await cutOut(json, text('{"a":1}\n{"a":2}'), 2)).toBe('{"a":1}\n');
    expect(await cutOut(csv, text('x,y\r\n1,"a\r\nb"\r\n2,c\r\n'), 1)).toBe('x,y\r\n2,c\r\n');
    expect(await cutOut(csv, text('x\n1\n2'), 2)).toBe('x\n1\n');
  });

  test.each([
    ['the only record', json, '[{"a":1}]', 1, 'only_record'],
    ['a record that does not exist', json, '{"a":1}\n{"a":2}\n', 3, 'no_such_record'],
    // Without its first line, the rest would be read as an array.
    ['a record that tells the format', json, '{"a":1}\n[2]\n[3]\n', 1, 'not_separable'],
  ])('is refused if it is %s', async (_, format, content, number, reason) => {
    expect(await cutOut(format, text(content), number)).toBe(reason);
  });

  test('is refused with the fault if the object can’t be read to its end', async () => {
    await expect(findCut(json, text('[{"a":1},{"a":2},{"a"'), 1)).rejects.toMatchObject({
      code: 'truncated',
    });
  });

  test('leaves every other record as it was, whatever format, compression and chunks', async () => {
    const lines = numbered(fc.tuple(value, blank)).map(([items, number]) => ({
      format: json,
      content: items.map(([a, space]) => `${JSON.stringify({ a })}${space}\n`).join(''),
      number,
    }));
    const array = numbered(fc.tuple(blank, value, blank)).map(([items, number]) => ({
      format: json,
      content: `[${items.map(([b, a, c]) => b + JSON.stringify({ a }) + c).join(',')}]`,
      number,
    }));
    const table = fc
      .tuple(
        numbered(
          fc.tuple(
            fc.constantFrom('k', '"k\n"'),
            fc.constantFrom('a', '"x,""y"', '"l\r\nm"', '', 'q"q', 'b '),
          ),
        ),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.boolean(),
        fc.constantFrom('', '\ufeff'),
      )
      .map(([[rows, number], newline, ends, mark]) => ({
        format: csv,
        content: `${mark}${[['x', '"y\nz"'], ...rows].map((row) => row.join()).join(newline)}${ends ? newline : ''}`,
        number,
      }));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(lines, array, table),
        chunkSizes,
        compression,
        async ({ format, content, number }, sizes, compress) => {
          const open = chunksOf(compress(Buffer.from(content)), ...sizes);
          const before = await textsOf(format, open);
          const found = await findCut(format, open, number);
          if ('reason' in found) throw new Error(`${found.reason} of ${JSON.stringify(content)}`);
          expect(found.records).toBe(before.length);
          const after = await textsOf(format, () => withoutCut(format, open, found));
          expect(after).toEqual(before.toSpliced(number - 1, 1));
        },
      ),
      { numRuns: 150 },
    );
  });
});
