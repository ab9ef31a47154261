import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Column } from '../../../domain/columns.ts';
import type { DataFile } from '../../../formats/iceberg/manifest/data-file.ts';
import { currentSchema } from '../../../formats/iceberg/metadata/metadata.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { deserialize, type SingleValue, serialize } from '../../../formats/iceberg/values/single-value.ts';
import {
  lowerBinaryBound,
  lowerTextBound,
  upperBinaryBound,
  upperTextBound,
} from '../../../formats/iceberg/values/truncate.ts';
import { tables } from '../any-table.ts';
import { checkFields } from './check-fields.ts';
import { TestTable } from './test-table.ts';

/** Of any length: without a size, fast-check makes short ones alone. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40, size: 'max' }),
  fc.string({
    unit: fc.constantFrom('a', '\u{10FFFF}', '\uD7FF', '\uFFFF', 'é', '😀'),
    maxLength: 24,
    size: 'max',
  }),
);

describe('a bound of a text', () => {
  it('is below it, or above it, in the order of code points, and has sixteen at most', () => {
    fc.assert(
      fc.property(text, text, (value, tail) => {
        const bytes = Buffer.from(value);
        const lower = lowerTextBound(bytes);
        const upper = upperTextBound(bytes);
        expect(Buffer.compare(lower, bytes)).toBeLessThanOrEqual(0);
        expect(Array.from(lower.toString()).length).toBeLessThanOrEqual(16);
        if (upper === undefined) {
          expect(Array.from(value).slice(0, 16)).toEqual(Array(16).fill('\u{10FFFF}'));
          return;
        }
        expect(Buffer.compare(upper, bytes)).toBeGreaterThanOrEqual(0);
        expect(Array.from(upper.toString()).length).toBeLessThanOrEqual(16);
        expect(Buffer.from(upper.toString())).toEqual(upper);
        const longer = Buffer.from(value + tail);
        if (Array.from(value).length > 16) expect(Buffer.compare(upper, longer)).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('is raised at the last code point that can be raised, and absent if there is none', () => {
    const upper = (value: string) => upperTextBound(Buffer.from(value))?.toString();
    expect(upper('a'.repeat(16))).toBe('a'.repeat(16));
    expect(upper('a'.repeat(17))).toBe(`${'a'.repeat(15)}b`);
    expect(upper(`${'a'.repeat(15)}\u{10FFFF}z`)).toBe(`${'a'.repeat(14)}b`);
    expect(upper(`${'a'.repeat(15)}\uD7FFz`)).toBe(`${'a'.repeat(15)}\uE000`);
    expect(upper('\u{10FFFF}'.repeat(17))).toBeUndefined();
  });

  it('holds for bytes as well', () => {
    const bytes = fc.uint8Array({ maxLength: 20, size: 'max' }).map((each) => Buffer.from(each));
    fc.assert(
      fc.property(bytes, (value) => {
        expect(Buffer.compare(lowerBinaryBound(value), value)).toBeLessThanOrEqual(0);
        const upper = upperBinaryBound(value);
        if (upper !== undefined) expect(Buffer.compare(upper, value)).toBeGreaterThanOrEqual(0);
      }),
    );
    expect(upperBinaryBound(Buffer.alloc(17, 0xff))).toBeUndefined();
  });
});

describe('a value of a bound', () => {
  it.each<[string, SingleValue, string]>([
    ['boolean', true, '01'],
    ['int', -2, 'feffffff'],
    ['date', 1, '01000000'],
    ['long', 2 ** 40, '0000000000010000'],
    ['timestamptz', -1, 'ffffffffffffffff'],
    ['long', 9223372036854775807n, 'ffffffffffffff7f'],
    ['float', 1, '0000803f'],
    ['double', -0, '0000000000000080'],
    ['string', 'é', 'c3a9'],
    ['binary', Buffer.of(1, 2), '0102'],
  ])('of type %s, %s, has the bytes of the specification', (type, value, hex) => {
    expect(serialize(type, value).toString('hex')).toBe(hex);
    expect(deserialize(type, serialize(type, value))).toEqual(value);
  });

  it('of before its column was widened is read, and NaN is refused', () => {
    expect(deserialize('long', serialize('int', -7))).toBe(-7);
    expect(deserialize('double', serialize('float', 0.5))).toBe(0.5);
    expect(() => serialize('double', Number.NaN)).toThrow(TypeError);
    expect(() => serialize('int', 'a')).toThrow(TypeError);
    expect(() => deserialize('int', Buffer.alloc(3))).toThrow('3 bytes');
  });
});

describe('the statistics of a file', () => {
  it('never exclude a row, whatever column a query is about, and count every value', async () => {
    await fc.assert(
      fc.asyncProperty(
        tables.filter(({ rows }) => rows.length > 0),
        async ({ columns, rows }) => {
          const table = new TestTable('s3://lake/t', { columns, partitionBy: [] });
          await table.commit({ added: [table.write(rows)] });
          const [file] = await liveFiles(table.metadata, table.read);
          expect(file?.recordCount).toBe(rows.length);
          checkFields(file as DataFile, currentSchema(table.metadata), columns, rows);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('never exclude a text that is longer than its bounds', async () => {
    const columns: Column[] = [{ name: 'text', type: { kind: 'string' }, nullable: true }];
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ text: fc.option(text) }), { minLength: 1 }), async (rows) => {
        const table = new TestTable('s3://lake/t', { columns, partitionBy: [] });
        checkFields(table.write(rows), currentSchema(table.metadata), columns, rows);
      }),
      { numRuns: 300 },
    );
  });
});
