import { createWriteStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Random } from '../../simulation/random.ts';

const words =
  'salt pepper onion garlic butter flour sugar egg milk cream chicken beef tomato basil oregano rice pasta cheese lemon lime ginger carrot celery stock wine vinegar mustard honey thyme parsley'.split(
    ' ',
  );
const times = [
  'for 35 minutes',
  'for 1 hour',
  'for 2.5 hours',
  'for 10 minutes',
  'for 45 mins',
  'for 30 seconds',
  'for 5 min',
  'until golden',
];
const POOL = 4096;
const CHUNK_CHARACTERS = 1 << 20;
/** Of so many recipes, one is invalid. */
const INVALID_EVERY = 50;

export interface RecipesFile {
  readonly path: string;
  readonly records: number;
  readonly bytes: number;
  /** Of the records as text, before compression. */
  readonly contentBytes: number;
}

/**
 * Writes recipes of 1.4 KB on average to a file, the same for the same arguments. One in 50 is invalid:
 * without a title, with a text in place of the list of ingredients, or without directions.
 */
export async function writeRecipes(
  path: string,
  { records, form }: { readonly records: number; readonly form: 'ndjson' | 'ndjson.gz' | 'json' },
): Promise<RecipesFile> {
  let contentBytes = 0;
  function* chunks(): Generator<string> {
    for (const chunk of recipeChunks(records, { isArray: form === 'json' })) {
      contentBytes += chunk.length;
      yield chunk;
    }
  }
  const file = createWriteStream(path);
  if (form === 'ndjson.gz') await pipeline(chunks, createGzip({ level: 6 }), file);
  else await pipeline(chunks, file);
  return { path, records, bytes: statSync(path).size, contentBytes };
}

/** Recipes as text, in pieces of a megabyte: an object a line, or an array. */
export function* recipeChunks(
  records: number,
  {
    isArray = false,
    invalidEvery = INVALID_EVERY,
  }: { readonly isArray?: boolean; readonly invalidEvery?: number } = {},
): Generator<string> {
  let isFirst = true;
  let chunk = isArray ? '[' : '';
  for (const line of recipeLines(records, invalidEvery)) {
    if (isArray && !isFirst) chunk += ',';
    isFirst = false;
    chunk += line;
    if (!isArray) chunk += '\n';
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
  }
  yield isArray ? `${chunk}]` : chunk;
}

/** One recipe after the other, as JSON. All of ASCII, so that characters are bytes. */
function* recipeLines(records: number, invalidEvery: number): Generator<string> {
  const numbers = new Random(42);
  const random = () => numbers.next();
  const below = (limit: number) => Math.floor(random() * limit);
  const word = () => words[below(words.length)];
  const pool = (make: () => string) => Array.from({ length: POOL }, () => JSON.stringify(make()));
  const ingredients = pool(() => `${1 + below(9)} cups ${word()}, ${word()} and chopped`);
  const directions = pool(
    () =>
      `Mix the ${word()} with the ${word()} and cook over medium heat ${times[below(times.length)]}, then add ${word()} and stir until the ${word()} is tender.`,
  );
  const some = (from: readonly string[], least: number, range: number) =>
    Array.from({ length: least + below(range) }, () => from[below(POOL)]).join(',');
  for (let i = 0; i < records; i += 1) {
    const fault = i % invalidEvery === invalidEvery - 1 ? ((i / invalidEvery) % 3) | 0 : undefined;
    const title = fault === 0 ? '' : `"title":"Recipe ${i} of ${word()}",`;
    const list = fault === 1 ? '"salt"' : `[${some(ingredients, 3, 12)}]`;
    const steps = fault === 2 ? '' : some(directions, 2, 9);
    yield `{${title}"ingredients":${list},"directions":[${steps}],"tags":["${word()}","${word()}"],"source":"https://recipes.example/${i}"}`;
  }
}
