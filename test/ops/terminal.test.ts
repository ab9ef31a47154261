import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, duration, printable, table } from '../../ops/terminal.ts';

describe('text from outside', () => {
  test('nothing that a terminal would obey gets through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });

  test('plain text in any script is printed as it is', () => {
    for (const text of ['soup', 'שקשוקה', '麻婆豆腐', '🍜 für 4', 'a "quoted" \\ text'])
      expect(printable(text)).toBe(text);
  });

  test.each([
    ['\u001b[2Jgone', 'gone'],
    ['\u001b]0;title\u0007text', 'text'],
    ['two\nlines', 'two\\u000alines'],
    ['bell\u0007', 'bell\\u0007'],
    ['abc\u202efdp.exe', 'abc\\u202efdp.exe'],
  ])('%j is printed as %j', (text, printed) => {
    expect(printable(text)).toBe(printed);
  });
});

test('a table lines its columns up, also where characters are two columns wide', () => {
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
