import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, duration, printable, printableJson, table, width } from '../../../cli/terminal/terminal.ts';

describe('text from outside', () => {
  /** Any text, often with characters that are invisible or look like others. */
  const hostile = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 3 }),
        fc.constantFrom(
          ...[
            '\u001b[2J',
            '\\u001b',
            '\\',
            'u001b',
            '\\u005c',
            '\u009b',
            '\u200b',
            '\u00a0',
            ' ',
            '\u00ad',
            '\u202e',
          ],
          ...[
            '\u00e9',
            'e\u0301',
            'e',
            '\u0301',
            '\u212b',
            '\u00c5',
            '\ud800',
            '\u{e0041}',
            '\u{1f9d1}',
            '\u200d',
            '\ufe0f',
          ],
        ),
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join(''));
  const dangerous = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

  test('printed text has no control or invisible characters', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(printable(text)).not.toMatch(dangerous);
        expect(printableJson({ [text]: text })).not.toMatch(dangerous);
      }),
      { numRuns: 2000 },
    );
  });

  test('no two keys are printed as the same text, nor as canonically equivalent texts', () => {
    fc.assert(
      fc.property(hostile, hostile, (one, other) => {
        if (one !== other) expect(printable(one).normalize()).not.toBe(printable(other).normalize());
      }),
      { numRuns: 5000 },
    );
  });

  test('printed text can be converted back to the original', () => {
    const read = (printed: string) =>
      printed.replace(/\\u([\da-f]{4})/gi, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      );
    fc.assert(
      fc.property(hostile, (text) => {
        expect(read(printable(text))).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });

  test('a value printed as JSON is parsed as the same value', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(JSON.parse(printableJson([text, { [text]: 1 }], 2))).toEqual([text, { [text]: 1 }]);
      }),
      { numRuns: 2000 },
    );
  });

  test('plain text in any script is printed unchanged', () => {
    for (const text of [
      'soup',
      'שקשוקה',
      '麻婆豆腐',
      'हिन्दी',
      '🍜 für 4',
      '👩🏽‍🚀 👨‍👩‍👧 ❤️',
      'a "quoted" \\ text',
      'C:\\users',
    ])
      expect(printable(text)).toBe(text);
  });

  test.each([
    ['\u001b[2Jgone', '\\u001b[2Jgone'],
    ['\\u001b[2Jgone', '\\u005cu001b[2Jgone'],
    ['\u001b]0;title\u0007text', '\\u001b]0;title\\u0007text'],
    ['two\nlines', 'two\\u000alines'],
    ['bell\u0007', 'bell\\u0007'],
    ['abc\u202efdp.exe', 'abc\\u202efdp.exe'],
    ['a\u00a0b', 'a\\u00a0b'],
    ['a\u200bb', 'a\\u200bb'],
    ['Cafe\u0301', 'Cafe\\u0301'],
    ['\u{e0041}', '\\udb40\\udc41'],
    ['\n\u0301', '\\u000a\\u0301'],
    ['\u0301a', '\\u0301a'],
  ])('%j is printed as %j', (text, printed) => {
    expect(printable(text)).toBe(printed);
  });
});

test('a table aligns its columns, even with characters that are two columns wide', () => {
  const rows = [
    { name: 'a', count: 1 },
    { name: '食譜', count: 1000 },
  ];
  const text = table(rows, [
    { title: 'NAME', value: ({ name }) => name },
    { title: 'N', value: ({ count }) => String(count), align: 'right' },
  ]);
  expect(text).toBe(['NAME     N', 'a        1', '食譜  1000'].join('\n'));
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1_500_000, '1.5 MB'],
  [2_000_000_000_000_000, '2000 TB'],
])('%i bytes are written as %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1500, '1.5 s'],
  [59_900, '59.9 s'],
  [60_000, '1 min 0 s'],
  [250_000, '4 min 10 s'],
  [3_900_000, '1 h 5 min'],
])('%i ms are written as %s', (value, text) => {
  expect(duration(value)).toBe(text);
});

describe('a table on a terminal that is too narrow', () => {
  const columns = ['KEY', 'N', 'WHY'].map((title, i) => ({
    title,
    value: (row: readonly string[]) => row[i] ?? '',
    ...(title === 'N' && { align: 'right' as const }),
  }));

  test('folds its text at words and its keys behind separators, and keeps to its columns', () => {
    const rows = [
      ['recipes/2026/11/soups-and-stews.ndjson', '1,234', 'did not survive 93, unknown class 12, no name 4'],
      ['b', '5', ''],
    ];
    expect(stripVTControlCharacters(table(rows, columns, 56))).toBe(
      [
        'KEY                              N  WHY',
        'recipes/2026/11/soups-and-   1,234  did not survive 93,',
        'stews.ndjson                        unknown class 12, no',
        '                                    name 4',
        'b                                5',
      ].join('\n'),
    );
    expect(table(rows, columns, Number.POSITIVE_INFINITY).split('\n')).toHaveLength(3);
  });

  test('loses no character, and fits if its columns can be narrow enough', () => {
    const word = fc.stringMatching(/^[a-z]{1,12}$/);
    const row = fc.tuple(
      fc.stringMatching(/^[a-z/]{0,90}$/),
      fc.nat().map(String),
      fc.array(word, { maxLength: 20 }).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 60, max: 120 }),
        (rows, room) => {
          const lines = stripVTControlCharacters(table(rows, columns, room)).split('\n');
          for (const line of lines) expect(width(line)).toBeLessThanOrEqual(room);
          const characters = (text: string) => [...text.replaceAll(/\s/g, '')].sort().join('');
          expect(characters(lines.slice(1).join(''))).toBe(characters(rows.flat().join('')));
          const words = rows.flatMap(([, , why]) => why.split(' '));
          const shown = new Set(lines.flatMap((line) => line.split(/\s+/)));
          for (const each of words) expect(shown.has(each) || each === '').toBe(true);
        },
      ),
    );
  });
});

test('the words of the last column go below their rows if a terminal has no room beside the others', () => {
  const columns = [
    { title: 'KEY', value: ([key = '']: string[]) => key },
    { title: 'COUNT', value: ([, n = '']: string[]) => n, align: 'right' as const },
    { title: 'WHY', value: ([, , why = '']: string[]) => why },
  ];
  const rows = [
    ['soups.json', '12', 'did not survive 93, has no age 36'],
    ['stews.json', '3', ''],
  ];
  const lines = stripVTControlCharacters(table(rows, columns, 30)).split('\n');
  expect(lines).toEqual([
    'KEY         COUNT',
    'soups.json     12',
    '    did not survive 93, has no',
    '    age 36',
    'stews.json      3',
  ]);
});
