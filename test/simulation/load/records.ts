import { createHash } from 'node:crypto';
import type { Random } from '../random.ts';
import { type Member, MOST, MOST_DOUBLED, recipesMember } from './datasets.ts';

/** A row as it must be; what it lacks is null. */
export type Row = Readonly<Record<string, string | number | null>>;

/** What the transform makes of a valid record. */
export type Made =
  | { readonly row: Row; readonly partition: string /** By MySQL alone. */; readonly refused: boolean }
  | { readonly filtered: true }
  | { readonly rejected: string };

/** One record of an object, with what must become of it. */
export interface Item {
  /** As it stands in the file. */
  readonly text: string;
  /** Why a code finds it invalid; `undefined` when it does not. */
  readonly invalid: (code: number) => string | undefined;
  readonly made: (code: number, key: string, recordNumber: number) => Made;
}

/** A character that takes four bytes: the simulated server's tables have no room for it. */
const FOUR_BYTES = '🍲';
/** As much as the text of a partition may have, and one more. */
const TOO_LONG = 'k'.repeat(101);

/** What stands in a record, by how likely it does. */
type Choices<Value> = readonly (readonly [weight: number, make: (random: Random) => Value])[];

const names: Choices<string | undefined> = [
  [12, (random: Random) => `Soup, "${random.id(6)}" ñ`],
  [1, (random: Random) => `Soup ${FOUR_BYTES} ${random.id(4)}`],
  [1, (random: Random) => `Soup ${'long '.repeat(40)}${random.id(4)}`],
  [1, () => undefined],
];
const amounts: Choices<number | string> = [
  [6, (random: Random) => random.between(2, 99)],
  [1, () => 0],
  [1, () => 1],
  [1, () => -1],
  [1, (random: Random) => random.between(260, 900)],
  [1, (random: Random) => random.between(1000, 1999)],
  [1, () => 'much'],
];
const kinds: Choices<string | undefined> = [
  [3, () => undefined],
  [3, () => 'a'],
  [3, () => 'b/=%'],
  [1, () => 'c'],
  [0.5, () => TOO_LONG],
];

interface Fields {
  readonly name: string | undefined;
  readonly amount: number | string;
  readonly kind: string | undefined;
  readonly note: string | undefined;
}

/** A record of a dataset. @param hopeless whether no code may find anything in it to use */
export function makeItem(random: Random, member: Member, hopeless = false): Item {
  if (member === recipesMember) return makeRecipe(random, hopeless);
  if (random.chance(0.08)) return broken(member);
  const fields: Fields = {
    name: random.weighted(names)(random),
    amount: hopeless ? 'nothing' : random.weighted(amounts)(random),
    kind: random.weighted(kinds)(random),
    note: random.chance(0.5) ? `note ${random.between(1, 9)}` : undefined,
  };
  return {
    text: textOf(fields, member),
    invalid: (code) => invalid(fields, code),
    made: (code, key, recordNumber) => made(fields, member, code, `${recordNumber}@${key}`),
  };
}

function broken({ format }: Member): Item {
  const csv = format === 'csv';
  return {
    text: csv ? 'one,field,too,many,here' : '{"name": nothing}',
    invalid: () => (csv ? 'ragged_row' : 'malformed_json'),
    made: () => ({ rejected: 'nothing is made of it' }),
  };
}

export const CSV_HEADER = 'kind,name,amount,note';

function textOf({ name, amount, kind, note }: Fields, { format }: Member): string {
  if (format === 'json') return JSON.stringify({ name, amount, kind, note });
  return [kind, name, amount, note]
    .map((field) => (field === undefined ? '' : `"${String(field).replaceAll('"', '""')}"`))
    .join();
}

function invalid({ name, amount }: Fields, code: number): string | undefined {
  if (name === undefined) return 'missing_field';
  if (typeof amount === 'string') return 'wrong_type';
  return amount > (MOST[code] ?? 0) ? 'invalid_value' : undefined;
}

function made({ name, amount, kind, note }: Fields, { partitionBy }: Member, code: number, id: string): Made {
  const number = Number(amount);
  if (number === 0 || (number === 1 && code > 0)) return { filtered: true };
  if (number < 0 && code === 0) return { rejected: 'transform_failed' };
  if (2 * number > (MOST_DOUBLED[code] ?? 0)) return { rejected: 'invalid_row' };
  if (kind === TOO_LONG && partitionBy.includes('kind')) return { rejected: 'invalid_row' };
  const row = {
    id,
    name: `${name}, as code ${code} has it`,
    doubled: 2 * number,
    kind: (code > 0 ? kind?.toUpperCase() : kind) ?? null,
    size: number < 50 ? 'small' : 'large',
    note: note ?? null,
    extra: code > 0 && number % 2 === 0 ? `extra ${number}` : null,
  };
  const partition = partitionBy.map((column) => row[column]).join('/');
  return { row, partition, refused: (name ?? '').includes(FOUR_BYTES) };
}

/** A recipe, of which every code makes the same. */
function makeRecipe(random: Random, hopeless: boolean): Item {
  const title = `Soup ${random.id(6)} ñ`;
  const ingredients = Array.from({ length: random.between(1, 12) }, (_, n) => `ingredient ${n}`);
  const seconds = Array.from({ length: random.between(1, 8) }, () => random.between(0, 3) * 60);
  const directions = seconds.map((time) => (time === 0 ? 'Stir.' : `Boil for ${time / 60} minutes.`));
  const recipe = { title, ingredients, directions };
  const rejected = (value: unknown, reason: string): Item => ({
    text: typeof value === 'string' ? value : JSON.stringify(value),
    invalid: () => reason,
    made: () => ({ rejected: 'nothing is made of it' }),
  });
  switch (random.between(hopeless ? 9 : 0, 12)) {
    case 9:
      return rejected({ ...recipe, title: undefined }, 'missing_field');
    case 10:
      return rejected({ ...recipe, directions: 'Stir.' }, 'wrong_type');
    case 11:
      return rejected({ ...recipe, ingredients: [] }, 'empty');
    case 12:
      return rejected('{"title": nothing}', 'malformed_json');
    // Nothing is wrong with it but the row that comes of it: more seconds than its column holds.
    case 7:
    case 8:
      return {
        text: JSON.stringify({ ...recipe, directions: Array(6).fill('Cure for 99999 hours.') }),
        invalid: () => undefined,
        made: () => ({ rejected: 'invalid_row' }),
      };
    default:
      return {
        text: JSON.stringify(recipe),
        invalid: () => undefined,
        made: (_, key, recordNumber) => madeOfRecipe(title, ingredients.length, seconds, key, recordNumber),
      };
  }
}

function madeOfRecipe(
  title: string,
  ingredients: number,
  seconds: readonly number[],
  key: string,
  recordNumber: number,
): Made {
  const tenths = 6 * seconds.length + 4 * ingredients;
  const difficulty = tenths < 40 ? 'easy' : tenths < 80 ? 'medium' : 'hard';
  const row = {
    recipe_id: createHash('sha256').update(`${recordNumber}\n${key}`).digest('hex').slice(0, 32),
    title,
    complexity_score: tenths / 10,
    difficulty,
    time_estimate_s: seconds.reduce((sum, each) => sum + (each || 300), 0),
  };
  return { row, partition: difficulty, refused: false };
}
