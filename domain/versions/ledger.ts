import * as z from 'zod';
import type { Dataset } from '../dataset.ts';
import { UNKNOWN_DATASET } from './key-layout.ts';
import type { ObjectEvent } from './object-event.ts';
import { storedObject } from './receipt.ts';
import { isVersion, parseRevision, revisionName } from './revision.ts';
import { compareSequencers } from './sequencer.ts';

const activeVersion = z.object({
  type: z.enum(['created', 'deleted']),
  sequencer: z.string(),
  versionId: z.string(),
});

const fault = z.object({ code: z.string(), message: z.string() });

const currentVersion = activeVersion.extend({
  /** How many parts it has. Missing of a deletion, and in entries of before November 2026. */
  parts: z.int().nonnegative().optional(),
  /** How many records were read of it. Missing likewise. */
  records: z.int().nonnegative().optional(),
  /** What is amiss of it, though it took effect. */
  fault: fault.optional(),
  /**
   * Its files, if it has one part and they are few: the same as its publication has, so that the sinks need
   * not read that. Since November 2026.
   */
  files: z.array(storedObject).optional(),
  /** With them, when the version was taken up. */
  loadedAt: z.iso.datetime().optional(),
});

/** What the extraction of a version tells of the whole. */
const extraction = z.object({
  read: z.int().nonnegative(),
  rejected: z.int().nonnegative(),
  fault: fault.optional(),
});
export type Extraction = z.infer<typeof extraction>;

const committedVersion = activeVersion.extend({
  /** The snapshot of the table, and its number in their order; absent of a table that has none. */
  snapshot: z.string().optional(),
  sequence: z.int().nonnegative().optional(),
});
export type Committed = z.infer<typeof committedVersion>;

const attempted = z.object({
  sequencer: z.string(),
  versionId: z.string(),
  /**
   * `extracted`: it is prepared, and nobody has decided about it. `rejected`: it takes no effect, and the
   * last good version stays active.
   */
  status: z.enum(['extracting', 'extracted', 'rejected']),
  /** While `extracting`: the message and the invocation that claimed it. */
  message: z.string(),
  invocation: z.string(),
  /** The code version that extracts it: another one may have cut the object into different parts. */
  codeVersion: z.string(),
  /**
   * While `extracting`: no other invocation may claim the version before this time. Milliseconds since the
   * epoch by the writer's clock: never used to order events.
   */
  leaseUntil: z.int().nonnegative(),
  /**
   * While `extracting`: when an invocation without time left handed the rest to a message of its own, until
   * that one has claimed it. Milliseconds since the epoch.
   */
  handedOver: z.int().nonnegative().optional(),
  /**
   * When this revision was claimed for the first time: its rows have that as `_loaded_at`. Milliseconds since
   * the epoch; missing in entries of older code, and once it is rejected.
   */
  begunAt: z.int().nonnegative().optional(),
  /** The number of its parts, once it is extracted. */
  parts: z.int().nonnegative(),
  /** Whether a part was transformed before it was extracted: then nobody else may be left to publish it. */
  ahead: z.boolean().optional(),
  /** While `extracted`. */
  extraction: extraction.optional(),
  /** While `rejected`: what is amiss of it, if it is more than that no record is usable. */
  fault: fault.optional(),
});
export type Attempt = z.infer<typeof attempted>;

/**
 * The ledger entry of one raw key: one document in the ledger bucket, changed only by compare-and-swap.
 *
 * A version takes effect when it is published, not when it is claimed: until all of it is prepared, it is not
 * known whether any of its records is usable, and the version before it stays active.
 */
const fields = z.object({
  dataset: z.string(),
  key: z.string(),
  /**
   * The newest event that took effect: the tables show it, or are about to. It is only ever replaced by a
   * newer one.
   */
  current: currentVersion.optional(),
  /** Versions newer than `current` that have not taken effect. */
  attempts: z.array(attempted),
  /** Versions whose output, if any, is removed as soon as every sink shows `current`. */
  superseded: z.array(z.string()),
  /** What the lake's table shows: the event that was committed last. */
  committed: committedVersion.optional(),
  /** What MySQL and the archive show: the active event, once all of it is loaded. */
  loaded: activeVersion.optional(),
});
export type LedgerEntry = z.infer<typeof fields>;

