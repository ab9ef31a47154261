import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import { defineDataset } from '../../../domain/dataset.ts';
import { PermanentError } from '../../../domain/errors.ts';
import { RejectCount, tooManyRejects } from '../../../domain/records/reject-limit.ts';

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
    const count = new RejectCount();
    for (let n = 1; n <= 100_000; n += 1) count.add(n);
    expect(tooManyRejects({ read: 100_000, rejected: 100_000 }, undefined)).toBeUndefined();
    expect(() => count.add(100_001)).toThrow(PermanentError);
  });

  it('may allow no reject at all', () => {
    expect(() => new RejectCount({ maxRejected: { records: 0 } }).add(1)).toThrow('allows 0');
    expect(tooManyRejects({ read: 0, rejected: 0 }, { share: 0 })).toBeUndefined();
    expect(tooManyRejects({ read: 9, rejected: 1 }, { share: 0 })?.message).toContain('a share of 0');
  });
});
