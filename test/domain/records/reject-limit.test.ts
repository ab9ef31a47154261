import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import { defineDataset } from '../../../domain/dataset.ts';
import { hasTooMany, linesOfPart, tooManyRejects } from '../../../domain/records/reject-limit.ts';

describe('a limit of rejects', () => {
  it.each([
    { maxRejected: { records: 1.5 }, says: 'maxRejected.records must be a whole number, 0 or more.' },
    { maxRejected: { records: -1 }, says: 'maxRejected.records must be' },
    { maxRejected: { share: 1.1 }, says: 'maxRejected.share must be from 0 to 1.' },
    { maxRejected: { share: Number.NaN }, says: 'maxRejected.share must be' },
  ])('that can mean nothing is refused where it is declared: $maxRejected', ({ maxRejected, says }) => {
    expect(() => defineDataset({ ...recipes, maxRejected })).toThrow(says);
  });

  it('is by default 100,000 records, and has no share', () => {
    expect(tooManyRejects({ read: 100_000, rejected: 100_000 }, undefined)).toBeUndefined();
    expect(tooManyRejects({ read: 200_000, rejected: 100_001 }, undefined)?.message).toBe(
      '100,001 of its 200,000 records are rejected; the dataset allows 100,000 (maxRejected). Upload a better file, or raise the limit and replay.',
    );
    expect(hasTooMany(100_000, undefined)).toBe(false);
    expect(hasTooMany(100_001, undefined)).toBe(true);
  });

  it('may allow no reject at all', () => {
    expect(hasTooMany(1, { records: 0 })).toBe(true);
    expect(tooManyRejects({ read: 0, rejected: 0 }, { share: 0 })).toBeUndefined();
    expect(tooManyRejects({ read: 9, rejected: 1 }, { share: 0 })?.message).toContain('a share of 0');
  });

  it('says how many lines a part keeps: enough to see what is wrong, however low it is', () => {
    expect(linesOfPart(undefined)).toBe(100_000);
    expect(linesOfPart({ records: 0 })).toBe(1000);
    expect(linesOfPart({ share: 0.1 })).toBe(100_000);
  });
});
