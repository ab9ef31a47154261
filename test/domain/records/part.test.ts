import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parsePartLine, partLine } from '../../../domain/records/part.ts';

it('a record crosses from extraction to transformation as it is, 64-bit integers at any depth included', () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.integer(),
      fc.string(),
      fc.constantFrom(null, true, '901656910939770881'),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 3 }), tie('value'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  const schema = {};
  fc.assert(
    fc.property(value, fc.nat(), (record, recordNumber) => {
      const line = partLine(schema, recordNumber, record);
      expect(line).not.toContain('\n');
      expect(parsePartLine(line)).toEqual([recordNumber, record]);
    }),
    { numRuns: 2000 },
  );
});

it('a record without such integers is plain JSON', () => {
  expect(partLine({}, 7, { id: '1', n: [1] })).toBe('[7,{"id":"1","n":[1]}]');
  expect(partLine({}, 7, { id: 1n, n: [{ m: 2n }] })).toBe(
    '[7,{"id":"1","n":[{"m":"2"}]},[[1,"id"],[1,"n",0,"m"]]]',
  );
});
