// Writes the example files beside it, always the same ones: node examples/generate.ts
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { passengerFiles } from './passengers.ts';

/** Mulberry32: a small generator of pseudo-random numbers with a seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomNumbers(2026);
const below = (limit: number) => Math.floor(random() * limit);
const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;
const some = <Item>(items: readonly Item[], count: number): Item[] => {
  const rest = [...items];
  return Array.from(
    { length: Math.min(count, rest.length) },
    () => rest.splice(below(rest.length), 1)[0] as Item,
  );
};

const styles = [
  'Roasted',
  'Slow-cooked',
  'Grilled',
  'Smoky',
  'Crisp',
  'Creamy',
  'Spiced',
  'Braised',
  'Quick',
  'Sunday',
];
const mains = [
  'chicken',
  'aubergine',
  'chickpeas',
  'salmon',
  'lentils',
  'mushrooms',
  'tofu',
  'lamb',
  'squash',
  'cauliflower',
];
const dishes = ['stew', 'salad', 'tray bake', 'curry', 'soup', 'pie', 'noodles', 'tacos', 'gratin', 'pilaf'];
const pantry = [
  '2 tbsp olive oil',
  '1 onion, chopped',
  '3 cloves garlic, crushed',
  '400 g tinned tomatoes',
  '1 tsp salt',
  '½ tsp black pepper',
  '200 g rice',
  '1 l vegetable stock',
  '2 carrots, sliced',
  '1 lemon',
  '50 g butter',
  '100 ml cream',
  '1 tsp smoked paprika',
  '2 tsp cumin seeds',
  '1 bunch parsley',
  '30 g parmesan',
  '2 bay leaves',
  '1 tbsp honey',
  '250 g yoghurt',
  '1 red chilli',
];
const steps = [
  'Heat the oven to 200 °C and line a tray.',
  'Soften the onion in the oil for 8 minutes.',
  'Add the garlic and spices and stir for 30 seconds.',
  'Pour in the stock and simmer for 20-25 minutes.',
  'Roast for 1 hour 10 minutes, turning once.',
  'Cook over a low heat for 1½ hours until tender.',
  'Season to taste.',
  'Leave to rest for 5 to 10 mins before serving.',
  'Whisk the yoghurt with the lemon and a little salt.',
  'Bake for 35 min until golden.',
  'Scatter with parsley and serve at once.',
  'Marinate for 2 h, or overnight.',
  'Toast the cumin for 45 secs, shaking the pan.',
];
const tags = [
  'vegetarian',
  'weeknight',
  'one pot',
  'for guests',
  'spicy',
  'gluten free',
  'budget',
  'summer',
  'winter',
];

interface Recipe {
  title: string;
  ingredients: string[];
  directions: string[];
  tags?: string[];
}

function recipe(): Recipe {
  const main = pick(mains);
  const made: Recipe = {
    title: `${pick(styles)} ${main} ${pick(dishes)}`,
    ingredients: [`${1 + below(8)}00 g ${main}`, ...some(pantry, 1 + below(11))],
    directions: some(steps, 1 + below(10)),
  };
  if (random() < 0.7) made.tags = some(tags, 1 + below(3));
  return made;
}

const recipes = (count: number) => Array.from({ length: count }, recipe);
const array = (records: readonly unknown[]) => `${JSON.stringify(records, null, 2)}\n`;
const lines = (records: readonly unknown[]) =>
  `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;

/** Good recipes with, between them, one of each thing that is wrong in real files. */
function withMistakes(): string {
  const [a, b, c, d, e, f, g, h] = recipes(8).map((each) => JSON.stringify(each));
  const { title: _, ...untitled } = recipe();
  return `[
${a},
${JSON.stringify(untitled)},
${b},
${JSON.stringify({ ...recipe(), ingredients: '400 g pasta, 2 eggs, 100 g pecorino' })},
${JSON.stringify({ ...recipe(), directions: [] })},
${c},
${JSON.stringify({ ...recipe(), title: 42, tags: ['quick', null] })},
${JSON.stringify({ ...recipe(), title: '   ' })},
${d},
{"title": "Unquoted", ingredients: ["1 egg"], "directions": ["Boil for 6 minutes."]},
null,
["a list", "where a recipe should be"],
${e},
{"title": "Half a surrogate \\ud83c", "ingredients": ["1 egg"], "directions": ["Boil for 6 minutes."]},
${f},
${JSON.stringify({ ...recipe(), directions: ['Mix.', ''] })},
${g},
${h}
]
`;
}

/** What is unusual and yet right. */
const unusual = [
  { ...recipe(), title: '🍜 Ramen für 4 👩‍🍳👨‍🍳' },
  { ...recipe(), title: 'שקשוקה עם פטה', directions: ['מבשלים 20 דקות. Simmer for 20 minutes.'] },
  { ...recipe(), title: 'كسكس بالخضار', tags: ['مغربي'] },
  { ...recipe(), title: '麻婆豆腐', ingredients: ['豆腐 400 g', '花椒 2 tsp'] },
  { ...recipe(), title: 'Crème brûlée with a "crust", <b>bold</b> & \\ back\\slash\ttab' },
  { ...recipe(), title: `A title that does not end${', and goes on'.repeat(400)}` },
  { ...recipe(), directions: ['Stir. '.repeat(20_000)] },
  { ...recipe(), title: "Robert'); DROP TABLE recipes;--", __source: 'kept out: an unknown field' },
];
/** The same name twice in one object: the last one counts, as everywhere in JavaScript. */
const duplicateKeys =
  '{"title":"First title","title":"Second title","ingredients":["1 egg"],"directions":["Boil for 6 minutes."]}\n';

const whole = array(recipes(30));
const compressed = gzipSync(lines(recipes(200)));

const files: Readonly<Record<string, string | Uint8Array>> = {
  'recipes/family-cookbook.json': array(recipes(120)),
  'recipes/soups.ndjson': lines(recipes(60)),
  'recipes/baking.json.gz': gzipSync(array(recipes(80))),
  'recipes/street-food.ndjson.zst': zstdCompressSync(lines(recipes(40))),
  'recipes/really-gzip.json': gzipSync(array(recipes(10))),
  'recipes/with-mistakes.json': withMistakes(),
  'recipes/unusual.ndjson': lines(unusual) + duplicateKeys,
  'recipes/byte-order-mark.json': `\ufeff${array(recipes(5))}`,
  'recipes/windows-lines.ndjson': lines(recipes(5)).replaceAll('\n', '\r\n'),
  'recipes/no-recipes.json': '[]\n',
  'recipes/truncated.json': whole.slice(0, Math.floor(whole.length * 0.6)),
  'recipes/breaks-off.ndjson.gz': compressed.subarray(0, Math.floor(compressed.length * 0.6)),
  'recipes/not-json.json': '<!doctype html>\n<title>502 Bad Gateway</title>\n',
  'recipes/empty.json': '',
  'recipes/2026/Grandma’s best (vol. 2).json': array(recipes(12)),
  'recipes/2026/salt+pepper 100%25 %41.json': array(recipes(7)),
  'recipes/2026/食譜 und Öl.json': array(recipes(6)),
  'unsorted/shopping-list.txt': 'eggs\nflour\nbutter\n',
  ...passengerFiles(random),
};

for (const directory of ['passengers', 'recipes', 'unsorted']) {
  rmSync(join(import.meta.dirname, directory), { recursive: true, force: true });
}
for (const [name, content] of Object.entries(files)) {
  const path = join(import.meta.dirname, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
