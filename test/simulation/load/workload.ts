import type { Random } from '../random.ts';
import { family, recipesMember } from './datasets.ts';
import { makeObject, makeRotten, type Upload } from './objects.ts';

/** What somebody does, at so many milliseconds after the start. */
export type Deed = { readonly at: number } & (
  | { readonly kind: 'put'; readonly upload: Upload }
  /** A plain DELETE: a delete marker, where there are versions. */
  | { readonly kind: 'delete'; readonly key: string }
  /** A version or a delete marker goes for good: the newest, or some other one. */
  | { readonly kind: 'erase'; readonly key: string; readonly which: 'newest' | 'other' }
  /** A lifecycle rule does the same to a version that was overwritten. */
  | { readonly kind: 'expire'; readonly key: string }
  /** Somebody has what the ledger knows of a key done anew. */
  | { readonly kind: 'replay'; readonly key: string }
  /**
   * Somebody has the ledger held against the bucket, and what is found sent on its way; but what is younger
   * than this.
   */
  | { readonly kind: 'sweep'; readonly olderThanMs: number }
  | { readonly kind: 'deploy' }
  /** The lake is maintained: snapshots that were shown last longer ago than this are forgotten. */
  | { readonly kind: 'maintain'; readonly ageMs: number }
  /** Small files of the lake become larger ones. */
  | { readonly kind: 'compact' }
  /** Somebody takes away a part, or a file of the lake: hides it, or deletes it for good. */
  | { readonly kind: 'vandalism'; readonly bucket: 'temp' | 'processed'; readonly forGood: boolean }
  /** What waits in a queue is gone: it was kept for too long, or somebody purged the queue. */
  | { readonly kind: 'purge'; readonly queueArn: string }
  /** A message that is no event, sent straight to a queue. */
  | { readonly kind: 'poison'; readonly queueArn: string; readonly body: string }
);
export type Poison = Extract<Deed, { readonly kind: 'poison' }>;

export interface Workload {
  readonly deeds: readonly Deed[];
  /** Whether nobody looks after the DLQs until what is in them expires. */
  readonly isNeglected: boolean;
}

/** Everything happens within this time: spread out, or while what came before is still being worked on. */
const spansMs = [3_000, 10_000, 60_000, 20 * 60_000] as const;

/** How often each is done, from so often to so often; and in how many runs at all. */
const habits: readonly (readonly [Deed['kind'], runs: number, least: number, most: number])[] = [
  ['put', 1, 1, 6],
  ['delete', 0.75, 1, 3],
  ['erase', 0.25, 1, 2],
  ['expire', 0.15, 1, 2],
  ['replay', 0.65, 1, 2],
  ['sweep', 0.25, 1, 2],
  ['deploy', 0.6, 1, 2],
  ['vandalism', 0.1, 1, 2],
  ['purge', 0.1, 1, 2],
  ['poison', 0.3, 1, 2],
  ['maintain', 0.5, 1, 4],
  ['compact', 0.7, 1, 5],
];

/** In how many runs the DLQs are left to themselves. */
const NEGLECTED = 0.08;

/** What is done to a pipeline with these queues in front of its functions. */
export function makeWorkload(random: Random, queueArns: readonly string[]): Workload {
  const withinMs = random.pick(spansMs);
  const someMembers = [recipesMember, ...family] as const;
  const keys = Array.from({ length: random.between(1, 4) }, (_, n) => {
    const { prefix, format } = random.chance(0.1) ? recipesMember : random.pick(someMembers);
    return `${random.chance(0.03) ? 'unknown/' : ''}${prefix}${n % 2 ? 'a b/' : ''}${n}é.${format}`;
  }) as [string, ...string[]];
  // Somebody whose uploads are wrong mostly, and come one after the other.
  const rotten = random.chance(0.1) ? 0.7 : 0;
  const arns = queueArns as [string, ...string[]];
  const make: Readonly<Record<Deed['kind'], (n: number) => Deed>> = {
    put: () => {
      const key = random.pick(keys);
      const at = random.chance(0.3) ? 0 : random.between(0, withinMs);
      return {
        at,
        kind: 'put',
        upload: random.chance(rotten) ? makeRotten(random, key) : makeObject(random, key),
      };
    },
    delete: () => ({ at: random.between(0, withinMs), kind: 'delete', key: random.pick(keys) }),
    erase: () => ({
      at: random.between(0, 2 * withinMs),
      kind: 'erase',
      key: random.pick(keys),
      which: random.pick(['newest', 'newest', 'other']),
    }),
    expire: () => ({ at: random.between(0, 2 * withinMs), kind: 'expire', key: random.pick(keys) }),
    replay: () => ({ at: later(), kind: 'replay', key: random.pick(keys) }),
    sweep: () => ({ at: later(), kind: 'sweep', olderThanMs: random.pick([0, 60_000, 3_600_000]) }),
    deploy: () => ({ at: random.chance(0.5) ? random.between(1, 5 * 3_600_000) : later(), kind: 'deploy' }),
    vandalism: () => ({
      at: later(),
      kind: 'vandalism',
      bucket: random.pick(['temp', 'processed']),
      forGood: random.chance(0.5),
    }),
    purge: () => ({ at: later(), kind: 'purge', queueArn: random.pick(arns) }),
    poison: (n) => ({
      at: random.between(0, withinMs),
      kind: 'poison',
      queueArn: random.pick(arns),
      body: `no event ${n}`,
    }),
    // The second finds what the first one has forgotten.
    maintain: () => ({
      at: random.between(1_800_000, 6 * 3_600_000),
      kind: 'maintain',
      ageMs: random.pick([1_800_000, 7_200_000]),
    }),
    compact: () => ({ at: later() + random.pick([0, 10_000, 600_000]), kind: 'compact' }),
  };
  const later = () => random.between(0, 2 * withinMs) + random.pick([0, 60_000]);
  const deeds = habits.flatMap(([kind, runs, least, most]) => {
    const times = random.chance(runs) ? random.between(least, most) : 0;
    return Array.from({ length: times }, (_, n) => make[kind](n));
  });
  return { deeds, isNeglected: random.chance(NEGLECTED) };
}
