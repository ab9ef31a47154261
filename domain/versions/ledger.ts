import * as z from 'zod';
import type { Dataset } from '../dataset.ts';
import type { ObjectEvent } from './object-event.ts';
import type { ExtractionReceipt } from './receipt.ts';
import { isVersion, parseRevision, revisionName } from './revision.ts';
import { compareSequencers } from './sequencer.ts';

const activeVersion = z.object({
  type: z.enum(['created', 'deleted']),
  sequencer: z.string(),
  versionId: z.string(),
});

const attempted = z.object({
  sequencer: z.string(),
  versionId: z.string(),
  /** `rejected`: nothing of it can be used, and its dataset keeps the last good version. */
  status: z.enum(['extracting', 'rejected']),
  /** While `extracting`: on account of which message, in which invocation, and until when nobody else may do it. */
  message: z.string(),
  invocation: z.string(),
  /** Of the code that does it: what another one left behind may be cut into other parts. */
  codeVersion: z.string(),
  /** Milliseconds since the epoch, by the clock of who wrote it: no order of events may follow from it. */
  leaseUntil: z.int().nonnegative(),
  /** While `rejected`: its parts, of whose valid records the transform refuses every one, and says why. */
  parts: z.int().nonnegative(),
});

/**
 * What is known of one raw key. One object a key in the ledger bucket, changed by compare-and-swap only.
 *
 * A version takes effect when its extraction has ended, not when it is taken up: until then nobody knows whether
 * anything in it can be used, and the one before it stands.
 */
const fields = z.object({
  dataset: z.string(),
  key: z.string(),
  /** The newest event that took effect: the tables show it, or are about to. It only ever grows newer. */
  current: activeVersion.optional(),
  /** Versions newer than `current` that have not taken effect. */
  attempts: z.array(attempted),
  /** Versions that may have left something behind, which goes as soon as `current` is complete. */
  superseded: z.array(z.string()),
  /** Whether `current` is known to be in every sink: from then on what is superseded goes. */
  complete: z.boolean().optional(),
});
export type LedgerEntry = z.infer<typeof fields>;

/** Code of different ages changes the same entries: fields that it does not know stay as they are. */
export const ledgerEntry: z.ZodType<LedgerEntry> = z.looseObject({
  ...fields.shape,
  current: activeVersion.loose().optional(),
  attempts: z.array(attempted.loose()),
});

/** The version that the tables show, or are about to: one, or none. */
export function shownVersions({
  current,
}: Pick<LedgerEntry, 'current'>): NonNullable<LedgerEntry['current']>[] {
  return current?.type === 'created' ? [current] : [];
}

/** A version in some revision, and when it came to be. */
export type Version = Pick<NonNullable<LedgerEntry['current']>, 'sequencer' | 'versionId'>;

/** What is to be done about an event of the raw bucket, given what is known of its key. */
export type Decision =
  /** Take it up: make `next` the entry, unless somebody changed it meanwhile; then do the work. */
  | { readonly action: 'extract'; readonly next: LedgerEntry }
  | { readonly action: 'retract'; readonly next: LedgerEntry }
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

/** What the decision needs besides the entry and the event. */
export interface Claim {
  readonly dataset: string;
  readonly onDelete: Dataset['onDelete'];
  /** The message that brought the event, by its id. */
  readonly message: string;
  /** Tells this attempt from any other, also at the same message. */
  readonly invocation: string;
  readonly codeVersion: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When the work will have ended in any case, well or badly, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Revisions of which there are receipts, though no entry knows them: nobody may work under their names. */
  readonly used?: readonly string[];
}

/** The reason of events that a lifecycle rule makes (S3 guide, "EventBridge event message structure"). */
const LIFECYCLE = 'Lifecycle Expiration';

/** Decides about an event. Sequencers decide, as S3 defines them; times and the order of arrival never do. */
export function decide(known: LedgerEntry | undefined, event: ObjectEvent, claim: Claim): Decision {
  const before = known ?? { dataset: claim.dataset, key: event.key, attempts: [], superseded: [] };
  return event.type === 'created' ? decideCreated(before, event, claim) : decideDeleted(before, event, claim);
}

