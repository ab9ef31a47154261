import { expect, test } from 'vitest';
import { Arrivals, arrivalText } from '../../../cli/ledger/arrivals.ts';
import { passengers } from '../../../datasets/passengers.ts';
import { recipes } from '../../../datasets/recipes.ts';
import { Registry } from '../../../domain/registry.ts';

const HOUR = 3_600_000;
const now = 1_000 * HOUR;
const put = (key: string, hoursAgo: number, deleted = false) => ({
  ...{ key, deleted },
  modified: now - hoursAgo * HOUR,
});

function arrivalsOf(...versions: readonly ReturnType<typeof put>[]) {
  const expecting = { ...recipes, expectedEvery: { hours: 24 } };
  const arrivals = new Arrivals(new Registry([expecting, passengers]));
  for (const each of versions) arrivals.add(each);
  return arrivals.found(now);
}

test('a dataset is late if its newest object is older than it expects, and no other dataset is told of', () => {
  const late = arrivalsOf(put('recipes/a', 30), put('recipes/b', 26), put('passengers/c', 1));
  expect(late).toEqual([
    { dataset: 'recipes', expectedEveryHours: 24, newest: now - 26 * HOUR, isLate: true },
  ]);
  expect(late.map((each) => arrivalText(each, now))).toEqual([
    'recipes: the newest object is 26 h old, and one is expected every 24 h',
  ]);
  expect(arrivalsOf(put('recipes/b', 24), put('recipes/a', 30))).toMatchObject([{ isLate: false }]);
});

test('a deletion is no arrival, and a dataset without an object is late', () => {
  const none = arrivalsOf(put('recipes/a', 1, true));
  expect(none).toMatchObject([{ newest: null, isLate: true }]);
  expect(none.map((each) => arrivalText(each, now))).toEqual([
    'recipes: there is no object, and one is expected every 24 h',
  ]);
});
