import * as z from 'zod';
import type { Stage } from '../stage.ts';
import { versionSegment } from './key-layout.ts';
import { isInterrupted, type LedgerEntry, shownVersions } from './ledger.ts';
import { type Receipt, type Tally, total } from './receipt.ts';
import { contradictions, summarize } from './reconciliation.ts';
import { activeAndRejected, isBySameCode, isUnderWay, matchingCodes } from './replay.ts';
import { isVersion, parseRevision, revisionName } from './revision.ts';
import { compareSequencers } from './sequencer.ts';
import {
  type LatestVersion,
  missedEvent,
  redeliverEvent,
  reprocessEvent,
  type SyntheticEvent,
} from './sweep.ts';

/** The state machines. `backfill` sends what the raw bucket holds on its way; `replay` what was rejected. */
export const machines = ['backfill', 'replay'] as const;
export type Machine = (typeof machines)[number];

/**
 * Why an object is not sent. `out_of_range`: it changed at another time than was asked for. `gone`: it is deleted, or what
 * was rejected of it has been replaced. `missing`: a manifest names it, and there is no such object. `unreadable`: what the
 * ledger has of it can't be read. `done`: it was extracted. `under_way`: somebody works on it. `same_code`: what is
 * deployed would reject the same. `other_code`: it was not rejected for what was asked for.
 */
export const skips = [
  'out_of_range',
  'gone',
  'missing',
  'unreadable',
  'done',
  'under_way',
  'same_code',
  'other_code',
] as const;
export type Skip = (typeof skips)[number];

/** What is to be done about one object: an event to send, or nothing. `watched` is looked at when all is done. */
export type Plan =
  | { readonly event: SyntheticEvent; readonly watched: TrackedVersion }
  | { readonly skip: Skip; readonly watched?: TrackedVersion };

/** A version in some revision, whose end a report tells. */
const watched = z.object({ key: z.string(), versionId: z.string(), sequencer: z.string() });
export type TrackedVersion = z.infer<typeof watched>;

const watching = (key: string, { versionId, sequencer }: Omit<TrackedVersion, 'key'>): TrackedVersion => ({
  key,
  versionId,
  sequencer,
});

const sending = (event: SyntheticEvent): Plan => ({
  event,
  watched: watching(event.key, { ...event, versionId: revisionName(event.versionId, event.revision) }),
});

/**
 * Decides about an object of the raw bucket, as a sweep does. What was extracted is left alone, so that a backfill may be
 * started again, or two at once; how it ended is looked at all the same, for its parts may be stuck behind.
 *
 * @param latest what the bucket shows of the key; `undefined` when it has no such key
 * @param revisionOf in which revision a version can be done, see `nextRevision`
 * @param now milliseconds since the epoch
 */
export function planBackfill(
  key: string,
  latest: LatestVersion | undefined,
  entry: LedgerEntry | undefined,
  revisionOf: (versionId: string) => number,
  now: number,
): Plan {
  if (latest === undefined || latest.deleted) return { skip: 'gone' };
  const missed = missedEvent({ key, onDelete: 'keep' }, latest, entry, revisionOf);
  if (missed !== undefined) return sending(missed.event);
  const attempt = entry?.attempts.find((each) => isVersion(each.versionId, latest.versionId));
  if (attempt?.status === 'extracting') {
    if (isInterrupted(attempt, now)) return sending(redeliverEvent(key, attempt, latest.size));
    return { skip: 'under_way', watched: watching(key, attempt) };
  }
  const done = attempt ?? (entry && shownVersions(entry)[0]);
  return { skip: 'done', ...(done && { watched: watching(key, done) }) };
}

/** What a replay asks for. */
export interface ReplayCriteria {
  /** Of rejects or faults; any, when there are none. */
  readonly codes: readonly string[];
  /** Also what the deployed code has done. */
  readonly force: boolean;
  /** The version of the code of each stage that is deployed now. */
  readonly deployed: Readonly<Record<Stage, string>>;
}

/**
 * Decides about a version that left something in the failed bucket, as `npx sluice replay` does.
 *
 * @param version as it stands in keys
 * @param receipts of that version
 * @param revisions the versions of the key that have receipts, as they stand in keys
 */
