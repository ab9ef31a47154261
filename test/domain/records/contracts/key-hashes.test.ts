import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duplicatesIn, KeyHashes, MOST_RECORDS } from '../../../../domain/records/contracts/key-hashes.ts';

type Key = string | number | bigint | null;

/** What the receipts of a file's parts have, each of so many records. */
function partsOf(keys: readonly Key[], length: number, key = 'a') {
  const parts = [];
  for (let start = 0; start < keys.length; start += length) {
    const hashes = new KeyHashes(['id'], key, start + 1);
    const own = keys.slice(start, start + length);
    for (const [i, id] of own.entries()) hashes.add(start + i + 1, { id });
    parts.push({ read: own.length, keyHashes: hashes.text });
  }
  return parts;
}

describe('keys that are there twice', () => {
  it('are found in and across parts, and no others', () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom('1', '2', 'a', '', '1,2', '["1"]'),
      fc.bigInt({ min: 0n, max: 3n }),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.array(key, { maxLength: 40 }), fc.integer({ min: 1, max: 15 }), (keys, length) => {
        const first = new Map<Key, number>();
        const pairs: [number, number][] = [];
        const told = new Set<Key>();
        let rows = 0;
        for (const [i, each] of keys.entries()) {
          if (each === null) continue;
          const before = first.get(each);
          if (before === undefined) first.set(each, i + 1);
          else {
            rows += 1;
            if (!told.has(each)) pairs.push([before, i + 1]);
            told.add(each);
          }
        }
        const expected = rows === 0 ? undefined : { rows, pairs };
        expect(duplicatesIn(partsOf(keys, length))).toEqual(expected);
      }),
    );
  });

  it('are not looked for if older code transformed a part', () => {
    expect(duplicatesIn([...partsOf([1, 1], 2), { read: 1 }])).toBeUndefined();
  });

  it('have other hashes in every object, so that they tell of nobody', () => {
    expect(partsOf(['ada@example.org'], 1, 'a')).not.toEqual(partsOf(['ada@example.org'], 1, 'b'));
  });

  it('take no memory beyond the records that are compared', () => {
    const hashes = new KeyHashes(['id'], 'a', MOST_RECORDS + 1);
    hashes.add(MOST_RECORDS + 1, { id: 1 });
    expect(hashes.text).toBe('');
  });

  it('are found among two million in a second or two', () => {
    const hashes = new KeyHashes(['id'], 'a', 1);
    for (let n = 1; n <= 200_000; n += 1) hashes.add(n, { id: n === 150_000 ? 7 : n });
    const parts = Array.from({ length: 10 }, () => ({ read: 200_000, keyHashes: '' }));
    parts[0] = { read: 200_000, keyHashes: hashes.text };
    expect(duplicatesIn(parts)).toEqual({ rows: 1, pairs: [[7, 150_000]] });
  });
});
