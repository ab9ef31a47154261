import * as z from 'zod';
import type { Stage } from '../stage.ts';
import { versionSegment } from '../versions/key-layout.ts';
import { isInterrupted, isShownBy, type LedgerEntry, shownVersions } from '../versions/ledger.ts';
import { isDirectoryMarker } from '../versions/object-event.ts';
import { type Receipt, type Tally, total } from '../versions/receipt.ts';
import { isVersion, parseRevision, revisionName } from '../versions/revision.ts';
import { compareSequencers } from '../versions/sequencer.ts';
import { expectedWork, type KnownWork, knownWork } from './expected-work.ts';
import { contradictions, summarize } from './reconciliation.ts';
import { extractedVersions, isBySameCode, isUnderWay, matchingCodes } from './replay.ts';
import {
  type LatestVersion,
  missedEvent,
  redeliverEvent,
  reprocessEvent,
  type SyntheticEvent,
} from './sweep.ts';

/**
 * The state machines. `backfill` processes objects of the raw bucket; `replay` reprocesses versions with
 * rejects or faults, or all objects under a prefix.
 */
export const machines = ['backfill', 'replay'] as const;
export type Machine = (typeof machines)[number];

/**
 * Why no event is sent for an object. `out_of_range`: it was changed outside of the time range. `gone`: it
 * was deleted, or the version with the rejects was replaced. `missing`: a manifest names it, but it does not
 * exist. `unreadable`: its ledger entry or a receipt can't be read. `done`: it is extracted already.
 * `under_way`: it is being extracted. `same_code`: the deployed code would come to the same result.
 * `other_code`: it has no rejects of the requested codes. `other_dataset`: it belongs to another dataset,
 * whose prefix begins with the requested one. `directory_marker`: it is one, and has no records.
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
  'other_dataset',
  'directory_marker',
] as const;
export type Skip = (typeof skips)[number];

/**
 * The plan for one object: an event to send, or a reason to skip it. The outcome of `watched` is checked in
 * the end.
 */
export type Plan =
  | { readonly event: SyntheticEvent; readonly watched: TrackedVersion; readonly known?: KnownWork }
  | { readonly skip: Skip; readonly watched?: TrackedVersion };

/** A revision whose outcome the report tells. */
const watched = z.object({ key: z.string(), versionId: z.string(), sequencer: z.string() });
export type TrackedVersion = z.infer<typeof watched>;

const tracked = (key: string, { versionId, sequencer }: Omit<TrackedVersion, 'key'>): TrackedVersion => ({
  key,
  versionId,
  sequencer,
});

const sending = (event: SyntheticEvent, known?: KnownWork): Plan => ({
  event,
  watched: tracked(event.key, { ...event, versionId: revisionName(event.versionId, event.revision) }),
  ...(known && { known }),
});

/**
 * Decides about an object of the raw bucket, as a sweep does. An extracted object is skipped, so that a
 * backfill may be restarted, or run twice at once. Its outcome is checked all the same, since its parts may
 * be stuck.
 *
 * @param latest the latest version of the key in the bucket; `undefined` if there is none @param revisionOf
 * the revision under which a version can be processed, see `nextRevision`
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
  if (isDirectoryMarker({ key, size: latest.size })) return { skip: 'directory_marker' };
  const missed = missedEvent({ key, onDelete: 'keep' }, latest, entry, revisionOf);
  if (missed !== undefined) return sending(missed.event);
  const attempt = entry?.attempts.find((each) => isVersion(each.versionId, latest.versionId));
  if (attempt?.status === 'extracting') {
    if (isInterrupted(attempt, now)) return sending(redeliverEvent(key, attempt, latest.size));
    return { skip: 'under_way', watched: tracked(key, attempt) };
  }
  const done = attempt ?? (entry && shownVersions(entry)[0]);
  return { skip: 'done', ...(done && { watched: tracked(key, done) }) };
}

/** The criteria of a replay. */
export interface ReplayCriteria {
  /** Codes of rejects or faults to replay, all codes if empty; `undefined` for versions without any, too. */
  readonly codes: readonly string[] | undefined;
  /** Include versions that the deployed code has processed. */
  readonly force: boolean;
  /** The deployed code version of each stage. */
  readonly deployed: Readonly<Partial<Record<Stage, string>>>;
}

/**
 * Decides about a version with documents in the failed bucket, as `npx sluice replay` does.
 *
 * @param version the version's segment in keys @param receipts the receipts of that version @param revisions
 * the segments of all revisions of the key that have receipts
 */
