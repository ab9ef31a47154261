import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concurrently } from '../../cli/concurrently.ts';
import { KeySet } from '../../cli/key-set.ts';

async function* from<Item>(items: readonly Item[], onRead: () => void = () => {}): AsyncGenerator<Item> {
  for (const item of items) {
    onRead();
    yield item;
  }
}

describe('concurrent work on a listing', () => {
  test('concurrent work yields its results in order, and never exceeds its limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 3 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        async (turns, atOnce) => {
          let underWay = 0;
          let most = 0;
          const results: number[] = [];
          const done = concurrently(from([...turns.entries()]), atOnce, async ([i, turn]) => {
            underWay += 1;
            most = Math.max(most, underWay);
            for (let n = 0; n < turn; n += 1) await Promise.resolve();
            underWay -= 1;
            return i;
          });
          for await (const result of done) results.push(result);
          expect(results).toEqual([...turns.keys()]);
          expect(most).toBeLessThanOrEqual(atOnce);
        },
      ),
    );
  });

  test('concurrent work never reads ahead of its limit', async () => {
    let read = 0;
    const done = concurrently(
      from([1, 2, 3, 4, 5, 6, 7, 8], () => {
        read += 1;
      }),
      3,
      async (item) => item,
    );
    await done.next();
    expect(read).toBe(3);
    await done.return(undefined);
  });

  test('concurrent work throws a failure in its turn', async () => {
    const results: number[] = [];
    const work = async () => {
      const done = concurrently(from([1, 2, 3]), 3, async (item) => {
        if (item === 2) throw new Error('two');
        return item;
      });
      for await (const result of done) results.push(result);
    };
    await expect(work()).rejects.toThrow('two');
    expect(results).toEqual([1]);
  });
});

test('a set of keys has exactly the keys that were added', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 3000 }), fc.array(fc.string()), (added, others) => {
      const keys = new KeySet();
      for (const key of added) keys.add(key);
      const plain = new Set(added);
      for (const key of [...added, ...others]) expect(keys.has(key)).toBe(plain.has(key));
    }),
    { numRuns: 20 },
  );
});
