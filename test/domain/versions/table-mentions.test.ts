import fc from 'fast-check';
import { expect, test } from 'vitest';
import { versionPath } from '../../../domain/versions/key-layout.ts';
import { isShown, type Mentions, mentioned } from '../../../domain/versions/table-mentions.ts';

const version = fc
  .record({ key: fc.constantFrom('recipes/a', 'recipes/b', 'recipes/c'), n: fc.nat({ max: 3 }) })
  .map(({ key, n }) => versionPath({ dataset: 'recipes', key, versionId: `v${n}` }));
const change: fc.Arbitrary<Mentions> = fc
  .uniqueArray(fc.tuple(version, fc.boolean()), {
    selector: ([{ objectId, version: name }]) => `${objectId}/${name}`,
    maxLength: 5,
  })
  .map((all) => ({
    committed: all.flatMap(([each, isAdded]) => (isAdded ? [each] : [])),
    removed: all.flatMap(([each, isAdded]) => (isAdded ? [] : [each])),
  }));
const nameOf = ({ objectId, version: name }: ReturnType<typeof versionPath>) => `${objectId}/${name}`;

test('the snapshots tell of each version what the last change of it was, and nothing of the others', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), version, (changes, asked) => {
      const shown = new Map<string, boolean>();
      for (const { committed, removed } of changes) {
        for (const each of committed) shown.set(nameOf(each), true);
        for (const each of removed) shown.set(nameOf(each), false);
      }
      // Another engine's snapshot in between has no such properties.
      const snapshots = changes.flatMap((each) => [
        { summary: { operation: 'append', ...mentioned(each) } },
        { summary: { operation: 'replace' } },
      ]);
      expect(isShown(snapshots, asked)).toBe(shown.get(nameOf(asked)));
    }),
  );
});

test('a snapshot that commits and removes many versions says so in few characters each', () => {
  const paths = Array.from({ length: 100 }, (_, n) =>
    versionPath({ dataset: 'recipes', key: `recipes/${'a'.repeat(900)}${n}`, versionId: 'v'.repeat(900) }),
  );
  const properties = mentioned({ committed: paths, removed: [] });
  expect(Object.values(properties).join('').length).toBeLessThan(1_400);
});
