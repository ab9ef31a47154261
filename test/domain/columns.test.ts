import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { columnsOf } from '../../domain/columns.ts';

describe('the columns of a table', () => {
  it.each([
    ['z.string()', z.string(), 'string'],
    ['z.string().min(1)', z.string().min(1).max(9), 'string'],
    ['z.email()', z.email(), 'string'],
    ['z.uuid()', z.uuid(), 'string'],
    ['z.iso.time()', z.iso.time(), 'string'],
    ['z.iso.duration()', z.iso.duration(), 'string'],
    ['z.enum()', z.enum(['a', 'b']), 'string'],
    ['z.iso.date()', z.iso.date(), 'date'],
    ['z.iso.datetime()', z.iso.datetime(), 'timestamp'],
    ['z.iso.datetime({ precision: 6 })', z.iso.datetime({ precision: 6 }), 'timestamp'],
    ['z.iso.datetime({ precision: -1 })', z.iso.datetime({ precision: -1 }), 'timestamp'],
    ['z.iso.datetime({ offset: true })', z.iso.datetime({ offset: true }), 'timestamp'],
    ['z.int32()', z.int32(), 'int32'],
    ['z.int32().min(0)', z.int32().min(0), 'int32'],
    ['z.uint32()', z.uint32(), 'int64'],
    ['z.int()', z.int(), 'int64'],
    ['z.int().nonnegative()', z.int().nonnegative().max(100), 'int64'],
    ['z.number().int()', z.number().int(), 'int64'],
    ['z.number().min(0).int()', z.number().min(0).int(), 'int64'],
    ['z.string().check(z.iso.date())', z.string().check(z.iso.date()), 'date'],
    ['z.number()', z.number(), 'double'],
    ['z.number().min(0)', z.number().min(0), 'double'],
    ['z.float32()', z.float32(), 'double'],
    ['z.boolean()', z.boolean(), 'boolean'],
  ])('of %s are of one kind', (_, schema, kind) => {
    expect(columnsOf(z.object({ a: schema }))).toEqual([{ name: 'a', type: { kind }, nullable: false }]);
    expect(columnsOf(z.object({ a: schema.nullable() }))).toEqual([
      { name: 'a', type: { kind }, nullable: true },
    ]);
    expect(columnsOf(z.object({ a: schema.optional() }))).toEqual([
      { name: 'a', type: { kind }, nullable: true },
    ]);
    expect(columnsOf(z.object({ a: z.array(schema) }))).toEqual([
      { name: 'a', type: { kind: 'list', element: { kind }, nullable: false }, nullable: false },
    ]);
  });

  it.each([
    ['z.string().default()', z.string().default('a'), false],
    ['z.string().prefault()', z.string().prefault('a'), false],
    ['z.string().readonly()', z.string().readonly(), false],
    ['z.string().nullable().default()', z.string().nullable().default(null), true],
    ['z.string().default().nullable()', z.string().default('a').nullable(), true],
  ])('of %s are those of the inner schema', (_, schema, nullable) => {
    expect(columnsOf(z.object({ a: schema }))).toEqual([{ name: 'a', type: { kind: 'string' }, nullable }]);
  });

  it('nest as their schema does, in its order', () => {
    const row = z.object({
      z: z.string(),
      a: z.array(z.object({ b: z.int32().nullable(), c: z.array(z.boolean().nullable()) })).nullable(),
    });
    const b = { name: 'b', type: { kind: 'int32' }, nullable: true };
    const c = {
      name: 'c',
      type: { kind: 'list', element: { kind: 'boolean' }, nullable: true },
      nullable: false,
    };
    expect(columnsOf(row)).toEqual([
      { name: 'z', type: { kind: 'string' }, nullable: false },
      {
        name: 'a',
        type: { kind: 'list', element: { kind: 'struct', fields: [b, c] }, nullable: false },
        nullable: true,
      },
    ]);
  });

  it('are maps where any text is a name', () => {
    const row = z.object({ m: z.record(z.string(), z.array(z.int32()).nullable()).optional() });
    const list = { kind: 'list', element: { kind: 'int32' }, nullable: false };
    expect(columnsOf(row)).toEqual([
      { name: 'm', type: { kind: 'map', value: list, nullable: true }, nullable: true },
    ]);
  });

  it.each([
    ['z.date()', z.date()],
    ['z.iso.datetime() of nanoseconds', z.iso.datetime({ precision: 9 })],
    ['a check for nanoseconds', z.string().check(z.iso.datetime({ precision: 9 }))],
    ['z.bigint()', z.bigint()],
    ['z.unknown()', z.unknown()],
    ['z.union()', z.union([z.string(), z.number()])],
    ['z.record() with few names', z.record(z.enum(['a', 'b']), z.string())],
    ['z.map()', z.map(z.string(), z.string())],
    ['z.literal(1)', z.literal(1)],
    ['z.null()', z.null()],
    ['a transform', z.string().transform(Number)],
    ['an enum of numbers', z.enum({ one: 1, two: 2 })],
  ])('can not be of %s, and the refusal says which is', (_, schema) => {
    expect(() => columnsOf(z.object({ fine: z.string(), when: schema }))).toThrow(/^Column when: /);
    expect(() => columnsOf(z.object({ deep: z.array(z.object({ when: schema })) }))).toThrow(
      /^Column deep\[\]\.when: /,
    );
  });
});
