import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupText } from '../../../cli/commands/dlq.ts';
import { fitEnd, fitStart, folded } from '../../../cli/terminal/fit.ts';
import { width } from '../../../cli/terminal/terminal.ts';
import { grouped } from '../../../domain/versions/failures/selection.ts';

const words = fc
  .array(fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', '漢') }))
  .map((all) => all.join(' '));
const columns = fc.integer({ min: 8, max: 40 });

describe('text that must fit', () => {
  test('is folded into lines that fit and lose no character but spaces', () => {
    fc.assert(
      fc.property(words, columns, (text, room) => {
        const lines = folded(text, room, '  ');
        for (const line of lines.split('\n')) expect(width(line)).toBeLessThanOrEqual(room);
        expect(lines.replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
      }),
    );
  });

  test('keeps its end when it is cut, and stays whole when it fits', () => {
    fc.assert(
      fc.property(words, columns, (text, room) => {
        const cut = fitEnd(text, room);
        expect(width(cut)).toBeLessThanOrEqual(room);
        if (width(text) <= room) expect(cut).toBe(text);
        else expect(text.endsWith(cut.slice(1))).toBe(true);
      }),
    );
  });

  test('keeps its beginning when it is cut at its end', () => {
    fc.assert(
      fc.property(words, columns, (text, room) => {
        const cut = fitStart(text, room);
        expect(width(cut)).toBeLessThanOrEqual(room);
        if (width(text) <= room) expect(cut).toBe(text);
        else expect(text.startsWith(cut.slice(0, -1))).toBe(true);
      }),
    );
  });
});

test('dead letters with the longest keys, versions and reasons fit into 80 columns', () => {
  const day = 86_400_000;
  const letter = {
    id: '0b6f4a52-9a1c-4c5e-8a6e-1f2d3c4b5a69',
    stage: 'transformation',
    place: 'undelivered',
    body: '',
    key: `recipes/${'long/'.repeat(40)}soups.json`,
    dataset: 'recipes',
    versionId: '3sL4kqtJlcpXroDTDmJzrHjY2Xq!0001',
    attempts: 186,
    sentAt: 0,
    firstFailure: 0,
    lastFailure: 13 * day,
    expiresAt: 27 * day,
    code: 'SDK_CLIENT_ERROR',
    reason: 'The rule may not send to the queue, which a policy denies. '.repeat(5),
    standing: 'superseded',
  } as const;
  const [group] = grouped([letter, { ...letter, id: 'f', reason: 'Another one.' }]);
  expect(group).toBeDefined();
  if (group === undefined) return;
  const lines = groupText(group, 20, 80, 14 * day).split('\n');
  for (const line of lines) expect(width(line)).toBeLessThanOrEqual(80);
  expect(lines.at(-1)).toMatch(/^f {9}….*soups\.json +….*!0001 +186 +14 d +24 h +13 d$/);
});
