import { describe, expect, it } from 'vitest';
import type { Column, ColumnType } from '../../../domain/columns.ts';
import { promotable } from '../../../domain/tables/schema/promotion.ts';
import { schemaAfter } from '../../../domain/tables/schema/schema-after.ts';
import { currentSchema, type TableMetadata } from '../../../formats/iceberg/metadata/metadata.ts';
import { TestTable } from './test-table.ts';

const column = (
  name: string,
  kind: 'string' | 'int32' | 'int64' | 'date' | 'double',
  nullable = false,
): Column => ({
  name,
  type: { kind },
  nullable,
});
const list = (name: string, element: ColumnType): Column => ({
  name,
  type: { kind: 'list', element, nullable: false },
  nullable: false,
});
const tags = list('tags', { kind: 'string' });
const size = (...fields: Column[]): Column => ({
  name: 'size',
  type: { kind: 'struct', fields },
  nullable: false,
});

const first = schemaAfter(undefined, [
  column('id', 'int32'),
  tags,
  size(column('height', 'int32')),
  column('name', 'string'),
]);

describe('the schema of a table', () => {
  it('has an id for each column, element and field', () => {
    expect(first).toEqual({
      lastColumnId: 6,
      schema: {
        type: 'struct',
        'schema-id': 0,
        fields: [
          { id: 1, name: 'id', required: true, type: 'int' },
          {
            id: 2,
            name: 'tags',
            required: true,
            type: { type: 'list', 'element-id': 5, 'element-required': true, element: 'string' },
          },
          {
            id: 3,
            name: 'size',
            required: true,
            type: { type: 'struct', fields: [{ id: 6, name: 'height', required: true, type: 'int' }] },
          },
          { id: 4, name: 'name', required: true, type: 'string' },
        ],
      },
    });
  });

  it('keeps ids by names and old names, widens, drops, and gives new columns new ids, as optional ones', () => {
    const after = schemaAfter(
      first,
      [
        column('title', 'string'),
        column('score', 'double'),
        size(column('width', 'int64'), column('depth', 'int32')),
        column('id', 'int64', true),
      ],
      { title: 'name', 'size.width': 'height' },
    );
    expect(after.lastColumnId).toBe(8);
    expect(after.schema).toMatchObject({
      'schema-id': 1,
      fields: [
        { id: 4, name: 'title', required: true, type: 'string' },
        { id: 7, name: 'score', required: false, type: 'double' },
        {
          id: 3,
          type: {
            fields: [
              { id: 6, name: 'width', required: true, type: 'long' },
              { id: 8, name: 'depth', required: false, type: 'int' },
            ],
          },
        },
        { id: 1, name: 'id', required: false, type: 'long' },
      ],
    });
    const again = schemaAfter(
      after,
      [column('name', 'string'), column('title', 'string'), column('id', 'int64')],
      {
        title: 'name',
      },
    );
    // The rename was done once; the old name is a new column, and what became optional stays so.
    expect(again.schema.fields).toMatchObject([
      { id: 9, name: 'name', required: false },
      { id: 4, name: 'title', required: true },
      { id: 1, name: 'id', required: false },
    ]);
  });

  it('refuses a type that files of before can not be read as, and names column and cure', () => {
    const change =
      (...columns: Column[]) =>
      () =>
        schemaAfter(first, columns);
    expect(change(column('name', 'int32'))).toThrow(
      "Column name is string in the table's files and can't become int: give the new column another name.",
    );
    expect(change(column('id', 'string'))).toThrow('Column id is int');
    expect(change(list('tags', { kind: 'int32' }))).toThrow('Column tags[] is string');
    expect(change(size(column('height', 'date')))).toThrow('Column size.height is int');
    expect(change(column('tags', 'string'))).toThrow('Column tags is list');
    expect(change(list('size', { kind: 'string' }))).toThrow('Column size is struct');
    expect(() =>
      schemaAfter(first, [column('a', 'string'), column('b', 'string')], { a: 'name', b: 'name' }),
    ).toThrow("Column b can't be renamed from name");
  });

  it.each([
    ['int', 'long', true],
    ['float', 'double', true],
    ['decimal(9,2)', 'decimal(18,2)', true],
    ['decimal(9, 2)', 'decimal(9,2)', true],
    ['long', 'int', false],
    ['decimal(18,2)', 'decimal(9,2)', false],
    ['decimal(9,2)', 'decimal(18,3)', false],
    ['int', 'double', false],
    ['date', 'timestamptz', false],
  ])('%s can become %s: %s', (from, to, can) => {
    expect(promotable(from, to)).toBe(can);
  });
});

describe('the metadata of a table', () => {
  const columns = [column('id', 'int32'), column('day', 'date'), column('kind', 'string')];
  const specs = (metadata: TableMetadata) => ({
    specs: metadata['partition-specs'],
    now: metadata['default-spec-id'],
    last: metadata['last-partition-id'],
  });

  it('names every partition spec and sort order it had, and uses equal ones again', () => {
    const table = new TestTable('s3://lake/t/', { columns, partitionBy: ['day'], sortBy: ['kind', 'id'] });
    const day = { 'source-id': 2, 'field-id': 1000, name: 'day', transform: 'identity' };
    const kind = { 'source-id': 3, 'field-id': 1001, name: 'kind', transform: 'identity' };
    expect(specs(table.metadata)).toEqual({ specs: [{ 'spec-id': 0, fields: [day] }], now: 0, last: 1000 });
    expect(table.metadata['default-sort-order-id']).toBe(1);
    table.evolve({ columns, partitionBy: ['kind', 'day'] });
    expect(specs(table.metadata)).toMatchObject({ now: 1, last: 1001 });
    expect(table.metadata['partition-specs'][1]).toEqual({ 'spec-id': 1, fields: [kind, day] });
    expect(table.metadata['default-sort-order-id']).toBe(0);
    table.evolve({ columns, partitionBy: ['day'], sortBy: ['kind', 'id'] });
    expect(specs(table.metadata)).toMatchObject({ now: 0, last: 1001 });
    expect(table.metadata['sort-orders']).toHaveLength(2);
  });

  it('does not change if the dataset has not changed', () => {
    const layout = { columns, partitionBy: ['day'], properties: { a: 'b' } };
    const table = new TestTable('s3://lake/t', layout);
    const { path } = table;
    table.evolve(layout);
    expect(table.path).toBe(path);
    table.evolve({ ...layout, columns: [...columns, column('more', 'string')] });
    table.evolve(layout);
    // The first schema again.
    expect(currentSchema(table.metadata)['schema-id']).toBe(0);
    expect(table.metadata.schemas).toHaveLength(2);
    expect(table.metadata['last-column-id']).toBe(4);
  });

  it('refuses to lose a column of which partitions were made, and to be partitioned by a list', () => {
    const table = new TestTable('s3://lake/t', { columns: [...columns, tags], partitionBy: ['day'] });
    expect(() => table.evolve({ columns: [column('id', 'int32')], partitionBy: [] })).toThrow(
      "Column day can't leave the table",
    );
    expect(() => table.evolve({ columns: [...columns, tags], partitionBy: ['tags'] })).toThrow(
      'tags is a list',
    );
    expect(() => table.evolve({ columns, partitionBy: ['other'] })).toThrow('no column other');
  });
});
