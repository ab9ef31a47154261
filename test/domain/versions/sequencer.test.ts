import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareSequencers } from '../../../domain/versions/sequencer.ts';

const sequencer = fc.stringMatching(/^[0-9A-Fa-f]{1,24}$/);
const sign = (a: string, b: string): number => Math.sign(compareSequencers(a, b));

/** The fraction 0.<hexadecimal digits>, times 16^24: what padding on the right compares. */
const numberOf = (text: string): bigint => BigInt(`0x${text.padEnd(24, '0')}`);

describe('the order of sequencers', () => {
  it('is that of the hexadecimal numbers, the shorter one padded with zeros on the right', () => {
    fc.assert(
      fc.property(sequencer, sequencer, (a, b) => {
        const [left, right] = [numberOf(a), numberOf(b)];
        expect(sign(a, b)).toBe(left < right ? -1 : left > right ? 1 : 0);
      }),
    );
  });

  it('is total: antisymmetric and transitive', () => {
    fc.assert(
      fc.property(sequencer, sequencer, sequencer, (a, b, c) => {
        expect(sign(a, b) + sign(b, a)).toBe(0);
        if (sign(a, b) <= 0 && sign(b, c) <= 0) expect(sign(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('depends on neither case nor padding', () => {
    fc.assert(
      fc.property(sequencer, sequencer, fc.nat(4), (a, b, zeros) => {
        expect(sign(a.toLowerCase() + '0'.repeat(zeros), b.toUpperCase())).toBe(sign(a, b));
      }),
    );
  });

  it('puts the later of two events from the documentation after the earlier one', () => {
    expect(compareSequencers('0055AED6DCD90281E5', '0055AED6DCD90281E6')).toBeLessThan(0);
    expect(compareSequencers('617f08299329d189', '617f08299329d18')).toBeGreaterThan(0);
  });
});
