import { hash } from 'node:crypto';
import * as z from 'zod';
import { defineDataset } from '../domain/dataset.ts';
import { timeInDirections } from './cooking-time.ts';

const MAX_PROBLEMS = 10;

const isBlank = (text: string): boolean => text.trim() === '';

const text = z.string().check((context) => {
  if (isBlank(context.value)) {
    context.issues.push({
      code: 'custom',
      input: context.value,
      message: 'is blank',
      params: { code: 'empty' },
    });
  }
});

/**
 * A list of texts, none of them blank. One check of the whole list costs a fraction of a check for each text.
 * It stops at ten problems, whereas zod would store each of the millions that a hostile list can have.
 */
function texts(whenEmpty?: string) {
  return z.custom<string[]>().check(({ value, issues }) => {
    if (!Array.isArray(value)) {
      issues.push({ code: 'invalid_type', expected: 'array', input: value });
      return;
    }
    if (value.length === 0 && whenEmpty !== undefined) {
      issues.push({ code: 'custom', input: value, message: whenEmpty, params: { code: 'empty' } });
    }
    for (let i = 0; i < value.length && issues.length < MAX_PROBLEMS; i += 1) {
      const item: unknown = value[i];
      if (typeof item !== 'string') {
        issues.push({ code: 'invalid_type', expected: 'string', input: item, path: [i] });
      } else if (isBlank(item)) {
        issues.push({
          code: 'custom',
          input: item,
          message: 'is blank',
          path: [i],
          params: { code: 'empty' },
        });
      }
    }
  });
}

export const recipes = defineDataset({
  name: 'recipes',
  source: { prefix: 'recipes/', format: 'json' },
  record: z.object({
    title: text,
    ingredients: texts('names no ingredient'),
    directions: texts('names no direction'),
    tags: texts().optional(),
  }),
  transform(recipe, origin) {
    const score = complexityScore(recipe.directions.length, recipe.ingredients.length);
    return {
      recipe_id: recipeId(origin.key, origin.recordNumber),
      title: recipe.title,
      ingredients: recipe.ingredients,
      directions: recipe.directions,
      tags: recipe.tags ?? [],
      complexity_score: score,
      difficulty: difficultyOf(score),
      time_estimate_s: timeInDirections(recipe.directions),
    };
  },
  row: z.object({
    recipe_id: z.string(),
    title: z.string(),
    ingredients: z.array(z.string()),
    directions: z.array(z.string()),
    tags: z.array(z.string()),
    complexity_score: z.number(),
    difficulty: z.enum(['easy', 'medium', 'hard']),
    time_estimate_s: z.int32(),
  }),
  key: ['recipe_id'],
  partitionBy: ['difficulty'],
  onDelete: 'retract',
  onReject: 'keep',
});

/**
 * Derived from the recipe's position, not from its content: the same recipe in two files is two rows, so that
 * deleting one file never removes the row of the other.
 */
function recipeId(key: string, recordNumber: number): string {
  return hash('sha256', `${recordNumber}\n${key}`).slice(0, 32);
}

/**
 * 0.6 × directions + 0.4 × ingredients. Computed in tenths, since 0.6 × 6 + 0.4 is below 4 in binary floating
 * point.
 */
export function complexityScore(directions: number, ingredients: number): number {
  return (6 * directions + 4 * ingredients) / 10;
}

export function difficultyOf(score: number): 'easy' | 'medium' | 'hard' {
  if (score < 4) return 'easy';
  return score < 8 ? 'medium' : 'hard';
}
