import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type DatasetDefinition, defineDataset } from '../../../../domain/dataset.ts';
import { double, int32, text } from '../../../../domain/fields.ts';
import type { RowCheck } from '../../../../domain/records/contracts/row-check.ts';
import { transformRecord } from '../../../../domain/records/transformation.ts';

const record = z.object({ id: int32(), from: text(), to: text(), price: double() });
const row = z.object({ id: int32(), days: text(), price: double() });
type Own = RowCheck<z.output<typeof row>, z.output<typeof record>>;

const sales = (checks: DatasetDefinition<typeof record, typeof row, never>['checks'] = []) =>
  defineDataset({
    name: 'sales',
    source: { prefix: 'sales/', format: 'csv' },
    ...{ record, row, checks },
    transform: ({ id, from, to, price }) => ({ id, days: `${from}–${to}`, price }),
    ...{ key: ['id'], partitionBy: [], onDelete: 'retract', onReject: 'keep' },
  });

const negative: Own = {
  code: 'negative_price',
  message: 'is below 0: credit notes belong under credits/.',
  column: 'price',
  check: ({ price }) => price >= 0,
};
const backwards: Own = {
  code: 'ends_before_it_begins',
  message: 'The end is before the beginning.',
  check: (_, { from, to }) => from <= to,
};
const sale = { id: 1, from: '2026-01-01', to: '2026-01-02', price: 1 };
const made = (changes: Partial<typeof sale>, checks: readonly Own[] = [negative, backwards]) =>
  transformRecord(sales(checks), { ...sale, ...changes }, { key: 'sales/a', recordNumber: 7 });

describe('a row', () => {
  it('that passes the checks of its dataset is written', () => {
    expect(made({})).toEqual({ row: { id: 1, days: '2026-01-01–2026-01-02', price: 1 } });
  });

  it('that does not is a reject with the code and message of each check', () => {
    expect(made({ price: -1 })).toEqual({
      reject: {
        recordNumber: 7,
        ...{ path: 'price', code: 'negative_price', message: negative.message },
        json: JSON.stringify({ ...sale, price: -1 }),
      },
    });
    expect(made({ price: -1, to: '2025-12-31' })).toMatchObject({
      reject: {
        code: 'negative_price',
        further: [{ path: '', code: 'ends_before_it_begins', message: backwards.message }],
      },
    });
  });

  it('is a reject if a check throws, and only this row', () => {
    const broken: Own = {
      ...backwards,
      check: () => {
        throw new Error('no calendar');
      },
    };
    expect(made({}, [broken])).toMatchObject({
      reject: {
        code: 'transform_failed',
        message: 'The check ends_before_it_begins failed: no calendar',
      },
    });
  });
});

describe('a check', () => {
  it.each<[Partial<Own>, string]>([
    [{ code: 'Negative' }, 'the code "Negative" of a check must be lower-case letters'],
    [{ code: 'wrong_type' }, 'the code "wrong_type" of a check is one of the pipeline’s own'],
    [{ code: 'too_many_rejects' }, 'is one of the pipeline’s own'],
    [{ code: 'ends_before_it_begins' }, 'the code "ends_before_it_begins" of a check is there twice.'],
    [{ message: ' ' }, 'the check negative_price has no message.'],
    [
      { column: 'cost' as 'price' },
      'the check negative_price is about cost, which is not a column of its row.',
    ],
  ])('is refused at start with %o', (changes, message) => {
    expect(() => sales([backwards, { ...negative, ...changes }])).toThrow(message);
  });
});
