import { expect, test } from 'vitest';
import { loadDuckDb, rowsOf } from '../../../cli/lake/lake.ts';

test('bytes are base64 and maps are objects, wherever in a value they are', async () => {
  const duckdb = await loadDuckDb();
  const connection = await (await duckdb.DuckDBInstance.create(':memory:')).connect();
  const reader = await connection.runAndReadAll(`select
    '\\x00\\xFF'::blob as bytes, ['a'::blob, null] as list, {'b': ''::blob} as struct, null::blob as nothing,
    map {'a': 1::bigint, 'b': null} as map, map {'x': [map {'y': 'z'::blob}]} as deep, 9007199254740993 as long, 7::bigint as short`);
  const deep = { x: [{ y: 'eg==' }] };
  expect(rowsOf(reader, duckdb)).toEqual([
    ['AP8=', ['YQ==', null], { b: '' }, null, { a: '1', b: null }, deep, '9007199254740993', 7],
  ]);
  connection.closeSync();
});
