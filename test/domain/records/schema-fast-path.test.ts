import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { matchesFast } from '../../../domain/records/schema-fast-path.ts';

const schema = z.object({
  text: z.string(),
  short: z.string().max(3),
  day: z.iso.date().nullable(),
  small: z.int32().nullable(),
  size: z.enum(['S', 'M']),
  score: z.number(),
  lists: z.array(z.array(z.boolean())),
});
const plain = schema.omit({ short: true, day: true });

const value = fc.record(
  {
    text: fc.oneof(fc.string(), fc.anything()),
    small: fc.oneof(fc.integer(), fc.double(), fc.anything()),
    size: fc.oneof(fc.constantFrom('S', 'M', 'L'), fc.anything()),
    score: fc.oneof(fc.double(), fc.anything()),
    lists: fc.oneof(fc.array(fc.array(fc.boolean())), fc.array(fc.anything()), fc.anything()),
  },
  { requiredKeys: ['text'] },
);

describe('the fast path of a schema', () => {
  it('accepts nothing that the schema refuses', () => {
    fc.assert(
      fc.property(fc.oneof(value, fc.anything()), (candidate) => {
        if (matchesFast(plain, candidate))
          expect(plain.safeParse(candidate)).toEqual({ success: true, data: candidate });
      }),
      { numRuns: 500 },
    );
  });

  it('refuses values that JavaScript can’t convert to a number', () => {
    for (const small of [{ toString: {} }, { valueOf: null, toString: null }, Symbol('1'), [1]])
      expect(matchesFast(plain, { text: '', small, size: 'M', score: 1, lists: [] })).toBe(false);
  });

  it('accepts a plain row, and leaves everything that needs more than types to the schema', () => {
    const row = { text: 'a', small: -1, size: 'M', score: 0.5, lists: [[], [true]] };
    expect(matchesFast(plain, row)).toBe(true);
    expect(matchesFast(schema, { ...row, short: 'abc', day: '2026-01-01' })).toBe(false);
  });
});