/** Older and newer code change the same entries, so unknown fields are kept. */
export const ledgerEntry: z.ZodType<LedgerEntry> = z.looseObject({
  ...fields.shape,
  current: currentVersion.loose().optional(),
  committed: committedVersion.loose().optional(),
  loaded: activeVersion.loose().optional(),
  attempts: z.array(attempted.loose()),
});

/** The active version: one, or none. */
export function shownVersions({
  current,
}: Pick<LedgerEntry, 'current'>): NonNullable<LedgerEntry['current']>[] {
  return current?.type === 'created' ? [current] : [];
}

/** A revision of a version, with its sequencer. */
export type Version = Pick<NonNullable<LedgerEntry['current']>, 'sequencer' | 'versionId'>;

/** The decision about an event of the raw bucket, given the ledger entry of its key. */
export type Decision =
  /** Claim the version: make `next` the entry, unless the entry has changed meanwhile; then extract. */
  | { readonly action: 'extract'; readonly next: LedgerEntry }
  | { readonly action: 'retract'; readonly next: LedgerEntry }
  /**
   * The version is done, or another message is extracting it and stays in the queue until it is done. Only
   * make sure that superseded output is removed.
   */
  | { readonly action: 'duplicate' }
  /** A newer event took effect, or this event can have no effect. */
  | { readonly action: 'stale' }
  /** It is a deletion, and the dataset keeps the rows of deleted objects. */
  | { readonly action: 'keep' }
  /**
   * Another invocation is extracting the version, for the same message or under an older sequencer, or though
   * the rest was handed to this message: a copy of the one before it, which is in no queue any more. This
   * message must stay in the queue: acknowledged now, it would be lost if that invocation dies, or its
   * sequencer would be.
   */
  | { readonly action: 'wait'; readonly until: number };

/** The inputs of the decision besides the entry and the event. */
export interface Claim {
  readonly dataset: string;
  readonly onDelete: Dataset['onDelete'];
  /** The id of the message that brought the event. */
  readonly message: string;
  /** The id of this attempt; any other attempt, even at the same message, has another one. */
  readonly invocation: string;
  readonly codeVersion: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When the work will have ended in any case, by success or failure. Milliseconds since the epoch. */
  readonly deadline: number;
  /** Revisions that have receipts but are not in the entry: their names must not be used again. */
  readonly used?: readonly string[];
}

/** The reason of events that a lifecycle rule makes (S3 guide, "EventBridge event message structure"). */
const LIFECYCLE = 'Lifecycle Expiration';

/** Decides about an event by S3's sequencers, never by times or by the order of arrival. */
export function decide(known: LedgerEntry | undefined, event: ObjectEvent, claim: Claim): Decision {
  const before = known ?? { dataset: claim.dataset, key: event.key, attempts: [], superseded: [] };
  return event.type === 'created' ? decideCreated(before, event, claim) : decideDeleted(before, event, claim);
}

function decideCreated(known: LedgerEntry, event: ObjectEvent, claim: Claim): Decision {
  const { message, invocation, codeVersion, now, deadline, used = [] } = claim;
  const { current, attempts } = known;
  const version = versionOf(event, known);
  if (current?.type === 'created' && current.versionId === version.versionId) return { action: 'duplicate' };
  // The version was deleted for good.
  if (current?.type === 'deleted' && current.versionId === event.versionId) return { action: 'stale' };
  const attempt = attempts.find(({ versionId }) => versionId === version.versionId);
  const isAnotherSequencer = attempt !== undefined && attempt.sequencer !== version.sequencer;
  if (attempt !== undefined && attempt.status !== 'extracting' && !isAnotherSequencer)
    return { action: 'duplicate' };
  const isContinuation = event.handedOver !== undefined && event.handedOver === attempt?.handedOver;
  // This invocation's own claim is there already if the answer to its write was lost.
  if (attempt !== undefined && attempt.leaseUntil > now && attempt.invocation !== invocation)
    return attempt.message === message ||
      isContinuation ||
      compareSequencers(attempt.sequencer, event.sequencer) < 0
      ? { action: 'wait', until: attempt.leaseUntil }
      : { action: 'duplicate' };
  if (attempt === undefined && isOlder(version, current)) return { action: 'stale' };
  const claimed = {
    status: 'extracting',
    message,
    invocation,
    codeVersion,
    leaseUntil: deadline,
    parts: 0,
  } as const;
  // Output of older code, or under another sequencer, must not be mixed with the output of this attempt.
  const isAnother = attempt !== undefined && (attempt.codeVersion !== codeVersion || isAnotherSequencer);
  // Output under a name that no ledger entry knows any more is removed as well.
  const leftBehind = isAnother ? [...used, attempt.versionId] : used;
  const superseded = union(known.superseded, leftBehind);
  const { handedOver, begunAt: since, ...begun } = attempt ?? {};
  const versionId = notSuperseded(version.versionId, superseded);
  const begunAt = versionId === attempt?.versionId ? since : now;
  const mine = {
    ...begun,
    ...version,
    ...claimed,
    versionId,
    ...(begunAt !== undefined && { begunAt }),
    ...(handedOver !== undefined && !isContinuation && { handedOver }),
  };
  const next = {
    ...known,
    attempts: [...attempts.filter((each) => each !== attempt), mine],
    superseded,
  };
  return { action: 'extract', next };
}

