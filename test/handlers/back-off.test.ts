import fc from 'fast-check';
import { expect, test } from 'vitest';
import { transientCodes } from '../../domain/errors.ts';
import { backOff } from '../../handlers/stages/back-off.ts';

const code = fc.constantFrom(...transientCodes);
const receives = fc.integer({ min: 1, max: 100 });
const visibilityTimeout = fc.integer({ min: 6, max: 5_700 });
const random = fc.double({ min: 0, max: 1, noNaN: true });

test('a message never waits longer than the visibility timeout, nor less than half of what its attempt asks', () => {
  fc.assert(
    fc.property(code, receives, visibilityTimeout, random, (...[what, count, timeout, chance]) => {
      const seconds = backOff(what, count, timeout, chance);
      const longest = backOff(what, count, timeout, 0);
      expect(Number.isInteger(seconds)).toBe(true);
      expect(longest).toBeLessThanOrEqual(timeout);
      expect(seconds).toBeLessThanOrEqual(longest);
      expect(seconds).toBeGreaterThanOrEqual(Math.floor(longest / 2));
      expect(backOff(what, count + 1, timeout, chance)).toBeGreaterThanOrEqual(seconds);
    }),
  );
});

test('attempts are ever further apart, and those at something that throttles as far as they can be', () => {
  const waits = (what: (typeof transientCodes)[number]) =>
    [1, 2, 3, 4].map((count) => backOff(what, count, 5_400, 0));
  expect(waits('storage')).toEqual([60, 300, 1_500, 5_400]);
  expect(waits('throttled')).toEqual([5_400, 5_400, 5_400, 5_400]);
});