export function planReplay(
  version: string,
  entry: LedgerEntry | undefined,
  receipts: readonly Receipt[],
  revisions: Iterable<string>,
  { codes, force, deployed }: ReplayCriteria,
): Plan {
  const standing =
    entry && activeAndRejected(entry).find(({ versionId }) => versionSegment(versionId) === version);
  if (entry === undefined || standing === undefined) return { skip: 'gone' };
  const { key } = entry;
  const matching = matchingCodes(receipts, codes);
  if (Object.keys(matching.codes).length === 0) return { skip: 'other_code' };
  if (isUnderWay(entry, standing.versionId)) {
    const plain = parseRevision(standing.versionId).versionId;
    const attempt = entry.attempts.find(
      ({ status, versionId }) => status === 'extracting' && isVersion(versionId, plain),
    );
    return { skip: 'under_way', ...(attempt && { watched: watching(key, attempt) }) };
  }
  if (!force && isBySameCode(receipts, matching.last, deployed)) return { skip: 'same_code' };
  const size = receipts.find((each) => each.stage === 'extraction')?.bytes;
  return sending(reprocessEvent(key, standing, revisions, size));
}

const note = z.object({ key: z.string(), versionId: z.string(), reason: z.string() });
export type Note = z.infer<typeof note>;

const counts = z.record(z.string(), z.int().nonnegative());

/** What became of an object when its batch was to be sent; of a replay, of a version. */
const batchEntry = z.object({
  /** Its key; of a replay, the version as the failed bucket names it. */
  of: z.string(),
  /** Why it was not sent; absent when it was. */
  skip: z.enum(skips).optional(),
  watched: watched.optional(),
});
export type BatchEntry = z.infer<typeof batchEntry>;

/** What became of the objects of one batch. It is written before any is sent, so that none is sent of which nobody knows. */
export const batchRecord = z.object({
  listed: z.int().nonnegative(),
  objects: z.array(batchEntry),
  /** Of a batch that was given up: why, and the keys that it had not come to. */
  givenUp: z.object({ keys: z.array(z.string()), reason: z.string() }).optional(),
});
export type BatchRecord = z.infer<typeof batchRecord>;

/** What became of a batch's objects at this attempt, or at one before: what that sent, this finds under way, or done. */
export function overAttempts(before: readonly BatchEntry[], now: readonly BatchEntry[]): BatchEntry[] {
  const sent = new Map(before.filter(({ skip }) => skip === undefined).map((entry) => [entry.of, entry]));
  return now.map((entry) => (entry.skip === undefined ? entry : (sent.get(entry.of) ?? entry)));
}

/**
 * How a version ended. `succeeded`: it is in the tables, and its receipts agree. `partly`: it is, but something of it lacks or
 * does not add up. `failed`: nothing of it is. `superseded`: a newer version took its place meanwhile.
 */
export type VersionOutcome = 'succeeded' | 'partly' | 'failed' | 'superseded';

const records = z.object({
  read: z.number(),
  written: z.number(),
  filtered: z.number(),
  rejected: z.number(),
});
export type Records = z.infer<typeof records>;

/** How the versions of one batch ended. */
export const batchOutcomes = z.object({
  succeeded: z.array(z.string()),
  superseded: z.array(z.string()),
  partly: z.array(note),
  failed: z.array(note),
  records,
});
export type BatchOutcomes = z.infer<typeof batchOutcomes>;

/** The revision in which a version is done, or was last: the one that is watched, or a later one. */
export function latestRevision(
  { versionId }: Pick<TrackedVersion, 'versionId'>,
  entry: LedgerEntry | undefined,
): string {
  const asked = parseRevision(versionId);
  const known = entry === undefined ? [] : [...entry.attempts, ...shownVersions(entry)];
  const revisions = known
    .map((each) => parseRevision(each.versionId))
    .filter((each) => each.versionId === asked.versionId)
    .map(({ revision }) => revision);
  return revisionName(asked.versionId, Math.max(asked.revision, ...revisions));
}