/**
 * The revision that an event asks for, or a later one that is being extracted. A sweep that makes up for a
 * lost event can't know its sequencer, and places the version too low. If the event arrives after all, the
 * version is reprocessed in its right place. So the highest known sequencer of a version is the true one.
 */
function versionOf(event: ObjectEvent, { current, attempts }: LedgerEntry): Version {
  const isIt = (each: Version) => isVersion(each.versionId, event.versionId);
  const shown = current?.type === 'created' && isIt(current) ? current : undefined;
  const begun = attempts.filter(isIt);
  const sequencer = [...begun, ...(shown ? [shown] : [])]
    .map((each) => each.sequencer)
    .reduce((newest, each) => (compareSequencers(newest, each) < 0 ? each : newest), event.sequencer);
  const isTooFarDown =
    shown !== undefined && event.revision === 0 && compareSequencers(shown.sequencer, sequencer) < 0;
  const revision = isTooFarDown ? parseRevision(shown.versionId).revision + 1 : event.revision;
  const asked = { sequencer, versionId: revisionName(event.versionId, revision) };
  const newest = begun.reduce<Version>((a, b) => (isOlder(a, b) ? b : a), asked);
  return { sequencer, versionId: newest.versionId };
}

/** Superseded output is about to be removed, so nothing may be written under its names any more. */
function notSuperseded(name: string, superseded: readonly string[]): string {
  const taken = new Set(superseded);
  let free = name;
  while (taken.has(free)) free = nextRevision(free);
  return free;
}

function nextRevision(name: string): string {
  const { versionId, revision } = parseRevision(name);
  return revisionName(versionId, revision + 1);
}

/**
 * A deletion of the key, or of one version for good. The latter concerns only that version, not newer ones.
 * S3 then shows the version before it again, without an event; a sweep finds that. Versions that expire were
 * overwritten long ago, but may still be the last good ones.
 */
function decideDeleted(known: LedgerEntry, event: ObjectEvent, { onDelete }: Claim): Decision {
  const { sequencer, versionId, permanent, reason } = event;
  const { current, attempts } = known;
  if (onDelete === 'keep') return { action: 'keep' };
  // A sweep that makes up for a lost deletion places it too low as well; a version between the two places
  // would survive it.
  const isTooFarDown =
    current !== undefined && !permanent && compareSequencers(current.sequencer, sequencer) < 0;
  if (current?.type === 'deleted' && current.versionId === versionId && !isTooFarDown)
    return { action: 'duplicate' };
  if (!permanent) {
    if (current !== undefined && compareSequencers(sequencer, current.sequencer) < 0)
      return { action: 'stale' };
    return { action: 'retract', next: withCurrent(known, { type: 'deleted', sequencer, versionId }) };
  }
  if (reason === LIFECYCLE) return { action: 'stale' };
  const isIt = (each: Version) => isVersion(each.versionId, versionId);
  const concerned = attempts.filter(isIt).map((each) => each.versionId);
  const rest = withoutAttempts(known, concerned);
  const without = { ...rest, superseded: union(rest.superseded, concerned) };
  if (current?.type === 'created' && isIt(current)) {
    // Under the version's own sequencer: the deletion is later than that, and perhaps later than versions
    // whose events are still to come.
    const deleted = { type: 'deleted', sequencer: current.sequencer, versionId } as const;
    return { action: 'retract', next: withCurrent(without, deleted) };
  }
  return concerned.length === 0 ? { action: 'stale' } : { action: 'retract', next: without };
}

/**
 * Whether a version that the entry does not know, in any revision, may have been rejected and replaced by a
 * newer rejected one: then the entry has forgotten it, and only its receipt tells.
 */
