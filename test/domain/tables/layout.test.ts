import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { passengers } from '../../../datasets/passengers.ts';
import { storedColumns } from '../../../domain/columns.ts';
import type { Dataset } from '../../../domain/dataset.ts';
import { decimal } from '../../../domain/fields.ts';
import { checkLayouts, type LakeLayout, LayoutRefused, planLayouts } from '../../../domain/tables/layout.ts';

const dataset = (columns: string, more: Partial<Dataset> = {}): Dataset => ({
  ...passengers,
  name: 'sales',
  row: z.object(Object.fromEntries(columns.split(' ').map((name) => [name, z.string()]))),
  ...more,
});

/** The layouts after each of these was planned, one after the other. */
const recorded = (...steps: Dataset[][]): readonly LakeLayout[] =>
  steps.reduce<readonly LakeLayout[]>((layouts, step) => planLayouts(layouts, step) ?? layouts, []);

describe('the layout of a table in the lake', () => {
  const before = recorded([dataset('id item price')]);

  it.each([
    [
      'a column in the middle',
      dataset('id item shop price'),
      'The new column shop of sales takes the place of price. Put it at the end of the row.',
    ],
    [
      'a column that is gone from the middle',
      dataset('id price'),
      'The column item of sales is gone, and those after it would move.',
    ],
    ['a column that is gone from the end', dataset('id item'), 'The column price of sales is gone'],
    ['another name of a column', dataset('id item cost'), 'The column price of sales is gone'],
    [
      'another order',
      dataset('item id price'),
      'The column item of sales takes the place of id. Bring them back into their order: _record, id, item, price.',
    ],
    ['another format', dataset('id item price', { processedAs: 'parquet' }), 'sales are csv, and can'],
    [
      'another partition',
      dataset('id item price', { partitionBy: ['item'] as never }),
      "sales is partitioned by nothing, and can't become partitioned by item.",
    ],
  ])('is refused when it changes by %s, with the cure', (_, changed, message) => {
    expect(() => planLayouts(before, [changed])).toThrow(LayoutRefused);
    expect(() => planLayouts(before, [changed])).toThrow(message);
    expect(() => checkLayouts(before, [changed])).toThrow(message);
  });

  it('may get a new column at the end, which must be recorded before the program accepts it', () => {
    const more = [dataset('id item price shop')];
    expect(() => checkLayouts(before, more)).toThrow(
      'how the files of sales lie in the lake, so a later change would go unnoticed. Record it and commit it with the dataset: npx sluice migrate --plan',
    );
    const after = recorded([dataset('id item price')], more);
    expect(after[0]?.positions).toEqual(['_record', 'id', 'item', 'price', 'shop']);
    expect(() => checkLayouts(after, more)).not.toThrow();
    expect(planLayouts(after, more)).toBeUndefined();
  });

  describe('of Parquet', () => {
    const parquet = (columns: string, types: Record<string, z.ZodType> = {}) => {
      const row = z.object(
        Object.fromEntries(columns.split(' ').map((name) => [name, types[name] ?? z.string()])),
      );
      return [dataset(columns, { processedAs: 'parquet', row })];
    };
    const ids = (layouts: readonly LakeLayout[] | undefined) =>
      Object.fromEntries(layouts?.[0]?.schema?.schema.fields.map(({ name, id }) => [name, id]) ?? []);

    it('records the id of each column, which stays the column’s in every order, and is never given again', () => {
      const first = recorded(parquet('id item'));
      expect(ids(first)).toEqual({ id: 1, item: 2, _record: 3, _source: 4, _version: 5, _loaded_at: 6 });
      expect(planLayouts(first, parquet('id item'))).toBeUndefined();
      const second = recorded(parquet('id item'), parquet('shop id'));
      expect(ids(second)).toEqual({ shop: 7, id: 1, _record: 3, _source: 4, _version: 5, _loaded_at: 6 });
      const third = recorded(parquet('id item'), parquet('shop id'), parquet('shop id item'));
      expect(ids(third)).toEqual({
        shop: 7,
        id: 1,
        item: 8,
        _record: 3,
        _source: 4,
        _version: 5,
        _loaded_at: 6,
      });
      expect(() => checkLayouts(first, parquet('shop id'))).toThrow('npx sluice migrate --plan');
    });

    it('keeps the id of a column that is renamed, and when that is no longer told', () => {
      const first = recorded(parquet('id item'));
      const renamed = parquet('id article').map((each) => ({ ...each, renamed: { article: 'item' } }));
      expect(() => checkLayouts(first, renamed)).toThrow('npx sluice migrate --plan');
      const second = recorded(parquet('id item'), renamed);
      expect(ids(second)).toEqual({ id: 1, article: 2, _record: 3, _source: 4, _version: 5, _loaded_at: 6 });
      for (const later of [renamed, parquet('id article')])
        expect(planLayouts(second, later)).toBeUndefined();
    });

    it('may widen a column, and refuses any other type of it, with the cure', () => {
      const before = recorded(parquet('id', { id: z.int32() }));
      expect(planLayouts(before, parquet('id', { id: z.int() }))).toMatchObject([
        { schema: { schema: { 'schema-id': 1, fields: [{ id: 1, type: 'long' }, {}, {}, {}, {}] } } },
      ]);
      const sum = recorded(parquet('id', { id: decimal(9, 2) }));
      expect(planLayouts(sum, parquet('id', { id: decimal(12, 2) }))).toMatchObject([
        { schema: { schema: { fields: [{ id: 1, type: 'decimal(12,2)' }, {}, {}, {}, {}] } } },
      ]);
      expect(() => planLayouts(sum, parquet('id', { id: decimal(12, 3) }))).toThrow(LayoutRefused);
      const text = parquet('id');
      expect(() => planLayouts(before, text)).toThrow(LayoutRefused);
      expect(() => planLayouts(before, text)).toThrow('Column id is int in the table');
      expect(() => checkLayouts(before, text)).toThrow('give the new column another name');
    });

    it('is not refused if only columns of our own are not recorded, whose ids are the same whenever they are', () => {
      const full = recorded(parquet('id item'));
      const older = full.map((layout) => {
        const { schema, lastColumnId } = layout.schema ?? { schema: { fields: [] }, lastColumnId: 0 };
        const fields = schema.fields.filter(({ name }) => name !== '_loaded_at');
        return { ...layout, schema: { schema: { ...schema, fields }, lastColumnId: lastColumnId - 1 } };
      }) as LakeLayout[];
      expect(ids(older)).toEqual({ id: 1, item: 2, _record: 3, _source: 4, _version: 5 });
      expect(() => checkLayouts(older, parquet('id item'))).not.toThrow();
      expect(() => checkLayouts(older, parquet('id item shop'))).toThrow('npx sluice migrate --plan');
      const recordedNow = planLayouts(older, parquet('id item'));
      expect(ids(recordedNow)).toEqual(ids(full));
      const later = planLayouts(recordedNow ?? [], parquet('shop id item'));
      expect(planLayouts(older, parquet('shop id item'))).toEqual(later);
      expect(ids(later)).toMatchObject({ _loaded_at: 6, shop: 7 });
    });

    it('gets its ids when older code recorded none', () => {
      const old = recorded(parquet('id item')).map(({ schema: _, ...rest }) => rest);
      const all = { id: 1, item: 2, _record: 3, _source: 4, _version: 5, _loaded_at: 6 };
      expect(ids(planLayouts(old, parquet('id item')))).toEqual(all);
    });
  });

  it('is kept when the table is no longer declared, since its files still exist', () => {
    const gone = recorded([dataset('id item price')], []);
    expect(gone).toEqual(before);
    expect(() => checkLayouts(gone, [])).not.toThrow();
    expect(() => planLayouts(gone, [dataset('price id')])).toThrow(LayoutRefused);
  });

  it('never lets an older file have a different column at a position of the table', () => {
    const columns = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 });
    const steps = fc.array(fc.tuple(columns, fc.subarray(['a', 'b'] as const)), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(steps, (changes) => {
        let layouts: readonly LakeLayout[] = [];
        const files: { readonly header: string[]; readonly partitionBy: readonly string[] }[] = [];
        for (const [names, by] of changes) {
          const partitionBy = by.filter((name) => names.some((each) => each === name));
          const next = dataset(names.join(' '), { partitionBy: partitionBy as never });
          try {
            layouts = planLayouts(layouts, [next]) ?? layouts;
          } catch (error) {
            expect(error).toBeInstanceOf(LayoutRefused);
            continue;
          }
          const header = storedColumns(next).map(({ name }) => name);
          for (const older of files) {
            expect(header.slice(0, older.header.length)).toEqual(older.header);
            expect(partitionBy).toEqual(older.partitionBy);
          }
          files.push({ header, partitionBy });
        }
        expect(files.length).toBeGreaterThan(0);
      }),
    );
  });
});