function decideCreated(known: LedgerEntry, event: ObjectEvent, claim: Claim): Decision {
  const { message, invocation, codeVersion, now, deadline, used = [] } = claim;
  const { current, attempts } = known;
  const version = versionOf(event, known);
  if (current?.type === 'created' && current.versionId === version.versionId) return { action: 'duplicate' };
  // It was deleted for good.
  if (current?.type === 'deleted' && current.versionId === event.versionId) return { action: 'stale' };
  const attempt = attempts.find(({ versionId }) => versionId === version.versionId);
  const isAnotherSequencer = attempt !== undefined && attempt.sequencer !== version.sequencer;
  if (attempt?.status === 'rejected' && !isAnotherSequencer) return { action: 'duplicate' };
  // One's own claim is there already when the answer to its write was lost.
  if (attempt !== undefined && attempt.leaseUntil > now && attempt.invocation !== invocation)
    return attempt.message === message || compareSequencers(attempt.sequencer, event.sequencer) < 0
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
  // What was left behind by the code before a deploy, or under another sequencer, must not be mixed with what this one makes.
  const isAnother = attempt !== undefined && (attempt.codeVersion !== codeVersion || isAnotherSequencer);
  // What somebody left under a name that no ledger entry knows any more goes with it.
  const leftBehind = attempt === undefined ? used : isAnother ? [attempt.versionId] : [];
  const superseded = union(known.superseded, leftBehind);
  const mine = {
    ...attempt,
    ...version,
    ...claimed,
    versionId: notSuperseded(version.versionId, superseded),
  };
  const next = {
    ...known,
    attempts: [...attempts.filter((each) => each !== attempt), mine],
    superseded,
  };
  return { action: 'extract', next };
}

/**
 * The revision of a version that an event asks for, or the one after it that somebody is at. A sweep that makes up for a
 * lost event can't know its sequencer, and puts the version too far down; when the event comes after all, the version is
 * done anew in its right place. So of all that is known of a version, the highest sequencer is the true one.
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

/** What is superseded is about to be removed: nobody may write under its name any more. */
function notSuperseded(name: string, superseded: readonly string[]): string {
  return superseded.includes(name) ? notSuperseded(nextRevision(name), superseded) : name;
}

function nextRevision(name: string): string {
  const { versionId, revision } = parseRevision(name);
  return revisionName(versionId, revision + 1);
}

/**
 * A deletion of the key, or of one version for good. The latter concerns that version alone, and leaves what is newer to
 * itself; the version before it comes back without an event, which a sweep finds. Versions that expire were overwritten
 * long ago, and may yet be the last good ones.
 */
function decideDeleted(known: LedgerEntry, event: ObjectEvent, { onDelete }: Claim): Decision {
  const { sequencer, versionId, permanent, reason } = event;
  const { current, attempts } = known;
  if (onDelete === 'keep') return { action: 'keep' };
  // A sweep that makes up for a deletion puts it too far down as well; what comes between the two would outlive it.
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
    // Under its own sequencer: the deletion came later than it, and maybe later than versions that are still to come.
    const deleted = { type: 'deleted', sequencer: current.sequencer, versionId } as const;
    return { action: 'retract', next: withCurrent(without, deleted) };
  }
  return concerned.length === 0 ? { action: 'stale' } : { action: 'retract', next: without };
}

/**
 * Whether a version replaces the one before it. One of which nothing can be used, or too much is rejected, does only if its
 * dataset wants it to, and one that was gone before it was read never does.
 */
export function takesEffect(
  { read, usable, fault }: Pick<ExtractionReceipt, 'read' | 'usable' | 'fault'>,
  onReject: Dataset['onReject'],
): boolean {
  if (fault?.code === 'version_not_found') return false;
  if (fault?.code === 'too_many_rejects') return onReject === 'replace';
  return usable || (fault === undefined && read === 0) || onReject === 'replace';
}

/**
 * The entry when the extraction of a version has ended, in so many parts. Without `accepted`, the version takes no effect,
 * and the last good one stands.
 *
 * @returns `undefined` when a newer event took effect meanwhile: what the version left behind must go
 */
