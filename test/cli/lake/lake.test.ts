import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadDuckDb } from '../../../cli/lake/lake.ts';
import { anyText } from '../../formats/any-table.ts';

test('DuckDB returns every text as it is stored, at any place in a value', async () => {
  const { DuckDBInstance } = await loadDuckDb();
  const duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await duckdb.connect();
  const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
  await fc.assert(
    fc.asyncProperty(
      anyText.filter((text) => !text.includes('\0')),
      async (text) => {
        const value = literal(text);
        const reader = await connection.runAndReadAll(
          `select ${value} as a, [${value}, null] as b, {c: ${value}, d: [{e: ${value}}]} as f, octet_length(encode(${value})) as g`,
        );
        const expected = { a: text, b: [text, null], f: { c: text, d: [{ e: text }] } };
        expect(reader.getRowObjectsJson()).toEqual([{ ...expected, g: String(Buffer.byteLength(text)) }]);
        expect(reader.getRowsJson()).toEqual([[...Object.values(expected), String(Buffer.byteLength(text))]]);
      },
    ),
  );
  connection.closeSync();
  duckdb.closeSync();
});
