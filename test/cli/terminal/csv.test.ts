import fc from 'fast-check';
import Papa from 'papaparse';
import { expect, test } from 'vitest';
import { csvLine } from '../../../cli/terminal/csv.ts';

const field = fc.oneof(fc.string(), fc.constantFrom('a,b', '"', '\r\n', 'a\nb', '', ' x '));

test('a reader of RFC 4180 finds the fields that were written, apart from an apostrophe before formulas', () => {
  fc.assert(
    fc.property(fc.array(fc.array(field, { minLength: 2, maxLength: 5 }), { minLength: 1 }), (rows) => {
      const { data } = Papa.parse<string[]>(rows.map((row) => csvLine(row)).join(''), {
        delimiter: ',',
        newline: '\r\n',
      });
      expect(data.slice(0, -1)).toEqual(
        rows.map((row) => row.map((text) => (/^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text))),
      );
    }),
  );
});

test('a spreadsheet runs no field as a formula, and numbers stay numbers', () => {
  expect(csvLine(['=1+1', '@SUM(A1)', '-2', '+3', '＝4', '\t=5', -6])).toBe(
    "'=1+1,'@SUM(A1),'-2,'+3,'＝4,'\t=5,-6\r\n",
  );
});
