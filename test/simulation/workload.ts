import type { Random } from './random.ts';

/** What must become of one record. */
export type Fate =
  | { readonly row: { readonly title: string; readonly ingredients: number; readonly seconds: number[] } }
  | { readonly code: string };

/** An object that somebody puts, with what must become of it. */
export interface Upload {
  /** Milliseconds after the start. */
  readonly at: number;
  readonly key: string;
  readonly body: string;
  /** Of each record, in order. */
  readonly fates: readonly Fate[];
  /** Why the object as a whole can't be read to its end. */
  readonly fault?: string;
}

/** A message that is no event, sent straight to a queue. */
export interface Poison {
  readonly at: number;
  readonly queueArn: string;
  readonly body: string;
}

/** A plain DELETE of a key: a delete marker, where there are versions. */
export interface Deletion {
  readonly at: number;
  readonly key: string;
}

/** Somebody has what the ledger knows of a key done anew. */
export interface Replay {
  readonly at: number;
  readonly key: string;
}

export interface Workload {
  readonly replays: readonly Replay[];
  readonly deletions: readonly Deletion[];
  readonly uploads: readonly Upload[];
  readonly poison: readonly Poison[];
}

/** Everything happens within this time: spread out, or while what came before is still being worked on. */
const spansMs = [3_000, 10_000, 60_000, 20 * 60_000] as const;

/** Makes objects of all kinds, some under the same key, and deletes some of them, has some done anew, and now and then sends a message that nobody can read. */
export function makeWorkload(random: Random, queueArns: readonly string[]): Workload {
  const withinMs = random.pick(spansMs);
  const keys = Array.from(
    { length: random.between(1, 4) },
    (_, n) => `recipes/${n % 2 ? 'a b/' : ''}${n}é.json`,
  );
  // Somebody whose uploads are wrong mostly, and come one after the other.
  const rotten = random.chance(0.1) ? 0.7 : 0;
  const uploads = Array.from({ length: random.between(1, 6) }, (): Upload => {
    const at = random.chance(0.3) ? 0 : random.between(0, withinMs);
    const key = random.pick(keys as [string, ...string[]]);
    if (random.chance(rotten)) return { at, key, body: random.id(9), fates: [], fault: 'unknown_format' };
    return { at, ...makeObject(random, key) };
  });
  const poison = queueArns
    .filter(() => random.chance(0.1))
    .map((queueArn, n) => ({ at: random.between(0, withinMs), queueArn, body: `no event ${n}` }));
  const deletions = Array.from({ length: random.between(0, 3) }, () => ({
    at: random.between(0, withinMs),
    key: random.pick(keys as [string, ...string[]]),
  }));
  const replays = Array.from({ length: random.between(0, 2) }, () => ({
    at: random.between(0, 2 * withinMs) + random.pick([0, 60_000]),
    key: random.pick(keys as [string, ...string[]]),
  }));
  return { uploads, poison, deletions, replays };
}

/** An object of any kind, with what must become of it. */
export function makeObject(random: Random, key: string): Omit<Upload, 'at'> {
  const records = Array.from({ length: random.between(1, 8) }, () => makeRecord(random));
  const fates = records.map(({ fate }) => fate);
  const texts = records.map(({ text }) => text);
  switch (random.between(0, 11)) {
    case 0:
      return { key, body: ' \n', fates: [], fault: 'empty_file' };
    case 1:
      return { key, body: 'title;ingredients\n', fates: [], fault: 'unknown_format' };
    case 2:
      return { key: `unknown/${key}`, body: texts.join('\n'), fates: [], fault: 'unknown_prefix' };
    case 3:
      return { key, body: `[${texts.join(',')}] and more`, fates, fault: 'trailing_content' };
    case 4:
      return { key, body: `[${[...texts, '{"title": "Half'].join(',')}`, fates, fault: 'truncated' };
    case 5:
      return { key, body: '[]', fates: [] };
    case 6:
    case 7:
    case 8:
      return { key, body: `[${texts.join(',\n')}]`, fates };
    default:
      return { key, body: `{"title":1}\n${texts.join('\n')}\n`, fates: [{ code: 'wrong_type' }, ...fates] };
  }
}

function makeRecord(random: Random): { readonly text: string; readonly fate: Fate } {
  const title = `Soup ${random.id(6)} ñ`;
  const ingredients = Array.from({ length: random.between(1, 12) }, (_, n) => `ingredient ${n}`);
  const seconds = Array.from({ length: random.between(1, 8) }, () => random.between(0, 3) * 60);
  const directions = seconds.map((time) => (time === 0 ? 'Stir.' : `Boil for ${time / 60} minutes.`));
  const record = { title, ingredients, directions };
  switch (random.between(0, 12)) {
    case 0:
      return { text: JSON.stringify({ ...record, title: undefined }), fate: { code: 'missing_field' } };
    case 1:
      return { text: JSON.stringify({ ...record, directions: 'Stir.' }), fate: { code: 'wrong_type' } };
    case 2:
      return { text: JSON.stringify({ ...record, ingredients: [] }), fate: { code: 'empty' } };
    case 3:
      return { text: '{"title": nothing}', fate: { code: 'malformed_json' } };
    // Nothing is wrong with it but the row that comes of it: more seconds than its column holds.
    case 4:
    case 5:
      return {
        text: JSON.stringify({ ...record, directions: Array(6).fill('Cure for 99999 hours.') }),
        fate: { code: 'invalid_row' },
      };
    default:
      return {
        text: JSON.stringify(record),
        fate: { row: { title, ingredients: ingredients.length, seconds } },
      };
  }
}