export function conclude(
  known: LedgerEntry,
  versionId: string,
  { accepted, parts }: { readonly accepted: boolean; readonly parts: number },
): LedgerEntry | undefined {
  if (known.current?.type === 'created' && known.current.versionId === versionId) return known;
  const attempt = known.attempts.find((each) => each.versionId === versionId);
  if (attempt === undefined) return undefined;
  const { sequencer } = attempt;
  if (accepted) return withCurrent(known, { type: 'created', sequencer, versionId });
  const idle = { status: 'rejected', message: '', invocation: '', codeVersion: '', leaseUntil: 0 } as const;
  const mine = { ...attempt, ...idle, parts };
  const attempts = known.attempts.map((each) => (each === attempt ? mine : each));
  // Only the newest rejected version keeps its rejects, and an earlier revision of it has nothing more to say.
  const rejected = attempts.filter(({ status }) => status === 'rejected');
  const newest = rejected.reduce((a, b) => (isOlder(a, b) ? b : a));
  const isEarlier = (each: Version) => isSameVersion(each, mine) && isOlder(each, mine);
  const rest = attempts.filter((each) => !rejected.includes(each) && !isEarlier(each));
  const gone = attempts.filter((each) => each !== newest && !rest.includes(each));
  return {
    ...known,
    attempts: [...rest, newest],
    superseded: union(
      known.superseded,
      gone.map((each) => each.versionId),
    ),
  };
}

/**
 * Whether a version, in whatever revision, that is new to the entry may be one that was rejected, and gave way to a newer
 * rejected one: then it is forgotten there, and only its receipt tells.
 */
export function mayBeForgotten({ attempts }: LedgerEntry, { versionId, sequencer }: Version): boolean {
  const plain = parseRevision(versionId).versionId;
  if (attempts.some((each) => isVersion(each.versionId, plain))) return false;
  return attempts.some(
    (each) => each.status === 'rejected' && compareSequencers(sequencer, each.sequencer) < 0,
  );
}

/** Whether an extraction was to have ended by `at` and nothing says how: its message comes back, or lies in the DLQ. */
export function isInterrupted({ status, leaseUntil }: LedgerEntry['attempts'][number], at: number): boolean {
  return status === 'extracting' && leaseUntil < at;
}

/** The entry when attempts at these versions were given up before they did anything. */
export function withoutAttempts(known: LedgerEntry, versionIds: readonly string[]): LedgerEntry {
  return { ...known, attempts: known.attempts.filter(({ versionId }) => !versionIds.includes(versionId)) };
}

/** The entry with another event in effect: all that is older is superseded. */
function withCurrent(
  { complete: _, ...known }: LedgerEntry,
  current: NonNullable<LedgerEntry['current']>,
): LedgerEntry {
  // A deletion may name a version that it is about, in whichever revision.
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

/** The entry when its current version was found in every sink; as it was when another one has taken its place. */
export function markComplete(known: LedgerEntry, versionId: string): LedgerEntry {
  return known.complete === true || known.current?.versionId !== versionId
    ? known
    : { ...known, complete: true };
}

/** Whether everything older may go: what the tables are to show is in every sink. */
export function isLoaded({ current, complete }: LedgerEntry): boolean {
  return current?.type !== 'created' || complete === true;
}

/** The entry when what these versions left behind is gone. */
export function withoutSuperseded(known: LedgerEntry, removed: readonly string[]): LedgerEntry {
  const superseded = known.superseded.filter((versionId) => !removed.includes(versionId));
  return superseded.length === known.superseded.length ? known : { ...known, superseded };
}

/**
 * Where a version stands. `live`: the tables show it, or may yet. `superseded`: it is shown until its successor is
 * complete. `gone`: what is found of it is left over.
 *
 * @param isIt tells whether a version id is the version's: derived keys hold no more of it than a segment
 */
export function versionStatus(
  known: LedgerEntry | undefined,
  isIt: (versionId: string) => boolean,
): 'live' | 'superseded' | 'gone' {
  if (known === undefined) return 'live';
  const { current, attempts, superseded } = known;
  const withParts = attempts.filter(({ status, parts }) => status === 'extracting' || parts > 0);
  if (current?.type === 'created' && isIt(current.versionId)) return 'live';
  if (withParts.some(({ versionId }) => isIt(versionId))) return 'live';
  return superseded.some(isIt) ? 'superseded' : 'gone';
}

const isSameVersion = (a: Version, b: Version) =>
  isVersion(a.versionId, parseRevision(b.versionId).versionId);

/** Of one version in two revisions, the lower one is the older. */
export function isOlder(a: Version, b: Version | undefined): boolean {
  if (b === undefined) return false;
  const [one, other] = [parseRevision(a.versionId), parseRevision(b.versionId)];
  if (one.versionId === other.versionId) return one.revision < other.revision;
  return compareSequencers(a.sequencer, b.sequencer) < 0;
}

function union(some: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...some, ...more])];
}
