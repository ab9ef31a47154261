import { expect, test } from 'vitest';
import { type DeclaredTable, driftOf } from '../../../domain/tables/drift.ts';
import { ParquetFile } from '../../../formats/parquet/file.ts';

const table: DeclaredTable = {
  columns: [
    { name: 'id', type: 'string' },
    { name: 'celsius', type: 'string' },
  ],
  format: 'csv',
};
const drift = (body: string, format = 'csv') => {
  const bytes = Buffer.from(body);
  return driftOf({ ...table, format }, bytes.length, async (start, end) => bytes.subarray(start, end));
};

test('a CSV file with the header of its table has no drift', async () => {
  expect(await drift('id,celsius\r\na,1\r\n')).toEqual([]);
});

test.each([
  ['a column too many', 'id,celsius,more\r\n', ['its column more is not in the table']],
  ['columns in another order', 'celsius,id\r\n', ['its column celsius is where the table has another']],
  ['a column too few', 'id\r\n', ['it has no column celsius']],
  [
    'text that is no CSV of this table',
    '\u0000',
    ['it has no column id', 'it has no column celsius', 'its column \u0000 is not in the table'],
  ],
])('%s is told in a phrase', async (_what, body, phrases) => {
  expect(await drift(body)).toEqual(phrases);
});

test('a file that is not Parquet is reported as unreadable', async () => {
  expect(await drift('id', 'parquet')).toEqual(["it can't be read as parquet: it is too short"]);
});

test('a file that is deleted meanwhile has no drift', async () => {
  expect(await driftOf(table, 9, async () => undefined)).toEqual([]);
});

test('a failed read is thrown, not reported as drift', async () => {
  const failing = async () => {
    throw new Error('no s3:GetObject');
  };
  await expect(driftOf(table, 9, failing)).rejects.toThrow('no s3:GetObject');
});

test('a column of a partition in a file of Parquet is no drift, and in one of CSV it is', async () => {
  const columns = [{ name: 'id', type: 'string' }];
  const partitionKeys = [{ name: 'place' }];
  const file = new ParquetFile(
    ['id', 'place'].map((name) => ({ name, type: { kind: 'string' }, nullable: false })),
    {},
  );
  file.add({ id: 'a', place: 'Ulm' });
  const bytes = file.finish();
  const read = async (start: number, end: number) => bytes.subarray(start, end);
  expect(await driftOf({ columns, format: 'parquet', partitionKeys }, bytes.length, read)).toEqual([]);
  expect(await driftOf({ columns, format: 'parquet' }, bytes.length, read)).toEqual([
    'its column place is not in the table',
  ]);
  const csv = Buffer.from('id,place\r\n');
  const readCsv = async (start: number, end: number) => csv.subarray(start, end);
  expect(await driftOf({ columns, format: 'csv', partitionKeys }, csv.length, readCsv)).toEqual([
    'its column place is not in the table',
  ]);
});
