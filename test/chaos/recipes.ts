import { createHash } from 'node:crypto';
import type { Random } from '../simulation/random.ts';
import type { Code } from './code.ts';
import {
  brokenOff,
  compressed,
  type Fate,
  followedByGarbage,
  list,
  makeEmpty,
  type Row,
  type Upload,
} from './objects.ts';

interface Recipe {
  readonly title: string;
  readonly ingredients: readonly string[];
  readonly directions: readonly string[];
  readonly tags?: readonly string[];
}

/** A record as it stands in the file, without its number: `fateOf` knows that. */
interface Entry {
  readonly text: string;
  readonly fateOf: (key: string, recordNumber: number) => Fate;
}

/** An object of any kind that people upload as recipes. */
export function makeRecipes(random: Random, key: string): Upload {
  const entries = list(random, 1, 9, () => makeEntry(random));
  const texts = entries.map(({ text }) => text);
  const fates = entries.map(({ fateOf }, i) => fateOf(key, i + 1));
  const lines = Buffer.from(texts.map((text) => `${text}\n`).join(''));
  const of = (text: string, more: Partial<Upload> = {}): Upload => ({
    key,
    body: compressed(random, Buffer.from(text)),
    fates,
    ...more,
  });
  switch (random.between(0, 15)) {
    case 0:
      return makeEmpty(random, key);
    case 1:
      return of('title;ingredients\n', { fates: [], fault: 'unknown_format' });
    case 2:
      return of('[]', { fates: [] });
    case 3:
      return of(`[${texts.join(',')}] and more`, { fault: 'trailing_content' });
    case 4:
      return of(`[${[...texts, '{"title": "Half'].join(',')}`, { fault: 'truncated' });
    case 5:
      return { key, body: brokenOff(lines), fates, fault: 'truncated' };
    case 6:
      return { key, body: followedByGarbage(lines), fates, fault: 'corrupt_compression' };
    case 7:
    case 8:
    case 9:
      return of(`\ufeff[${texts.join(',\n')}]`);
    default:
      return of(texts.join(random.pick(['\n', '\r\n', '\n\n'])));
  }
}

function makeEntry(random: Random): Entry {
  const steps = list(random, 1, 8, () => random.pick(directions));
  const recipe: Recipe = {
    title: `${random.pick(['Soup', ' Ragoût', '名物 “stew”', 'Pie, hot'])} ${random.id(6)}`,
    ingredients: list(random, 1, 9, (n) => `${n} ñ ${random.id(3)}`),
    directions: steps.map(([text]) => text),
    ...(random.chance(0.5) && { tags: list(random, 0, 3, () => random.id(4)) }),
  };
  const seconds = steps.reduce((sum, [, each]) => sum + each, 0);
  const rejected = (code: string, changes: object): Entry => ({
    text: JSON.stringify({ ...recipe, ...changes }),
    fateOf: () => ({ rejected: code }),
  });
  switch (random.between(0, 20)) {
    case 0:
      return rejected('missing_field', { title: undefined });
    case 1:
      return rejected('wrong_type', { directions: 'Stir.' });
    case 2:
      return rejected('empty', { ingredients: [] });
    case 3:
      return rejected('empty', { title: ' ' });
    case 4:
      return rejected('wrong_type', { tags: [1] });
    case 5:
      return rejected('unpaired_surrogate', { title: 'Half a \ud83c' });
    case 6:
      return { text: '{"title": nothing}', fateOf: () => ({ rejected: 'malformed_json' }) };
    // Nothing is wrong with it but the row that comes of it: more seconds than its column holds.
    case 7:
      return rejected('invalid_row', { directions: Array(6).fill('Cure for 99999 hours.') });
    default:
      return {
        text: JSON.stringify({ ...recipe, read_by_nobody: random.id(3) }),
        fateOf: (key, recordNumber) => (code) => ({ row: rowOf(recipe, seconds, key, recordNumber, code) }),
      };
  }
}

/** Directions, and how many seconds they take: 300 when they don't say. */
const directions: readonly [readonly [string, number], ...(readonly [string, number])[]] = [
  ['Stir.', 300],
  ['Serve with “bread”, cut\ninto slices.', 300],
  ['Boil for 10 minutes.', 600],
  ['Bake 1 hour.', 3600],
  ['Rest for half an hour.', 1800],
  ['Fry 5 to 7 minutes.', 420],
  ['Chill for 1 1/2 hours, then wait 30 seconds.', 5430],
];

function rowOf(recipe: Recipe, seconds: number, key: string, recordNumber: number, code: Code): Row {
  const id = createHash('sha256').update(`${recordNumber}\n${key}`).digest('hex').slice(0, 32);
  const tenths = 6 * recipe.directions.length + 4 * recipe.ingredients.length;
  const [medium, hard] = code === 'old' ? [40, 80] : [50, 70];
  return {
    recipe_id: id,
    title: code === 'old' ? recipe.title : recipe.title.toUpperCase(),
    ingredients: recipe.ingredients,
    directions: recipe.directions,
    tags: recipe.tags ?? [],
    complexity_score: tenths / 10,
    difficulty: tenths < medium ? 'easy' : tenths < hard ? 'medium' : 'hard',
    time_estimate_s: seconds,
  };
}