export function planReplay(
  version: string,
  entry: LedgerEntry | undefined,
  receipts: readonly Receipt[],
  revisions: Iterable<string>,
  { codes, force, deployed }: ReplayCriteria,
): Plan {
  const affected =
    entry && extractedVersions(entry).find(({ versionId }) => versionSegment(versionId) === version);
  if (entry === undefined || affected === undefined) return { skip: 'gone' };
  const { key } = entry;
  const matching = matchingCodes(receipts, codes ?? [], affected.fault);
  if (codes !== undefined && Object.keys(matching.codes).length === 0) return { skip: 'other_code' };
  if (isUnderWay(entry, affected.versionId)) {
    const plain = parseRevision(affected.versionId).versionId;
    const attempt = entry.attempts.find(
      ({ status, versionId }) => status === 'extracting' && isVersion(versionId, plain),
    );
    return { skip: 'under_way', ...(attempt && { watched: tracked(key, attempt) }) };
  }
  const last = codes === undefined ? 'loading' : matching.last;
  if (!force && receipts.length > 0 && isBySameCode(receipts, last, deployed))
    return { skip: 'same_code', ...(codes === undefined && { watched: tracked(key, affected) }) };
  const size = receipts.find((each) => each.stage === 'extraction')?.bytes;
  return sending(reprocessEvent(key, affected, revisions, size), knownWork(receipts));
}

/**
 * Decides about an object that is to be reprocessed whether it has rejects or not. If it was never processed,
 * or is being extracted, that is as in a backfill. Otherwise the active version is reprocessed, and so is a
 * newer one that was rejected: it may pass now, and until it does, the tables show the active one. A revision
 * that is not published yet counts instead of an earlier one.
 *
 * @param done its versions that are extracted, each with its receipts
 */
export function planReprocessing(
  asBackfill: Plan,
  entry: LedgerEntry | undefined,
  done: readonly { readonly versionId: string; readonly receipts: readonly Receipt[] }[],
  revisions: Iterable<string>,
  criteria: Omit<ReplayCriteria, 'codes'>,
): Plan[] {
  if (!('skip' in asBackfill) || asBackfill.skip !== 'done') return [asBackfill];
  const segments = [...revisions];
  const newest = done.filter(({ versionId }) => latestRevision({ versionId }, entry) === versionId);
  return newest.map(({ versionId, receipts }) =>
    planReplay(versionSegment(versionId), entry, receipts, segments, { ...criteria, codes: undefined }),
  );
}

const note = z.object({ key: z.string(), versionId: z.string(), reason: z.string() });
export type Note = z.infer<typeof note>;

const counts = z.record(z.string(), z.int().nonnegative());

/** The plan that was made for an object of a batch, or for a version with rejects in a replay. */
const batchEntry = z.object({
  /** The object's key; in a replay of rejects, the version's path in the failed bucket. */
  of: z.string(),
  /** Why no event was sent; absent if one was. */
  skip: z.enum(skips).optional(),
  watched: watched.optional(),
});
export type BatchEntry = z.infer<typeof batchEntry>;

/**
 * The plans for the objects of one batch. Written before the first event is sent, so that no event is sent
 * without a record.
 */
export const batchRecord = z.object({
  listed: z.int().nonnegative(),
  objects: z.array(batchEntry),
  /** Set in a dry run. */
  expected: expectedWork.optional(),
  /** Set if the batch was given up: the reason, and the keys that were not reached. */
  givenUp: z.object({ keys: z.array(z.string()), reason: z.string() }).optional(),
});
export type BatchRecord = z.infer<typeof batchRecord>;

/**
 * Merges the plans of this attempt at a batch with those of earlier ones. An object whose event was sent by
 * an earlier attempt counts as sent, though this one finds it under way or done.
 */
export function overAttempts(before: readonly BatchEntry[], now: readonly BatchEntry[]): BatchEntry[] {
  const isSent = ({ skip }: BatchEntry) => skip === undefined;
  const earlier = Map.groupBy(before.filter(isSent), ({ of }) => of);
  return [...Map.groupBy(now, ({ of }) => of)].flatMap(([of, entries]) => {
    const sent = earlier.get(of);
    if (sent === undefined) return entries;
    const again = entries.filter(isSent);
    const names = new Set(again.map(({ watched: each }) => each?.versionId));
    return [...sent.filter(({ watched: each }) => !names.has(each?.versionId)), ...again];
  });
}

/**
 * The outcome of a version. `succeeded`: it is in the tables, and its receipts agree. `partly`: it is in the
 * tables or prepared for them, but work is missing or its counts do not add up. `failed`: none of it is in
 * the tables.
 * `superseded`: a newer version replaced it meanwhile.
 */
export type VersionOutcome = 'succeeded' | 'partly' | 'failed' | 'superseded';

const records = z.object({
  read: z.number(),
  written: z.number(),
  filtered: z.number(),
  rejected: z.number(),
});
export type Records = z.infer<typeof records>;

/** The outcomes of the versions of one batch. */
export const batchOutcomes = z.object({
  succeeded: z.array(z.string()),
  superseded: z.array(z.string()),
  partly: z.array(note),
  failed: z.array(note),
  records,
});
export type BatchOutcomes = z.infer<typeof batchOutcomes>;

/** The latest revision of a version: the tracked one, or a later one that the ledger entry knows. */
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

