import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FileCache } from '../../lake/file-cache.ts';

it('a cache of files has those that came last, as long as all fit together', () => {
  const sizes = fc.array(fc.nat({ max: 40 }), { maxLength: 50 });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const cache = new FileCache(100);
      const files = lengths.map((length, i) => [`s3://lake/${i}`, Buffer.alloc(length, i)] as const);
      for (const [uri, file] of files) cache.put(uri, file);
      let bytes = 0;
      for (const [uri, file] of files.toReversed()) {
        bytes += file.length;
        expect(cache.get(uri)).toBe(bytes <= 100 ? file : undefined);
      }
    }),
  );
});

it('a file that is larger than the cache takes the place of none', () => {
  const cache = new FileCache(10);
  cache.put('s3://lake/small', Buffer.alloc(10));
  cache.put('s3://lake/large', Buffer.alloc(11));
  expect(cache.get('s3://lake/small')).toHaveLength(10);
  expect(cache.get('s3://lake/large')).toBeUndefined();
});
