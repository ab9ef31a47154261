import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys, SortedMap } from '../../s3/storage/keys.ts';

/** So many that they lie in several runs, in an order that is none. */
const many = Array.from(
  { length: 5_000 },
  (_, i) => `${['a', 'b/', 'b/c', 'd/'][i % 4]}${(i * 7919) % 5_003}`,
);

function filled(keys: readonly string[]): SortedMap<string> {
  const sorted = new SortedMap<string>();
  for (const key of keys) sorted.set(key, `of ${key}`);
  return sorted;
}

const walked = (keys: SortedMap<string>, prefix: string, delimiter: string, after: string) =>
  Array.from(
    keys.walk({ prefix, delimiter, from: (key) => compareKeys(key, after) > 0, visible: () => true }),
    ({ key }) => key,
  );

test('a set of keys has each key once, in order, after any insertions and deletions', () => {
  const keys = filled([...many, ...many]);
  expect([...keys]).toEqual([...many].sort(compareKeys));
  for (const key of many) expect(keys.get(key)).toBe(`of ${key}`);
  const gone = new Set(many.filter((_, i) => i % 3 > 0));
  for (const key of gone) keys.delete(key);
  keys.delete('never there');
  expect([...keys]).toEqual(many.filter((key) => !gone.has(key)).sort(compareKeys));
  for (const key of many) keys.delete(key);
  expect([...keys]).toEqual([]);
  keys.set('again', '');
  expect([...keys]).toEqual(['again']);
});

test('a walk returns the keys of a prefix from any position, and common prefixes once', () => {
  const keys = filled(many);
  const sorted = [...many].sort(compareKeys);
  fc.assert(
    fc.property(
      fc.constantFrom('', 'a', 'b', 'b/', 'b/c', 'c', 'd/1', 'e'),
      fc.constantFrom('', '/', '1'),
      fc.oneof(fc.constantFrom(...many), fc.string()),
      (prefix, delimiter, after) => {
        const under = sorted.filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0);
        const rolled = under.map((key) => {
          const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
          return end < 0 ? key : key.slice(0, end + delimiter.length);
        });
        expect(walked(keys, prefix, delimiter, after)).toEqual([...new Set(rolled)]);
      },
    ),
  );
});

test('the order is that of UTF-8, also of characters that UTF-16 orders otherwise, and values stay with their keys', () => {
  const unit = fc.constantFrom('a', 'é', '\ud7ff', '\ue000', '～', '😀');
  fc.assert(
    fc.property(fc.array(fc.string({ unit })), (all) => {
      const map = new SortedMap<string>();
      for (const key of all) map.set(key, `of ${key}`);
      const byBytes = [...new Set(all)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect([...map]).toEqual(byBytes);
      expect(map.size).toBe(byBytes.length);
      expect([...map.values()]).toEqual(byBytes.map((key) => `of ${key}`));
      expect(map.get('never there')).toBeUndefined();
      for (const key of all) expect(map.add(key, 'another')).toBe(false);
      expect(map.add('never there', 'new')).toBe(true);
      for (const key of all) expect(map.get(key)).toBe(`of ${key}`);
    }),
  );
});
