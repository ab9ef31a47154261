import { describe, expect, expectTypeOf, it } from 'vitest';
import * as z from 'zod';
import { datasets } from '../../datasets/index.ts';
import { type Dataset, type DatasetDefinition, defineDataset, filtered } from '../../domain/dataset.ts';
import { date, int64, json, text, timestamp } from '../../domain/fields.ts';
import { transformRecord } from '../../domain/records/transformation.ts';

/** `tsc` checks this file too: an error that is expected and does not come is an error itself. */
const record = z.object({ sensor: z.string(), celsius: z.number() });
const row = z.object({ sensor: z.string(), celsius: z.number(), level: z.enum(['low', 'high']) });
const rest = {
  name: 'readings',
  source: { prefix: 'readings/', format: 'json' },
  record,
  row,
  key: ['sensor'],
  partitionBy: ['level'],
  onDelete: 'retract',
  onReject: 'keep',
} as const;

const reading = { sensor: 'a', celsius: 20 };
const result = (dataset: Dataset) =>
  transformRecord(dataset, reading, { key: 'readings/1.json', recordNumber: 1 });
const invalidRow = { reject: { code: 'invalid_row' } };

describe('a correct definition', () => {
  it('tells former names of columns', () => {
    const keep = (reading: z.output<typeof record>) => ({ ...reading, level: 'low' as const });
    expect(defineDataset({ ...rest, transform: keep, renamed: { celsius: 'degrees' } }).renamed).toEqual({
      celsius: 'degrees',
    });
    // @ts-expect-error no such column
    expect(() => defineDataset({ ...rest, transform: keep, renamed: { colour: 'color' } })).toThrow(
      'renamed tells the former name of colour, which is not a column',
    );
    const of =
      (renamed: Readonly<Record<string, string>>, changes = {}) =>
      () =>
        defineDataset({ ...rest, transform: keep, renamed, ...changes });
    expect(of({ celsius: 'sensor' })).toThrow(
      'celsius was renamed from sensor, which is a column of its row too.',
    );
    expect(of({ level: 'stage' })).toThrow('level partitions it, and can’t be renamed');
    expect(of({ celsius: 'degrees' }, { processedAs: 'csv' })).toThrow('columns of CSV have no ids');
  });

  it('needs neither a cast nor an annotation, even if a column has only a few values', () => {
    const dataset = defineDataset({
      ...rest,
      transform(reading) {
        expectTypeOf(reading).toEqualTypeOf<{ sensor: string; celsius: number }>();
        if (reading.celsius < -90) return filtered('colder than Earth');
        return { ...reading, level: reading.celsius < 30 ? 'low' : 'high' };
      },
    });
    expectTypeOf(dataset).toEqualTypeOf<Dataset>();
    expect(result(dataset)).toEqual({ row: { ...reading, level: 'low' } });
  });

  it('goes into the list of datasets without a cast', () => {
    const more = defineDataset({ ...rest, transform: (reading) => ({ ...reading, level: 'low' }) });
    expectTypeOf(datasets).toEqualTypeOf<Dataset[]>();
    expect([...datasets, more].map(({ name }) => name)).toContain('readings');
  });
});

describe('the editor refuses a transform', () => {
  it('whose row has a column of another type', () => {
    const dataset = defineDataset({
      ...rest,
      // @ts-expect-error: Type 'string' is not assignable to type 'number'.
      transform: ({ sensor }) => ({ sensor, celsius: 'cold', level: 'low' }),
    });
    expect(result(dataset)).toMatchObject(invalidRow);
  });

  it('whose row misses a column', () => {
    const dataset = defineDataset({
      ...rest,
      // @ts-expect-error: Property 'celsius' is missing in type '{ sensor: string; level: "low"; }'
      transform({ sensor, celsius }) {
        return celsius < -90 ? filtered('colder than Earth') : { sensor, level: 'low' };
      },
    });
    expect(result(dataset)).toMatchObject(invalidRow);
  });

  it('that returns an object which only looks filtered', () => {
    const dataset = defineDataset({
      ...rest,
      // @ts-expect-error: Type '{ reason: string; }' is not assignable to type 'Filtered | …'.
      transform: () => ({ reason: 'colder than Earth' }),
    });
    expect(result(dataset)).toMatchObject(invalidRow);
  });

  it('whose row has a column that the table does not have, and names it', () => {
    const transform = (reading: z.output<typeof record>) => ({ ...reading, level: 'low' as const, note: '' });
    // @ts-expect-error: … is not assignable to type '"The transform returns note, which is not a column of
    // the row."'.
    expect(defineDataset({ ...rest, transform }).row).toBe(row);
    type Definition = DatasetDefinition<typeof record, typeof row, typeof transform>;
    expectTypeOf<
      Definition['transform']
    >().toExtend<'The transform returns note, which is not a column of the row.'>();
  });

  it('that reads a field which the records do not have', () => {
    const dataset = defineDataset({
      ...rest,
      // @ts-expect-error: Property 'fahrenheit' does not exist on type '{ sensor: string; celsius: number;
      // }'.
      transform: ({ sensor, fahrenheit }) => ({ sensor, celsius: fahrenheit, level: 'low' }),
    });
    expect(result(dataset)).toMatchObject(invalidRow);
  });
});

