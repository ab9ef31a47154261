import { parquetMetadata, parquetSchema } from 'hyparquet';
import { expect, test } from 'vitest';
import type { Column, ColumnType } from '../../../../domain/columns.ts';
import { schemaAfter } from '../../../../domain/tables/schema/schema-after.ts';
import type { Schema } from '../../../../domain/tables/schema/types.ts';
import { fieldIds } from '../../../../formats/iceberg/schema/fields.ts';
import { fileDrift } from '../../../../formats/iceberg/schema/file-drift.ts';
import type { FieldIds } from '../../../../formats/parquet/field-ids.ts';
import { ParquetFile } from '../../../../formats/parquet/file.ts';

const column = (name: string, type: ColumnType, nullable = true): Column => ({ name, type, nullable });
const int: ColumnType = { kind: 'int32' };
const struct = (...fields: Column[]): ColumnType => ({ kind: 'struct', fields });
const list = (element: ColumnType): ColumnType => ({ kind: 'list', element, nullable: true });

function drift(schema: Schema, columns: readonly Column[], ids: FieldIds): string[] {
  const bytes = new ParquetFile(columns, {}, ids).finish();
  const metadata = parquetMetadata(new Uint8Array(bytes).buffer);
  return [...fileDrift(schema.fields, parquetSchema(metadata).children)];
}

const columns: readonly Column[] = [
  column('n', int, false),
  ...(['int64', 'double', 'string', 'boolean', 'date', 'timestamp'] as const).map((kind) =>
    column(kind, { kind }),
  ),
  column('size', struct(column('width', int))),
  column('steps', list(struct(column('seconds', int)))),
];
const before = schemaAfter(undefined, columns);
const ids = fieldIds(before.schema);

test('a file of every type does not differ from the schema that it was written for', () => {
  expect(drift(before.schema, columns, ids)).toEqual([]);
});

test('a file does not differ from a schema with promoted, renamed, new and dropped columns', () => {
  const { schema } = schemaAfter(
    before,
    [
      column('steps', list(struct(column('text', { kind: 'string' }), column('seconds', { kind: 'int64' })))),
      column('number', { kind: 'int64' }, false),
      column('size', struct(column('height', int), column('width', int))),
      column('added', int),
    ],
    { number: 'n' },
  );
  expect(drift(schema, columns, ids)).toEqual([]);
});

test('a file differs by a type that is not promoted, by a column without an id, and by a missing one that is required', () => {
  const changed = [
    column('n', int),
    column('date', int),
    column('size', struct(column('width', { kind: 'string' }))),
    column('steps', list(int)),
    column('foreign', int),
  ];
  const { n: _, ...others } = ids;
  expect(drift(before.schema, changed, others)).toEqual([
    'its column n has no field id',
    'its column foreign has no field id',
    'it has no column n',
    'its column date is int, and date in the table',
    'its column size.width is string, and int in the table',
    'its column steps[] is int, and struct in the table',
  ]);
});