export function mayBeForgotten({ attempts }: LedgerEntry, { versionId, sequencer }: Version): boolean {
  const plain = parseRevision(versionId).versionId;
  if (attempts.some((each) => isVersion(each.versionId, plain))) return false;
  return attempts.some(
    (each) => each.status === 'rejected' && compareSequencers(sequencer, each.sequencer) < 0,
  );
}

/** How long the message of an extraction that goes on may wait for a function. */
const HANDED_OVER_MS = 3_600_000;

/**
 * Whether the lease of an extraction ran out before `at` without a result: its message will be redelivered,
 * or is in the DLQ.
 */
export function isInterrupted(attempt: Attempt, at: number): boolean {
  return attempt.status === 'extracting' && heldUntil(attempt) < at;
}

/** Until when an extraction is not interrupted, though nobody else tells of it. */
export function heldUntil({ leaseUntil, handedOver }: Attempt): number {
  return handedOver === undefined ? leaseUntil : Math.max(leaseUntil, handedOver + HANDED_OVER_MS);
}

/** The entry without the attempts at these versions, which were given up before they did anything. */
export function withoutAttempts(known: LedgerEntry, versionIds: readonly string[]): LedgerEntry {
  return { ...known, attempts: known.attempts.filter(({ versionId }) => !versionIds.includes(versionId)) };
}

/** The entry with another event in effect: all older versions are superseded. */
export function withCurrent(known: LedgerEntry, current: NonNullable<LedgerEntry['current']>): LedgerEntry {
  // A deletion for good covers all revisions of the version that it names, so revisions are not compared.
  const isNewer = (attempt: Version) =>
    current.type === 'deleted'
      ? compareSequencers(current.sequencer, attempt.sequencer) < 0
      : isOlder(current, attempt);
  const older = [...shownVersions(known), ...known.attempts.filter((each) => !isNewer(each))].map(
    ({ versionId }) => versionId,
  );
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

type Active = NonNullable<LedgerEntry['current']>;

/** Whether it is the same event; no event is one, too. */
export const isSameEvent = (a: Active | undefined, b: Active | undefined) =>
  a?.type === b?.type && a?.versionId === b?.versionId && a?.sequencer === b?.sequencer;

/** The sinks whose state the entry tells: the lake's table; MySQL and the archive. */
type Sink = 'committed' | 'loaded';

/** The entry after an event was loaded to its end; unchanged if another event is active by now. */
export function withLoaded(known: LedgerEntry, event: Active): LedgerEntry {
  if (known.current === undefined || !isSameEvent(event, known.current) || isShownBy('loaded', known))
    return known;
  const { type, sequencer, versionId } = event;
  return { ...known, loaded: { type, sequencer, versionId } };
}

/**
 * The entry after an event was committed, even if another one is active by now: the table shows it until that
 * one is committed. Unchanged if the entry knows of a later commit.
 */
export function withCommitted(known: LedgerEntry, committed: Committed): LedgerEntry {
  const before = known.committed;
  if (before?.sequence !== undefined && before.sequence > (committed.sequence ?? 0)) return known;
  return before !== undefined && isSameEvent(before, committed) ? known : { ...known, committed };
}

/** Whether a sink shows what is active. */
export function isShownBy(sink: Sink, { current, [sink]: shown }: LedgerEntry): boolean {
  return current !== undefined && isSameEvent(current, shown);
}

/** Whether every sink shows the active version or the deletion, so that superseded output may be removed. */
export function isSettled(entry: LedgerEntry): boolean {
  if (entry.current === undefined || entry.dataset === UNKNOWN_DATASET) return true;
  return isShownBy('committed', entry) && isShownBy('loaded', entry);
}

/** The entry after the output of these versions was removed. */
export function withoutSuperseded(known: LedgerEntry, removed: readonly string[]): LedgerEntry {
  const superseded = known.superseded.filter((versionId) => !removed.includes(versionId));
  return superseded.length === known.superseded.length ? known : { ...known, superseded };
}

/** Of one version in two revisions, the lower one is the older. */
export function isOlder(a: Version, b: Version | undefined): boolean {
  if (b === undefined) return false;
  const [one, other] = [parseRevision(a.versionId), parseRevision(b.versionId)];
  if (one.versionId === other.versionId) return one.revision < other.revision;
  return compareSequencers(a.sequencer, b.sequencer) < 0;
}

export function union(some: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...some, ...more])];
}
