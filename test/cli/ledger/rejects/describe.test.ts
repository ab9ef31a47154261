import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rejectTables } from '../../../../cli/ledger/rejects/describe.ts';
import type { ListedReject } from '../../../../cli/ledger/rejects/rejects.ts';
import { rejectCodes } from '../../../../domain/records/reject.ts';
import { stages } from '../../../../domain/stage.ts';

const of = {
  key: 'recipes/a.json',
  dataset: 'recipes',
  versionId: 'v1',
  standing: 'active',
  finishedAt: '2026-11-01T10:00:00.000Z',
  codeVersion: 'c1',
} as const;

test('no line of a table of rejects is wider than 80 columns, and the table has every reason in full', () => {
  const text = fc
    .array(fc.oneof(fc.constantFrom('a', 'word', ' ', '甘い', 'x'.repeat(90)), fc.string({ maxLength: 9 })))
    .map((parts) => parts.join(''));
  const rejects = fc.array(
    fc.record({
      recordNumber: fc.integer({ min: 1, max: 100_000_000 }),
      stage: fc.constantFrom(...stages),
      code: fc.constantFrom(...rejectCodes),
      path: fc.constant(''),
      message: text.map((each) => each.replace(/[^\p{ASCII}甘い]/gu, '').replace(/\\/g, '/')),
    }),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(rejects, (some) => {
      const listed = some.map((each): ListedReject => ({ ...of, ...each }));
      const [heading, , ...lines] = rejectTables(listed).split('\n');
      expect(heading).toContain('recipes/a.json');
      const shown = lines.map(stripVTControlCharacters);
      for (const line of shown)
        expect(line.length + (line.match(/[甘い]/g)?.length ?? 0)).toBeLessThanOrEqual(80);
      const glyphs = (each: string) => each.replaceAll(/\s/g, '');
      const reasons = some.map(
        ({ recordNumber, stage, code, message }) => `${recordNumber}${stage}${code}${message}`,
      );
      expect(glyphs(shown.join(''))).toBe(glyphs(reasons.join('')));
    }),
  );
});

test('rejects of two versions of an object stand in two tables, and the rejected version is named', () => {
  const reject = {
    ...of,
    recordNumber: 1,
    stage: 'extraction',
    code: 'empty',
    path: 'title',
    message: 'is blank',
  } as const;
  const text = rejectTables([reject, { ...reject, versionId: 'v2\u001b[2J', standing: 'rejected' }]);
  expect(text.match(/RECORD/g)).toHaveLength(2);
  expect(text).toContain('recipes/a.json');
  expect(text).toContain(', of version v2\\u001b[2J, which was rejected');
  expect(text).toContain('title: is blank');
});