/** The outcome of a version by the ledger, once the queues are empty. */
export function versionOutcome(
  { versionId, sequencer }: TrackedVersion,
  entry: LedgerEntry | undefined,
  receipts: readonly Receipt[],
): { readonly end: VersionOutcome; readonly reason?: string; readonly records: Records } {
  const { read, written, filtered, rejected } = summarize(receipts);
  const sums = { read, written, filtered: total(filtered), rejected: total(rejected) };
  const ended = (end: VersionOutcome, reason?: string) => ({ end, ...(reason && { reason }), records: sums });
  const attempt = entry?.attempts.find((each) => each.versionId === versionId);
  if (attempt?.status === 'rejected')
    return ended('failed', attempt.fault?.code ?? `none of its records is usable${codesIn(rejected)}`);
  if (attempt?.status === 'extracted') return ended('partly', `not done: ${missingOf(receipts)}`);
  if (attempt !== undefined) return ended('failed', 'its extraction has not finished');
  const current = entry?.current;
  const fault = current?.fault ?? receipts.find((each) => each.stage === 'extraction')?.fault;
  if (entry === undefined || current === undefined || isBefore(current, { versionId, sequencer }))
    return ended('failed', 'its extraction never started, or was given up');
  if (current.type !== 'created' || current.versionId !== versionId)
    return { end: 'superseded', records: { read: 0, written: 0, filtered: 0, rejected: 0 } };
  if (fault !== undefined) return ended(read === 0 ? 'failed' : 'partly', fault.code);
  const [first] = contradictions(receipts);
  if (first === undefined) {
    if (!isShownBy('committed', entry)) return ended('partly', 'not done: its commit to the lake’s table');
    if (!isShownBy('loaded', entry)) return ended('partly', 'not done: the removal of what it replaces');
    return ended('succeeded');
  }
  const { kind, of, expected, found } = first;
  const figures = expected === undefined ? '' : ` (${found} of ${expected})`;
  return ended('partly', `${kind === 'unfinished' ? 'not done' : 'does not add up'}: ${of}${figures}`);
}

/** What keeps a version that is extracted from being published. */
function missingOf(receipts: readonly Receipt[]): string {
  const parts = receipts.find((each) => each.stage === 'extraction')?.parts.length ?? 0;
  const transformed = receipts.filter((each) => each.stage === 'transformation').length;
  return transformed < parts ? `parts transformed (${transformed} of ${parts})` : 'its publication';
}

function codesIn(rejected: Readonly<Tally>): string {
  const codes = Object.entries(rejected).map(([code, n]) => `${code} ${n}`);
  return codes.length === 0 ? '' : `: ${codes.join(', ')}`;
}

/** Whether the active version is older than a version, or an earlier revision of it. */
function isBefore(
  current: NonNullable<LedgerEntry['current']>,
  version: Omit<TrackedVersion, 'key'>,
): boolean {
  const [one, other] = [parseRevision(current.versionId), parseRevision(version.versionId)];
  if (one.versionId === other.versionId) return one.revision < other.revision;
  return compareSequencers(current.sequencer, version.sequencer) < 0;
}

/** The outcome of an execution. `counted`: it was a dry run. */
export const statuses = ['succeeded', 'partly', 'failed', 'counted'] as const;
export type Status = (typeof statuses)[number];

/** The report that an execution leaves in the failed bucket. */
export const report = z.object({
  machine: z.enum(machines),
  execution: z.string(),
  status: z.enum(statuses),
  startedAt: z.string(),
  finishedAt: z.string(),
  /** The input of the execution. */
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
  /** Set in a dry run. */
  expected: expectedWork.optional(),
  /** Problems of the execution itself. */
  troubles: z.array(z.string()),
  /** The first of them. All keys, with their outcomes, are in the documents under `details`. */
  partly: z.array(note),
  failed: z.array(note),
  details: z.string(),
});
export type Report = z.infer<typeof report>;

/** How many keys each list of a report holds at most. */
export const LONGEST_LIST = 1_000;

/** `failed`: there was something to do, and none of it was done. */
export function statusOf(objects: Report['objects'], troubles: readonly string[], dryRun: boolean): Status {
  const { succeeded, partly, failed, superseded, skipped } = objects;
  if (troubles.length === 0 && partly === 0 && failed === 0) return dryRun ? 'counted' : 'succeeded';
  const good = succeeded + partly + superseded + (skipped['done'] ?? 0) + (skipped['same_code'] ?? 0);
  return good === 0 ? 'failed' : 'partly';
}

/** The label of the map that checks outcomes; the other maps send events. */
export const CHECK_LABEL = 'Check';

/** The key of an execution's report in the failed bucket. */
export function reportKey(machine: Machine, execution: string): string {
  return `reports/${machine}/${execution}.json`;
}

/** The prefix of the documents about an execution's batches. */
export function detailsPrefix(machine: Machine, execution: string): string {
  return `reports/${machine}/${execution}/`;
}

/** The prefix of the plans of batches (`batchRecord`). */
export function batchesPrefix(machine: Machine, execution: string): string {
  return `${detailsPrefix(machine, execution)}batches/`;
}

/** The prefix of the outcomes of batches (`batchOutcomes`), in documents of the same names. */
export function endsPrefix(machine: Machine, execution: string): string {
  return `${detailsPrefix(machine, execution)}ends/`;
}
