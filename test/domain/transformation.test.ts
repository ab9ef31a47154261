import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { type Dataset, defineDataset, filtered } from '../../domain/dataset.ts';
import { transformRecord } from '../../domain/transformation.ts';

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
  }) as unknown as Dataset;
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

describe('a value in a partition column', () => {
  const labels = {
    ...readings((record) => record),
    row: z.object({ label: z.string().nullable() }),
    partitionBy: ['label'],
  } as unknown as Dataset;

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
      'a prefix without its slash',
      { ...good, source: { prefix: 'readings', format: 'json' as const } },
      'prefix',
    ],
    ['no key', { ...good, key: [] }, 'key names no column'],
    ['a key that is no column', { ...good, key: ['colour' as 'sensor'] }, 'colour is not a column'],
  ])('with %s', (_, declaration, complaint) => {
    expect(() => defineDataset(declaration)).toThrow(complaint);
  });
});
