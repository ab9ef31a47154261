import fc from 'fast-check';
import Papa from 'papaparse';
import { expect, it } from 'vitest';
import { rowSplitter } from '../../../domain/records/decoding/csv/split-rows.ts';
import type { Newline } from '../../../domain/records/decoding/record.ts';

const characters = fc.constantFrom(
  { delimiter: ',', quote: '"' },
  { delimiter: ';', quote: "'" },
  { delimiter: '\t', quote: null },
  { delimiter: ' ', quote: '"' },
);
const newlines = fc.constantFrom<Newline>('\n', '\r\n', '\r');

it('fields are those that papaparse finds, or nothing is told of them', () => {
  let told = 0;
  fc.assert(
    fc.property(
      characters,
      newlines,
      fc.array(fc.constantFrom('d', 'q', 'n', 'qq', 'x', 'é🍲', ' ', '', '=1'), { maxLength: 30 }),
      ({ delimiter, quote }, newline, pieces) => {
        const text = pieces
          .map((piece) => (piece === 'd' ? delimiter : piece === 'n' ? newline : piece))
          .map((piece) => (/^q+$/.test(piece) ? (quote ?? '"').repeat(piece.length) : piece))
          .join('')
          .concat(newline);
        const rows = rowSplitter({ delimiter, quote })(text, newline);
        if (rows === undefined) return;
        told += 1;
        const parser = new Papa.Parser({ delimiter, newline, quoteChar: quote ?? '\0' });
        const { data, errors }: Papa.ParseResult<string[]> = parser.parse(text, 0, true);
        expect(errors).toEqual([]);
        // It takes the end of the text for one more record.
        expect(rows).toEqual(
          data.at(-1)?.join('') === '' && data.length > rows.length ? data.slice(0, -1) : data,
        );
      },
    ),
    { numRuns: 5000 },
  );
  expect(told).toBeGreaterThan(1000);
});

it.each([
  [
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  ['"a ""b"", c",\n', [['a "b", c', '']]],
  ['"a\nb"\n', [['a\nb']]],
  [',,\n', [['', '', '']]],
  ['5" x,o""\n', [['5" x', 'o""']]],
  ['"a"b,c\n', undefined],
  ['"a" ,c\n', undefined],
  ['"a\n', undefined],
  ['a\rb\n', undefined],
])('%j', (text, rows) => {
  expect(rowSplitter({})(text, '\n')).toEqual(rows);
});
