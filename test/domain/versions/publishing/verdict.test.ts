import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sumsOf, verdictOf } from '../../../../domain/versions/publishing/verdict.ts';

const part = (
  n: number,
  counts: { read: number; written?: number; filtered?: number; rejected?: number },
) => ({
  part: n,
  read: counts.read,
  written: counts.written ?? 0,
  filtered: counts.filtered === undefined ? {} : { why: counts.filtered },
  rejected: counts.rejected === undefined ? {} : { invalid_row: counts.rejected },
});

const few = fc.nat(20);

describe('the records of a version', () => {
  it('add up over all receipts, if each is written, filtered or rejected', () => {
    fc.assert(
      fc.property(few, fc.array(fc.tuple(few, few, few)), (rejected, parts) => {
        const transformations = parts.map(([written, filtered, refused], n) =>
          part(n, { read: written + filtered + refused, written, filtered, rejected: refused }),
        );
        const read = rejected + transformations.reduce((sum, each) => sum + each.read, 0);
        const sums = sumsOf({ read, rejected }, transformations);
        if ('contradiction' in sums) throw new Error(sums.contradiction);
        expect(sums.written + sums.filtered + sums.rejected).toBe(read);
      }),
    );
  });

  it.each([
    ['one was lost in a part', 4, [part(0, { read: 3, written: 2 })]],
    ['one came twice in a part', 4, [part(0, { read: 3, written: 2, filtered: 2 })]],
    ['one is in no part', 5, [part(0, { read: 3, written: 3 })]],
    ['a part came twice', 4, [part(0, { read: 3, written: 3 }), part(0, { read: 3, written: 3 })]],
  ])('contradict each other if %s', (_, read, parts) => {
    expect(sumsOf({ read, rejected: 1 }, parts)).toHaveProperty('contradiction');
  });
});

describe('a version that is whole', () => {
  const good = { read: 10, written: 6, filtered: 1, rejected: 3 };
  const bad = { read: 10, written: 0, filtered: 0, rejected: 10 };
  const empty = { read: 0, written: 0, filtered: 0, rejected: 0 };
  const truncated = { code: 'truncated', message: 'it ends' };
  const gone = { code: 'version_not_found', message: 'it is gone' };

  it.each([
    ['has usable records', good, true],
    ['has filtered records alone', { ...bad, filtered: 1, rejected: 9 }, true],
    ['has none that is usable', bad, false],
    ['is empty', empty, true],
    ['is empty by a fault', { ...empty, fault: truncated }, false],
    ['breaks off after usable records', { ...good, fault: truncated }, true],
  ])('takes effect as its dataset says if it %s', (_, sums, kept) => {
    expect(verdictOf(sums, { onReject: 'keep' }).accepted).toBe(kept);
    expect(verdictOf(sums, { onReject: 'replace' }).accepted).toBe(true);
  });

  it('never does if it was deleted before it was read', () => {
    for (const onReject of ['keep', 'replace'] as const)
      expect(verdictOf({ ...empty, fault: gone }, { onReject })).toEqual({ accepted: false, fault: gone });
  });

  it('has too many rejects beyond either limit, and only beyond it', () => {
    const of = (maxRejected: object, onReject: 'keep' | 'replace' = 'keep') =>
      verdictOf(good, { onReject, maxRejected });
    expect(of({ share: 0.3, records: 3 })).toEqual({ accepted: true });
    expect(of({ share: 0.29 })).toMatchObject({ accepted: false, fault: { code: 'too_many_rejects' } });
    expect(of({ records: 2 })).toMatchObject({ accepted: false, fault: { code: 'too_many_rejects' } });
    expect(of({ share: 0 }, 'replace')).toMatchObject({
      accepted: true,
      fault: { code: 'too_many_rejects' },
    });
  });

  it('has too few records below the minimum, however many are usable', () => {
    const of = (minRecords: number, sums: Parameters<typeof verdictOf>[0] = good) =>
      verdictOf(sums, { onReject: 'keep', minRecords });
    expect(of(10)).toEqual({ accepted: true });
    expect(of(11)).toEqual({
      accepted: false,
      fault: {
        code: 'too_few_records',
        message:
          'it has 10 records; the dataset demands 11 (minRecords). Upload the whole file, or lower the limit and replay.',
      },
    });
    expect(verdictOf(good, { onReject: 'replace', minRecords: 11 })).toMatchObject({
      accepted: true,
      fault: { code: 'too_few_records' },
    });
    expect(of(1, empty)).toMatchObject({ accepted: false });
    const { fault } = of(11, { ...good, fault: truncated });
    expect(fault?.message).toContain('it has 10 records, and ends in a fault, truncated: it ends; ');
    const both = verdictOf(bad, { onReject: 'keep', minRecords: 11, maxRejected: { share: 0.5 } });
    expect(both.fault?.code).toBe('too_many_rejects');
  });

  it('is shrunk if it has fewer records than the version before by more than the share', () => {
    const of = (maxShrink: number, before?: number) =>
      verdictOf(good, { onReject: 'keep', maxShrink }, { before });
    expect(of(0.5, 20)).toEqual({ accepted: true });
    expect(of(0.5, 21)).toEqual({
      accepted: false,
      fault: {
        code: 'shrunk',
        message:
          'it has 10 records, and the version before it 21; the dataset lets a version shrink by a share of 0.5 at most (maxShrink). Upload the whole file, or raise the share and replay.',
      },
    });
    expect(of(0, 10)).toEqual({ accepted: true });
    expect(of(0, 11)).toMatchObject({ accepted: false });
    for (const before of [undefined, 0, 5]) expect(of(0, before)).toEqual({ accepted: true });
    for (let share = 0; share <= 100; share += 1) {
      const exact = { ...good, read: 100 - share, written: 100 - share, filtered: 0, rejected: 0 };
      const rules = { onReject: 'keep', maxShrink: Number(`0.${String(share).padStart(2, '0')}`) } as const;
      if (share < 100) expect(verdictOf(exact, rules, { before: 100 }).accepted).toBe(true);
    }
  });

  it('that its extraction read no further stays so, whatever became of the rest', () => {
    const fault = { code: 'too_many_rejects', message: 'it was not read any further' };
    expect(verdictOf({ ...good, fault }, { onReject: 'keep' })).toEqual({ accepted: false, fault });
    expect(verdictOf({ ...good, fault }, { onReject: 'replace' })).toEqual({ accepted: true, fault });
  });
});
