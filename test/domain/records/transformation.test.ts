import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { type Dataset, defineDataset, filtered } from '../../../domain/dataset.ts';
import { double, flag, int32, text } from '../../../domain/fields.ts';
import { transformRecord } from '../../../domain/records/transformation.ts';

const reading = { sensor: 'a', celsius: 20 };
const origin = { key: 'readings/1.json', recordNumber: 7 };

function readings(transform: (record: typeof reading) => unknown): Dataset {
  return defineDataset({
    name: 'readings',
    source: { prefix: 'readings/', format: 'json' },
    record: z.object({ sensor: z.string(), celsius: z.number() }),
    transform: transform as never,
    row: z.object({ sensor: z.string(), celsius: z.int32() }),
    key: ['sensor'],
    partitionBy: [],
    onDelete: 'keep',
    onReject: 'keep',
  });
}

describe('a valid record', () => {
  test('becomes the row that its transform makes', () => {
    expect(
      transformRecord(
        readings((record) => record),
        reading,
        origin,
      ),
    ).toEqual({ row: reading });
  });

  test('is filtered under the reason that its transform names', () => {
    const cold = readings(({ celsius }) => (celsius < 30 ? filtered('too cold') : reading));
    expect(transformRecord(cold, reading, origin)).toEqual({ filtered: 'too cold' });
  });

  test('is rejected, with itself, when its transform throws', () => {
    const broken = readings(() => {
      throw new Error('division by cucumber');
    });
    expect(transformRecord(broken, reading, origin)).toEqual({
      reject: {
        recordNumber: 7,
        path: '',
        code: 'transform_failed',
        message: 'The readings transform failed: division by cucumber',
        json: JSON.stringify(reading),
      },
    });
  });

  test.each([
    ['a fraction where the row has a whole number', { sensor: 'a', celsius: 20.5 }, 'celsius'],
    ['a number that the column can’t hold', { sensor: 'a', celsius: 2 ** 31 }, 'celsius'],
    ['a missing column', { celsius: 20 }, 'sensor'],
    ['a text in the place of a number', { sensor: 'a', celsius: '20' }, 'celsius'],
  ])('is rejected when its row has %s', (_, row, path) => {
    expect(
      transformRecord(
        readings(() => row),
        reading,
        origin,
      ),
    ).toEqual({
      reject: {
        recordNumber: 7,
        path,
        code: 'invalid_row',
        message: expect.any(String),
        json: JSON.stringify(reading),
      },
    });
  });
});

test('a row gets the defaults of its schema for fields that its transform leaves out', () => {
  const defaults = {
    ...readings((record) => record),
    row: z.object({
      sensor: z.string().readonly(),
      unit: z.string().default('C'),
      tags: z.array(z.string()).prefault([]),
    }),
  };
  expect(transformRecord(defaults, { sensor: 'a' }, origin)).toEqual({
    row: { sensor: 'a', unit: 'C', tags: [] },
  });
});

describe('a value in a partition column', () => {
  const labels = {
    ...readings((record) => record),
    row: z.object({ label: z.string().nullable() }),
    partitionBy: ['label'],
  };

  test.each([
    ['empty text', '', 'is empty text, which a partition can’t tell from null'],
    ['Hive’s text for null', '__HIVE_DEFAULT_PARTITION__', 'which means null'],
    ['too long a text', 'x'.repeat(101), 'has 101 characters; the text of a partition has at most 100'],
    ['half of a surrogate pair', 'a\ud83c', 'half of a surrogate pair'],
  ])('is rejected where no key gives it back: %s', (_, label, message) => {
    expect(transformRecord(labels, { label }, origin)).toMatchObject({
      reject: {
        recordNumber: 7,
        path: 'label',
        code: 'invalid_row',
        message: expect.stringContaining(message),
      },
    });
  });

  test.each([[null], ['x'.repeat(100)], ['_'], ['🍲/=']])('is accepted otherwise: %j', (label) => {
    expect(transformRecord(labels, { label }, origin)).toEqual({ row: { label } });
  });
});

