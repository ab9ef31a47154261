import { expect, it } from 'vitest';
import type { Column } from '../../../domain/columns.ts';
import { columnsOfSchema, schemaAfter } from '../../../domain/tables/schema/schema-after.ts';
import { fieldIds } from '../../../formats/iceberg/schema/fields.ts';
import { ParquetFile } from '../../../formats/parquet/file.ts';
import { openParquet } from '../../../formats/parquet/read.ts';
import { columnsIn } from '../../../lake/compaction/columns.ts';

const column = (name: string, type: Column['type'] = { kind: 'string' }): Column => ({
  name,
  type,
  nullable: true,
});

it('a column of an older file is found by its id: renamed, widened, gone or another one of the same name', async () => {
  const size = (...fields: Column[]) => column('size', { kind: 'struct', fields });
  const before = schemaAfter(undefined, [
    column('title'),
    column('left'),
    column('n', { kind: 'int32' }),
    column('steps', {
      kind: 'list',
      nullable: true,
      element: { kind: 'struct', fields: [column('text'), column('again')] },
    }),
    size(column('height'), column('again')),
  ]);
  const columns = columnsOfSchema(before.schema);
  const file = new ParquetFile(columns, {}, fieldIds(before.schema));
  const [text, again] = ['Stir', 'old'];
  file.add({ title: 'Soup', left: 'old', n: 7, steps: [{ text, again }], size: { height: '1', again } });
  const without = schemaAfter(before, [
    column('title'),
    column('n', { kind: 'int64' }),
    column('steps', { kind: 'list', nullable: true, element: { kind: 'struct', fields: [column('text')] } }),
    size(column('height')),
  ]);
  const now = schemaAfter(
    without,
    [
      column('name'),
      column('left'),
      column('n', { kind: 'int64' }),
      column('steps', {
        kind: 'list',
        nullable: true,
        element: { kind: 'struct', fields: [column('text'), column('again')] },
      }),
      size(column('tall'), column('again')),
    ],
    { name: 'title', 'size.tall': 'height' },
  );
  const open = await openParquet(new Uint8Array(file.finish()).buffer);
  const wanted = columnsIn(open.columns, columnsOfSchema(now.schema), fieldIds(now.schema));
  expect((await Array.fromAsync(open.rows(wanted))).flat()).toEqual([
    { name: 'Soup', n: 7, steps: [{ text: 'Stir' }], size: { tall: '1' } },
  ]);
});
