import { describe, expect, it } from 'vitest';
import { recipes } from '../../../datasets/recipes.ts';
import { defineDataset } from '../../../domain/dataset.ts';
import { PermanentError } from '../../../domain/errors.ts';
import { RejectCount } from '../../../domain/records/reject-limit.ts';

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
    expect(count.end(100_000)).toBeUndefined();
    expect(() => count.add(100_001)).toThrow(PermanentError);
  });

  it('may allow no reject at all', () => {
    expect(() => new RejectCount({ maxRejected: { records: 0 } }).add(1)).toThrow('allows 0');
    expect(new RejectCount({ maxRejected: { share: 0 } }).end(0)).toBeUndefined();
  });
});
