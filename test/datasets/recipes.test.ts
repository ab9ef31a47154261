import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Filtered } from '../../domain/dataset.ts';
import { registry } from '../../datasets/index.ts';
import { complexityScore, difficultyOf, recipes } from '../../datasets/recipes.ts';

const steps = fc.integer({ min: 1, max: 10_000 });
const recipe = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 2 minutes.'] };

function rowOf(key: string, recordNumber: number, record = recipe) {
  const row = recipes.transform(record, { key, recordNumber });
  if (row instanceof Filtered) throw new Error(row.reason);
  return row;
}

describe('a recipe', () => {
  it('is as complex as 0.6 × directions + 0.4 × ingredients, exactly', () => {
    fc.assert(
      fc.property(steps, steps, (directions, ingredients) => {
        const tenths = 6n * BigInt(directions) + 4n * BigInt(ingredients);
        expect(complexityScore(directions, ingredients)).toBe(Number(`${tenths}e-1`));
      }),
    );
  });

  it('is easy below 4, medium below 8 and else hard, by exact arithmetic', () => {
    for (let directions = 1; directions <= 40; directions += 1) {
      for (let ingredients = 1; ingredients <= 40; ingredients += 1) {
        const tenths = 6 * directions + 4 * ingredients;
        const expected = tenths < 40 ? 'easy' : tenths < 80 ? 'medium' : 'hard';
        expect(difficultyOf(complexityScore(directions, ingredients)), `${directions}, ${ingredients}`).toBe(
          expected,
        );
      }
    }
  });

  it.each([
    [6, 1, 4, 'medium'],
    [2, 7, 4, 'medium'],
    [12, 2, 8, 'hard'],
    [1, 8, 3.8, 'easy'],
    [13, 0, 7.8, 'medium'],
  ])(
    'of %d directions and %d ingredients scores %d and is %s',
    (directions, ingredients, score, difficulty) => {
      expect(complexityScore(directions, ingredients)).toBe(score);
      expect(difficultyOf(score)).toBe(difficulty);
    },
  );

  it('has the same id each time, and another id at another position', () => {
    const place = fc.tuple(fc.string(), fc.integer({ min: 1 }));
    fc.assert(
      fc.property(place, place, ([key, n], [otherKey, m]) => {
        const id = rowOf(key, n)['recipe_id'];
        expect(rowOf(key, n, { ...recipe, title: 'Renamed' })['recipe_id']).toBe(id);
        expect(id).toMatch(/^[0-9a-f]{32}$/);
        if (key !== otherKey || n !== m) expect(rowOf(otherKey, m)['recipe_id']).not.toBe(id);
      }),
    );
    expect(rowOf('a', 11)['recipe_id']).not.toBe(rowOf('1\na', 1)['recipe_id']);
  });

  it('becomes a row of its table', () => {
    expect(recipes.row.parse(rowOf('recipes/a.json', 1))).toEqual({
      ...recipe,
      recipe_id: expect.any(String),
      tags: [],
      complexity_score: 1,
      difficulty: 'easy',
      time_estimate_s: 120,
    });
  });
});

describe('the datasets', () => {
  it('are found by their name and by the prefix of a key', () => {
    expect(registry.of('recipes/2026/a.json')?.name).toBe('recipes');
    expect(registry.of('recipes.json')).toBeUndefined();
    expect(registry.of('other/recipes/a.json')).toBeUndefined();
    expect(registry.named('recipes')?.name).toBe('recipes');
    expect(registry.named('__proto__')).toBeUndefined();
  });
});
