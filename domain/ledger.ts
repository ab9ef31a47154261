import * as z from 'zod';
import type { Dataset } from './dataset.ts';
import { editionName, parseEdition } from './edition.ts';
import type { ObjectEvent } from './object-event.ts';
import { compareSequencers } from './sequencer.ts';

/**
 * What is known of one raw key. One object a key in the ledger bucket, changed by compare-and-swap only.
 *
 * A version takes effect when its extraction has ended, not when it is taken up: until then nobody knows whether
 * anything in it can be used, and the one before it stands.
 */
export const head = z.strictObject({
  dataset: z.string(),
  key: z.string(),
  /** The newest event that took effect: the tables show it, or are about to. It only ever grows newer. */
  current: z
    .strictObject({ type: z.enum(['created', 'deleted']), sequencer: z.string(), versionId: z.string() })
    .optional(),
  /** Versions newer than `current` that have not taken effect. */
  attempts: z.array(
    z.strictObject({
      sequencer: z.string(),
      versionId: z.string(),
      /** `rejected`: nothing of it can be used, and its dataset keeps the last good version. */
      status: z.enum(['extracting', 'rejected']),
      /** While `extracting`: on account of which message, in which invocation, and until when nobody else may do it. */
      message: z.string(),
      invocation: z.string(),
      /** Milliseconds since the epoch. */
      leaseUntil: z.int().nonnegative(),
    }),
  ),
  /** Versions that may have left something behind, which goes as soon as `current` is complete. */
  superseded: z.array(z.string()),
});
export type Head = z.infer<typeof head>;

/** A version in some edition, and when it came to be. */
type Version = Pick<NonNullable<Head['current']>, 'sequencer' | 'versionId'>;

/** What is to be done about an event of the raw bucket, given what is known of its key. */
export type Decision =
  /** Take it up: make `next` the head, unless somebody changed it meanwhile; then do the work. */
  | { readonly action: 'extract' | 'retract'; readonly next: Head }
  /**
   * It was taken up before, and got through or will: see that what it superseded goes, nothing else. Another message
   * that is at it stays in the queue until it is done.
   */
  | { readonly action: 'duplicate' }
  /** A newer event took effect, or this one can have none. */
  | { readonly action: 'stale' }
  /** A deletion, and the dataset keeps the rows of deleted objects. */
  | { readonly action: 'keep' }
  /** This very message was delivered twice at once, and to acknowledge it would take it from the one that works on it. */
  | { readonly action: 'wait'; readonly until: number };

/** What the decision needs besides the head and the event. */
export interface Claim {
  readonly dataset: string;
  readonly onDelete: Dataset['onDelete'];
  /** The message that brought the event, by its id. */
  readonly message: string;
  /** Tells this attempt from any other, also at the same message. */
  readonly invocation: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When the work will have ended in any case, well or badly, in milliseconds since the epoch. */
  readonly deadline: number;
}

/** Decides about an event. Sequencers decide, as S3 defines them; times and the order of arrival never do. */
export function decide(known: Head | undefined, event: ObjectEvent, claim: Claim): Decision {
  const before = known ?? { dataset: claim.dataset, key: event.key, attempts: [], superseded: [] };
  return event.type === 'created' ? decideCreated(before, event, claim) : decideDeleted(before, event, claim);
}

function decideCreated(known: Head, event: ObjectEvent, claim: Claim): Decision {
  const { message, invocation, now, deadline } = claim;
  const { current, attempts } = known;
  const version = { sequencer: event.sequencer, versionId: editionName(event.versionId, event.edition) };
  // By version as well: a sweep that makes up for a lost event can't know its sequencer.
  if (current?.type === 'created' && current.versionId === version.versionId) return { action: 'duplicate' };
  const attempt = attempts.find(({ versionId }) => versionId === version.versionId);
  if (attempt?.status === 'rejected') return { action: 'duplicate' };
  // One's own claim is there already when the answer to its write was lost.
  if (attempt !== undefined && attempt.leaseUntil > now && attempt.invocation !== invocation)
    return attempt.message === message
      ? { action: 'wait', until: attempt.leaseUntil }
      : { action: 'duplicate' };
  if (attempt === undefined && isOlder(version, current)) return { action: 'stale' };
  const claimed = { status: 'extracting', message, invocation, leaseUntil: deadline } as const;
  const mine = { ...version, ...attempt, ...claimed };
  const others = attempts.filter((each) => each !== attempt);
  return { action: 'extract', next: { ...known, attempts: [...others, mine] } };
}