/** How a version ended, by what the ledger says when nothing moves any more. */
export function versionOutcome(
  { versionId, sequencer }: TrackedVersion,
  entry: LedgerEntry | undefined,
  receipts: readonly Receipt[],
): { readonly end: VersionOutcome; readonly reason?: string; readonly records: Records } {
  const { read, written, filtered, rejected } = summarize(receipts);
  const sums = { read, written, filtered: total(filtered), rejected: total(rejected) };
  const ended = (end: VersionOutcome, reason?: string) => ({ end, ...(reason && { reason }), records: sums });
  const attempt = entry?.attempts.find((each) => each.versionId === versionId);
  const fault = receipts.find((each) => each.stage === 'extraction')?.fault;
  if (attempt?.status === 'rejected')
    return ended('failed', fault?.code ?? `nothing of it can be used${codesIn(rejected)}`);
  if (attempt !== undefined) return ended('failed', 'its extraction has not ended');
  const current = entry?.current;
  if (current === undefined || isBefore(current, { versionId, sequencer }))
    return ended('failed', 'its extraction has not begun, or was given up');
  if (current.type !== 'created' || current.versionId !== versionId)
    return { end: 'superseded', records: { read: 0, written: 0, filtered: 0, rejected: 0 } };
  if (fault !== undefined) return ended(read === 0 ? 'failed' : 'partly', fault.code);
  const [first] = contradictions(receipts);
  if (first === undefined) return ended('succeeded');
  const { kind, of, expected, found } = first;
  const figures = expected === undefined ? '' : ` (${found} of ${expected})`;
  return ended('partly', `${kind === 'unfinished' ? 'not done' : 'does not add up'}: ${of}${figures}`);
}

function codesIn(rejected: Readonly<Tally>): string {
  const codes = Object.entries(rejected).map(([code, n]) => `${code} ${n}`);
  return codes.length === 0 ? '' : `: ${codes.join(', ')}`;
}

/** Whether what the tables show is older than a version, or the same in a revision before. */
function isBefore(
  current: NonNullable<LedgerEntry['current']>,
  version: Omit<TrackedVersion, 'key'>,
): boolean {
  const [one, other] = [parseRevision(current.versionId), parseRevision(version.versionId)];
  if (one.versionId === other.versionId) return one.revision < other.revision;
  return compareSequencers(current.sequencer, version.sequencer) < 0;
}

/** How an execution ended. `counted`: it was asked to count only. */
export const statuses = ['succeeded', 'partly', 'failed', 'counted'] as const;
export type Status = (typeof statuses)[number];

/** What an execution leaves in the failed bucket. */
export const report = z.object({
  machine: z.enum(machines),
  execution: z.string(),
  status: z.enum(statuses),
  startedAt: z.string(),
  finishedAt: z.string(),
  /** What it was asked for. */
  input: z.unknown(),
  objects: z.object({
    listed: z.int(),
    sent: z.int(),
    skipped: counts,
    succeeded: z.int(),
    partly: z.int(),
    failed: z.int(),
    superseded: z.int(),
  }),
  records,
  /** What went wrong with the execution itself. */
  troubles: z.array(z.string()),
  /** The first of them; all keys, and how each ended, are in the objects under `details`. */
  partly: z.array(note),
  failed: z.array(note),
  details: z.string(),
});
export type Report = z.infer<typeof report>;

/** What a report holds of keys itself. */
export const LONGEST_LIST = 1_000;

/** `failed`: there was something to do and nothing of it is done. */
export function statusOf(objects: Report['objects'], troubles: readonly string[], dryRun: boolean): Status {
  const { succeeded, partly, failed, superseded, skipped } = objects;
  if (troubles.length === 0 && partly === 0 && failed === 0) return dryRun ? 'counted' : 'succeeded';
  const good = succeeded + partly + superseded + (skipped['done'] ?? 0) + (skipped['same_code'] ?? 0);
  return good === 0 ? 'failed' : 'partly';
}

/** The label of the map that looks at how objects ended; the others send. */
export const CHECK_LABEL = 'Check';

/** Where an execution's report lies in the failed bucket. */
export function reportKey(machine: Machine, execution: string): string {
  return `reports/${machine}/${execution}.json`;
}

/** Under this lies what became of each batch. */
export function detailsPrefix(machine: Machine, execution: string): string {
  return `reports/${machine}/${execution}/`;
}

/** What became of a batch when it was sent. */
export function batchesPrefix(machine: Machine, execution: string): string {
  return `${detailsPrefix(machine, execution)}batches/`;
}

/** How the versions of a batch ended: a file of the batch's name. */
export function endsPrefix(machine: Machine, execution: string): string {
  return `${detailsPrefix(machine, execution)}ends/`;
}
