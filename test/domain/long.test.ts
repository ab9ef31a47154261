import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonOf, longOf, parseJson } from '../../domain/long.ts';

const long = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }),
    fc.bigInt({ min: -(2n ** 53n) - 3n, max: -(2n ** 53n) + 3n }),
  )
  .map(longOf);

it('JSON keeps every digit of an integer', () => {
  fc.assert(
    fc.property(fc.array(long), fc.string(), (ids, text) => {
      expect(parseJson(jsonOf({ ids, text }))).toEqual({ ids, text });
    }),
    { numRuns: 1000 },
  );
  expect(parseJson('[9007199254740993]')).toEqual([9007199254740993n]);
});

it('JSON without long integers is that of every other program', () => {
  const value = fc.jsonValue().filter((each) => !/\d{16}/.test(JSON.stringify(each)));
  fc.assert(
    fc.property(value, (each) => {
      const text = JSON.stringify(each);
      expect([jsonOf(each), jsonOf(each, 2)]).toEqual([text, JSON.stringify(each, undefined, 2)]);
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
  );
});