describe('the editor refuses a definition', () => {
  const transform = (reading: z.output<typeof record>) => ({ ...reading, level: 'low' as const });

  it('whose key is not a column', () => {
    // @ts-expect-error: Type '"colour"' is not assignable to type '"sensor" | "celsius" | "level"'.
    expect(() => defineDataset({ ...rest, transform, key: ['colour'] })).toThrow('colour is not a column');
  });

  it('that is partitioned by something that is not a column', () => {
    // @ts-expect-error: Type '"colour"' is not assignable to type '"sensor" | "celsius" | "level"'.
    expect(() => defineDataset({ ...rest, transform, partitionBy: ['colour'] })).toThrow(
      'colour is not a column',
    );
  });

  it('that is partitioned by the day of something that has none', () => {
    const wide = z.object({
      sensor: z.string(),
      at: timestamp().nullable(),
      on: date(),
      at_day: z.string(),
      id: int64(),
    });
    const of = { ...rest, row: wide, key: ['sensor'] as const, transform: () => filtered('none') };
    const { at_day: _, ...narrow } = wide.shape;
    const fine = { ...of, row: z.object(narrow) };
    expect(defineDataset({ ...fine, partitionBy: ['day(at)', 'month(on)'] }).partitionBy).toHaveLength(2);
    // @ts-expect-error: Type '"day(colour)"' is not assignable to type … '"day(at)"' ….
    expect(() => defineDataset({ ...of, partitionBy: ['day(colour)'] })).toThrow('colour is not a column');
    // @ts-expect-error: Type '"year(at)"' is not assignable.
    expect(() => defineDataset({ ...of, partitionBy: ['year(at)'] })).toThrow('year(at) is not a column');
    const refused = (definition: typeof of | typeof fine, partitionBy: readonly string[], more = {}) =>
      expect(() => defineDataset({ ...definition, ...more, partitionBy } as never));
    refused(fine, ['at']).toThrow(
      "at is a timestamp, which can't partition it: partition by its day or month, 'day(at)'.",
    );
    refused(fine, ['day(on)']).toThrow('on is a date, whose days partition it without day().');
    refused(fine, ['month(id)']).toThrow(
      'id is a int64, which has no month: only a date or a timestamp has.',
    );
    refused(fine, ['day(at)', 'month(at)']).toThrow('a column partitions it twice');
    refused(of, ['day(at)']).toThrow('at_day is a column of its row, and the name of the day of at.');
    refused(fine, ['day(at)'], { processedAs: 'csv' }).toThrow(
      'CSV has no day of a column to be partitioned by',
    );
    refused(fine, ['day(at)'], { renamed: { at: 'seen' } }).toThrow('at partitions it, and can’t be renamed');
  });

  it('whose row has a column of no type, and names it', () => {
    const of = { ...rest, key: ['sensor'] as const, partitionBy: [], transform: () => filtered('none') };
    const columns = z.object({ sensor: z.string(), seen: z.date().nullable() });
    // @ts-expect-error: … '"There is no column type for seen: docs/datasets/types.md has …"'.
    expect(() => defineDataset({ ...of, row: columns })).toThrow(
      'Column seen: there is no column type for a zod date',
    );
    const any = z.object({ sensor: z.string(), what: z.unknown().optional() });
    // @ts-expect-error: the same of what
    expect(() => defineDataset({ ...of, row: any })).toThrow('Column what: there is no column type');
    const fine = z.object({
      sensor: z.string(),
      at: timestamp().optional(),
      id: int64(),
      list: z.array(json()),
    });
    expect(defineDataset({ ...of, row: fine }).row).toBe(fine);
  });

  it('whose index is not of columns that MySQL can have in one', () => {
    // @ts-expect-error: Type '"colour"' is not assignable to type '"sensor" | "celsius" | "level"'.
    expect(() => defineDataset({ ...rest, transform, indexes: [['colour']] })).toThrow(
      'the index of colour: colour is not a column of its row.',
    );
    const indexed = (indexes: readonly string[][], changes = {}) => {
      const { ...definition } = {
        ...rest,
        row: z.object(wide),
        transform: () => filtered('none'),
        ...changes,
      };
      return () => defineDataset({ ...definition, indexes } as never);
    };
    const wide = {
      sensor: z.string(),
      level: z.string(),
      note: z.string(),
      title: text({ length: 700 }),
      place: text({ length: 100 }),
      tags: z.array(z.string()),
      payload: json(),
    };
    expect(indexed([['sensor'], ['title'], ['place', 'level']])).not.toThrow();
    expect(indexed([['note']])).toThrow(
      'Dataset "readings": the index of note: note is a text of any length, which MySQL can’t index. Say how long it may be in the row: text({ length: 200 }).',
    );
    expect(indexed([['payload']])).toThrow(
      'payload is JSON, which MySQL can’t index. Make what you look for',
    );
    expect(indexed([], { partitionBy: ['payload'] })).toThrow(
      'payload is JSON, which can be neither in the key',
    );
    expect(indexed([['tags']])).toThrow('tags is a list, which MySQL can’t index');
    expect(indexed([['title', 'place']])).toThrow('would have 3200 bytes, and MySQL allows 3072');
    expect(indexed([[]])).toThrow('an index names no column');
    expect(indexed([['place', 'place']])).toThrow('names a column twice');
    expect(indexed([['place'], ['place']])).toThrow('is there twice');
  });

  it('that misses a field', () => {
    const { onReject: _, ...incomplete } = rest;
    // @ts-expect-error: Property 'onReject' is missing in type …
    expect(defineDataset({ ...incomplete, transform }).onReject).toBeUndefined();
  });

  it('that has an unknown field', () => {
    // @ts-expect-error: Object literal may only specify known properties … Did you mean to write 'onDelete'?
    expect(defineDataset({ ...rest, transform, onDeleted: 'keep' }).onDelete).toBe('retract');
  });
});