describe('a declaration is refused', () => {
  const good = {
    name: 'readings',
    source: { prefix: 'readings/', format: 'json' as const },
    record: z.object({ sensor: z.string() }),
    transform: (record: { sensor: string }) => record,
    row: z.object({ sensor: z.string() }),
    key: ['sensor' as const],
    partitionBy: [],
    onDelete: 'keep' as const,
    onReject: 'keep' as const,
  };

  test.each([
    ['a name with capitals', { ...good, name: 'Readings' }, 'name'],
    [
      'the name of a table about the pipeline’s own work',
      { ...good, name: 'rejects' },
      'choose another name',
    ],
    [
      'a prefix without its slash',
      { ...good, source: { prefix: 'readings', format: 'json' as const } },
      'prefix',
    ],
    ['no key', { ...good, key: [] }, 'key names no column'],
    ['a key that is no column', { ...good, key: ['colour' as 'sensor'] }, 'colour is not a column'],
  ])('with %s', (_, declaration, complaint) => {
    expect(() => defineDataset(declaration)).toThrow(complaint);
  });

  const csv = (field: z.ZodType) =>
    defineDataset({
      ...good,
      source: { prefix: 'readings/', format: 'csv' },
      record: z.object({ sensor: text(), price: field }),
    });

  test.each([
    ['a number', z.number(), 'is a number, and a field of CSV is text. Use double() or int32() of'],
    ['a whole number', z.int().min(0), 'Use int32() of domain/fields.ts'],
    ['a boolean', z.boolean(), 'Use flag() of domain/fields.ts'],
    ['a number that may be missing', z.number().nullish(), 'is a number'],
    ['a number with a default', z.number().default(0).readonly(), 'is a number'],
    ['a number that is always one', z.number().catch(0), 'is a number'],
    ['a number made of any text', z.coerce.number(), 'is a number'],
    ['a boolean that every text is', z.coerce.boolean(), 'Use flag()'],
    ['a number that is read as a text', z.number().transform(String), 'is a number'],
    ['one of two that are no text', z.union([z.number(), z.null()]), 'is a number'],
    ['an instant', z.date(), 'is a date, and a field of CSV is text. Use text() of'],
    ['a list', z.array(z.string()), 'is of zod’s type array'],
    ['an enum of numbers', z.enum({ one: 1 }), 'is an enum without text values'],
    ['a number that is given', z.literal(1), 'is a literal that is not text'],
  ])('with a field of CSV that no text can be: %s', (_, field, complaint) => {
    expect(() => csv(field)).toThrow('Dataset "readings": the field price of its record is ');
    expect(() => csv(field)).toThrow(complaint.replace('’', "'"));
  });

  test.each([
    ['double()', double(), '1.5'],
    ['int32().optional()', int32().optional(), '1'],
    ['flag().default(true)', flag().default(true), 'false'],
    ['z.string()', z.string(), 'a'],
    ['z.iso.date()', z.iso.date(), '2026-01-01'],
    ['z.enum()', z.enum(['a', 'b']), 'b'],
    ['z.literal()', z.literal([1, '1']), '1'],
    ['z.stringbool()', z.stringbool(), 'yes'],
    ['z.preprocess()', z.preprocess(Number, z.number()), '1'],
    ['z.string().transform()', z.string().transform(Number), '1'],
    ['z.union()', z.union([z.number(), z.string()]), '1'],
    ['z.custom()', z.custom((value) => value === '1'), '1'],
  ])('but not for a field of CSV that texts can be: %s', (_, field, content) => {
    expect(field.safeParse(content).success).toBe(true);
    expect(() => csv(field)).not.toThrow();
  });
});

describe('a timestamp of a row', () => {
  const events = defineDataset({
    name: 'events',
    source: { prefix: 'events/', format: 'json' },
    record: z.unknown(),
    transform: (record) => record as never,
    row: z.object({
      at: z.iso.datetime({ offset: true }).nullable(),
      times: z.array(z.iso.datetime().nullable()).nullable(),
      steps: z.array(z.object({ n: z.int32(), ended: z.iso.datetime().optional() })).optional(),
      note: z.string().nullable(),
    }),
    key: ['at'],
    partitionBy: [],
    onDelete: 'keep',
    onReject: 'keep',
  });
  const nothing = { at: null, times: null, note: null };

  test.each([
    ['at', { ...nothing, at: '2026-01-31T12:00:00.123456789Z' }],
    ['at', { ...nothing, at: '2026-01-31T12:00:00.0000001+02:00' }],
    [
      'times[2]',
      { ...nothing, times: ['2026-01-31T12:00:00.123456Z', null, '2026-01-31T12:00:00.1230001Z'] },
    ],
    ['steps[1].ended', { ...nothing, steps: [{ n: 1 }, { n: 2, ended: '2026-01-31T12:00:00.0000000001Z' }] }],
  ])('is rejected, not cut, at %s when it has digits below the microsecond', (path, row) => {
    expect(transformRecord(events, row, origin)).toMatchObject({
      reject: { recordNumber: 7, path, code: 'invalid_row', json: JSON.stringify(row) },
    });
  });

  test.each([
    { ...nothing, at: '2026-01-31T12:00:00Z' },
    { ...nothing, at: '2026-01-31T12:00:00.123456000+02:00' },
    { ...nothing, times: ['2026-01-31T12:00:00.1Z', null], steps: [{ n: 1 }] },
    { ...nothing, note: '2026-01-31T12:00:00.123456789Z' },
  ])('is kept when it has none, and text is never looked at: %j', (row) => {
    expect(transformRecord(events, row, origin)).toEqual({ row });
  });
});
