import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MOST_DIGITS, writeNumber } from '../../formats/csv/digits.ts';

/** What is written of a number behind a character; `undefined` if nothing is. */
function written(value: number): string | undefined {
  const bytes = Buffer.from(`x${'?'.repeat(MOST_DIGITS)}`);
  const end = writeNumber(bytes, 1, value);
  return end < 0 ? undefined : bytes.toString('latin1', 1, end);
}

it('a number is written as JavaScript prints it, or not at all', () => {
  const few = fc
    .tuple(fc.integer({ min: 0, max: 3_000_000 }), fc.constantFrom(1, 10, 100, 1000, 10_000, 100_000))
    .map(([integer, power]) => integer / power);
  const near = fc.tuple(few, fc.constantFrom(Number.EPSILON, -Number.EPSILON)).map(([a, b]) => a * (1 + b));
  let told = 0;
  fc.assert(
    fc.property(fc.oneof(few, near, fc.double(), fc.integer()), (value) => {
      const text = written(value);
      if (text === undefined) return;
      told += 1;
      expect(text).toBe(String(value));
    }),
    { numRuns: 10_000 },
  );
  expect(told).toBeGreaterThan(3000);
});

it.each([
  [7.25, '7.25'],
  [0.5, '0.5'],
  [0.0001, '0.0001'],
  [1.0625, '1.0625'],
  [1000, '1000'],
  [2147483647, '2147483647'],
  [214748.3647, '214748.3647'],
  [2147483648, undefined],
  [0.00001, undefined],
  [0.1 + 0.2, undefined],
  [0, undefined],
  [-0, undefined],
  [-1, undefined],
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
])('%d is written as %j', (value, text) => {
  expect(written(value)).toBe(text);
});
