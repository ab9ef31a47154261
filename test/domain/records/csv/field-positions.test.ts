import fc from 'fast-check';
import Papa from 'papaparse';
import { expect, it } from 'vitest';
import { FieldPositions } from '../../../../domain/records/decoding/csv/field-positions.ts';
import type { CsvCharacters } from '../../../../domain/records/decoding/csv/splitter.ts';

const MOST = 40;

/** The texts of the fields of a record; `undefined` if nothing is told of them. */
function fieldsIn(text: string, format: CsvCharacters, most = MOST): string[] | undefined {
  const positions = new FieldPositions(format, most);
  // The bytes beside the record must not matter.
  const bytes = Buffer.from(`"${text}"`);
  const count = positions.find(bytes, 1, bytes.length - 1);
  if (count < 0) return undefined;
  const { quote = '"' } = format;
  return Array.from({ length: count }, (_, i) => {
    const field = bytes.toString('utf8', positions.starts[i], positions.ends[i]);
    const mark = positions.marks[i] ?? 0;
    expect((mark & 0x80) !== 0).toBe(/[^\0-\x7f]/.test(field));
    const hasDoubled = (mark & 1) !== 0;
    if (hasDoubled) expect(field).toContain(quote);
    return hasDoubled ? field.replaceAll(`${quote}${quote}`, `${quote}`) : field;
  });
}

const formats = fc.constantFrom(
  { delimiter: ',', quote: '"' },
  { delimiter: ';', quote: "'" },
  { delimiter: '\t', quote: null },
  { delimiter: ' ', quote: '"' },
  { delimiter: '|', quote: '~' },
  { delimiter: 'x', quote: '"' },
);

it('fields are those that papaparse finds, or nothing is told of them', () => {
  let told = 0;
  fc.assert(
    fc.property(
      formats,
      fc.array(fc.constantFrom('d', 'd', 'q', 'n', 'qq', 'x', 'é🍲', ' ', '', '=1'), { maxLength: 30 }),
      ({ delimiter, quote }, pieces) => {
        const text = pieces
          .map((piece) => (piece === 'd' ? delimiter : piece === 'n' ? '\n' : piece))
          .map((piece) => (/^q+$/.test(piece) ? (quote ?? '"').repeat(piece.length) : piece))
          .join('');
        const fields = fieldsIn(text, { delimiter, quote });
        if (fields === undefined) return;
        told += 1;
        const parser = new Papa.Parser({ delimiter, newline: '\n', quoteChar: quote ?? '\0' });
        const { data, errors }: Papa.ParseResult<string[]> = parser.parse(`${text}\n`, 0, true);
        expect(errors).toEqual([]);
        expect([fields]).toEqual(data);
      },
    ),
    { numRuns: 5000 },
  );
  expect(told).toBeGreaterThan(1000);
});

it.each([
  ['a,b', ['a', 'b']],
  ['"a ""b"", c",', ['a "b", c', '']],
  ['"a\nb\r"', ['a\nb\r']],
  ['""', ['']],
  ['""""', ['"']],
  ['', ['']],
  [',,', ['', '', '']],
  ['5" x,o""', ['5" x', 'o""']],
  ['"a"b,c', undefined],
  ['"a" ,c', undefined],
  ['"a', undefined],
  ['"a""', undefined],
  ['"', undefined],
  ['a\rb', undefined],
  ['a\nb', undefined],
])('%j', (text, fields) => {
  expect(fieldsIn(text, {})).toEqual(fields);
});

it('nothing is told of a record with more fields than are looked for', () => {
  expect(fieldsIn('a,b,c', {}, 3)).toEqual(['a', 'b', 'c']);
  expect(fieldsIn('a,b,c,', {}, 3)).toBeUndefined();
  expect(fieldsIn('a', {}, 0)).toBeUndefined();
});