/**
 * A version that is deleted for good changes nothing of its key, unless it is the one that the tables show or that is
 * on its way there. (Old versions expire by themselves; a delete marker that goes brings back an old version without
 * an event, which a sweep finds.)
 */
function decideDeleted(known: Head, event: ObjectEvent, { onDelete }: Claim): Decision {
  const { sequencer, versionId, permanent } = event;
  const { current, attempts } = known;
  if (onDelete === 'keep') return { action: 'keep' };
  if (current?.type === 'deleted' && current.versionId === versionId) return { action: 'duplicate' };
  if (isOlder({ sequencer, versionId }, current)) return { action: 'stale' };
  const concerned = [...(current?.type === 'created' ? [current] : []), ...attempts];
  if (permanent && !concerned.some((each) => parseEdition(each.versionId).versionId === versionId))
    return { action: 'stale' };
  return { action: 'retract', next: withCurrent(known, { type: 'deleted', sequencer, versionId }) };
}

/**
 * The head when the extraction of a version has ended. Without `accepted`, the version takes no effect, and the last
 * good one stands.
 *
 * @returns `undefined` when a newer event took effect meanwhile: what the version left behind must go
 */
export function conclude(known: Head, versionId: string, accepted: boolean): Head | undefined {
  if (known.current?.type === 'created' && known.current.versionId === versionId) return known;
  const attempt = known.attempts.find((each) => each.versionId === versionId);
  if (attempt === undefined) return undefined;
  const { sequencer } = attempt;
  if (accepted) return withCurrent(known, { type: 'created', sequencer, versionId });
  // Only the newest rejected version keeps its rejects.
  const rejected = known.attempts.filter((each) => each === attempt || each.status === 'rejected');
  const newest = rejected.reduce((a, b) => (isOlder(a, b) ? b : a));
  return {
    ...known,
    attempts: [
      ...known.attempts.filter((each) => !rejected.includes(each)),
      { ...newest, status: 'rejected', message: '', invocation: '', leaseUntil: 0 },
    ],
    superseded: union(
      known.superseded,
      rejected.filter((each) => each !== newest).map((each) => each.versionId),
    ),
  };
}

/** The head with another event in effect: all that is older is superseded. */
function withCurrent(known: Head, current: NonNullable<Head['current']>): Head {
  const isNewer = ({ sequencer }: { sequencer: string }) =>
    compareSequencers(sequencer, current.sequencer) > 0;
  const older = [
    ...(known.current?.type === 'created' ? [known.current] : []),
    ...known.attempts.filter((each) => !isNewer(each)),
  ].map(({ versionId }) => versionId);
  return {
    ...known,
    current,
    attempts: known.attempts.filter(isNewer),
    superseded: union(
      known.superseded,
      older.filter((versionId) => current.type === 'deleted' || versionId !== current.versionId),
    ),
  };
}

/** The head when what these versions left behind is gone. */
export function withoutSuperseded(known: Head, removed: readonly string[]): Head {
  return { ...known, superseded: known.superseded.filter((versionId) => !removed.includes(versionId)) };
}

/**
 * Where a version stands. `live`: the tables show it, or may yet. `superseded`: it is shown until its successor is
 * complete. `gone`: what is found of it is left over.
 *
 * @param isIt tells whether a version id is the version's: derived keys hold no more of it than a segment
 */
export function standingOf(
  known: Head | undefined,
  isIt: (versionId: string) => boolean,
): 'live' | 'superseded' | 'gone' {
  if (known === undefined) return 'live';
  const { current, attempts, superseded } = known;
  const extracting = attempts.filter(({ status }) => status === 'extracting');
  if (current?.type === 'created' && isIt(current.versionId)) return 'live';
  if (extracting.some(({ versionId }) => isIt(versionId))) return 'live';
  return superseded.some(isIt) ? 'superseded' : 'gone';
}

/** Of one version in two editions, the lower one is the older. */
function isOlder(a: Version, b: Version | undefined): boolean {
  if (b === undefined) return false;
  const [one, other] = [parseEdition(a.versionId), parseEdition(b.versionId)];
  if (one.versionId === other.versionId) return one.edition < other.edition;
  return compareSequencers(a.sequencer, b.sequencer) < 0;
}

function union(some: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...some, ...more])];
}
