import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { Stage } from '../../domain/errors.ts';
import type { UnreadableDocument } from '../../domain/versions/document.ts';
import { versionPath, versionSegment } from '../../domain/versions/key-layout.ts';
import { isInterrupted, type LedgerEntry } from '../../domain/versions/ledger.ts';
import {
  erased,
  isExtracted,
  type Missed,
  missedEvent,
  nextRevision,
  redeliverEvent,
  reprocessEvent,
  type SyntheticEvent,
  unfinishedWork,
} from '../../domain/versions/sweep.ts';
import { concurrently } from '../concurrently.ts';
import { KeySet } from '../key-set.ts';
import type { Target } from '../target/target.ts';
import {
  entryInGone,
  goneDatasets,
  isNotFound,
  type ListedEntry,
  listedEntries,
  listedEntry,
  READS_AT_ONCE,
  readEntry,
  readReceiptsOf,
  unreadableDocument,
} from './ledger.ts';
import { type ListedVersion, latestOf, listLatest } from './listing.ts';

/**
 * What is amiss with a key. Besides what was missed: `interrupted`: whoever extracted it has died. `unfinished`: a part
 * or a file waits for its stage. `left_over`: what it superseded is still there. `dataset_gone`: its rows are of a dataset
 * that is no more. `unreadable`: what the ledger has of it can't be read.
 */
export type SweepProblemKind =
  | Missed
  | 'interrupted'
  | 'unfinished'
  | 'left_over'
  | 'dataset_gone'
  | 'unreadable';

/** Something that is amiss, and what would put it right. */
export interface SweepProblem {
  readonly amiss: SweepProblemKind;
  readonly key: string;
  /** The version that it is about; the newest one that is known, if the key is deleted. */
  readonly versionId: string;
  /** Since when, in milliseconds since the epoch. */
  readonly since: number;
  /** How many pieces of work are concerned. */
  readonly pieces: number;
  /** Why it can't be read. */
  readonly reason?: string;
  readonly events: readonly { readonly stage: Stage; readonly event: SyntheticEvent }[];
}

export interface Swept {
  readonly findings: readonly SweepProblem[];
  /** Keys of the raw bucket, deleted ones among them, that have been looked at so far. */
  readonly objects: number;
  /** How many of the keys, so far, were left alone as too young: they may be amiss. */
  readonly young: number;
}

/** Something of it changed after the time that counts. */
const TOO_YOUNG = 'too young';

/**
 * Holds the raw bucket against the ledger, and the ledger against itself, and yields what is amiss, a key at a time.
 *
 * It reads two listings and each entry twice, and of a key without a dataset the entry under each that is gone; keys that it
 * has seen take eight bytes each. What changed after `before` (milliseconds since the epoch) is left alone: it may be on
 * its way.
 */
export async function* sweep(
  target: Target,
  { prefix, before }: { readonly prefix: string; readonly before: number },
): AsyncGenerator<Swept> {
  const inRaw = new KeySet();
  const tooYoung = new KeySet();
  let objects = 0;
  let young = 0;
  const judged = (key: string, outcome: readonly SweepProblem[] | typeof TOO_YOUNG): Swept => {
    if (outcome === TOO_YOUNG && !tooYoung.has(idOf(target, key))) {
      tooYoung.add(idOf(target, key));
      young += 1;
    }
    return { objects, young, findings: outcome === TOO_YOUNG ? [] : outcome };
  };
  const gone = await goneDatasets(target);
  const latest = listLatest(target, target.outputs.buckets.raw, prefix);
  const missed = concurrently(latest, READS_AT_ONCE, async (version) => ({
    key: version.key,
    outcome: await lookAtVersion(target, version, before, gone).catch((error: unknown) => [
      unreadable(version.key, unreadableDocument(error)),
    ]),
  }));
  for await (const { key, outcome } of missed) {
    inRaw.add(idOf(target, key));
    objects += 1;
    yield judged(key, outcome);
  }
  const entries = listedEntries(target, target.registry.of(prefix)?.name);
  const looked = concurrently(entries, READS_AT_ONCE, (listed) =>
    lookAtEntry(target, listed, prefix, before, inRaw).catch((error: unknown) => {
      const id = `${listed.dataset}/${listed.objectId}`;
      const document = unreadableDocument(error);
      // Of what is in the raw bucket, the entry was looked at before.
      const isKnown = inRaw.has(id) && document.key.startsWith('heads/');
      return { key: id, outcome: isKnown ? [] : [unreadable(id, document)] };
    }),
  );
  for await (const { key, outcome } of looked) yield judged(key, outcome);
}

/** @param key of the raw bucket, or how the ledger calls it, where nothing tells the key */
function unreadable(key: string, { message }: UnreadableDocument): SweepProblem {
  return { amiss: 'unreadable', key, versionId: '', since: 0, pieces: 1, reason: message, events: [] };
}

function idOf(target: Target, key: string): string {
  const { dataset, objectId: id } = target.registry.placeOf(key);
  return `${dataset}/${id}`;
}

async function lookAtVersion(
  target: Target,
  version: ListedVersion,
  before: number,
  gone: readonly string[],
): Promise<SweepProblem[] | typeof TOO_YOUNG> {
  if (version.modified >= before) return TOO_YOUNG;
  const { key } = version;
  const known = await readEntry(target, target.registry.placeOf(key));
  const seems = missedEvent(
    { key, onDelete: target.registry.rulesOf(key).onDelete },
    version,
    known?.entry,
    () => 0,
  );
  if (seems === undefined) return [];
  // What a dataset that is gone has of it is found in the ledger, and nothing would take its event.
  const isOfNone = target.registry.of(key) === undefined;
  if (isOfNone && (await entryInGone(target, key, gone)) !== undefined) return [];
  return missedOf(target, key, before);
}

/** What was missed of a key, looked at afresh: its entry may have been newer than the listing. */
async function missedOf(
  target: Target,
  key: string,
  before: number,
): Promise<SweepProblem[] | typeof TOO_YOUNG> {
  const latest = await latestOf(target, target.outputs.buckets.raw, key);
  if (latest !== undefined && latest.modified >= before) return TOO_YOUNG;
  const [known, listed] = [
    await readEntry(target, target.registry.placeOf(key)),
    await listedEntry(target, target.registry.placeOf(key)),
  ];
  const found = missedEvent(
    { key, onDelete: target.registry.rulesOf(key).onDelete },
    latest,
    known?.entry,
    (versionId) => nextRevision(listed.versions.keys(), versionId),
  );
  if (found === undefined) return [];
  const { missed, event } = found;
  return [
    {
      amiss: missed,
      key,
      versionId: event.versionId,
      since: latest?.modified ?? 0,
      pieces: 1,
      events: [{ stage: 'extraction', event }],
    },
  ];
}

/** What the ledger itself shows to be amiss with a key, and whether the raw bucket has the key at all. */
async function lookAtEntry(
  target: Target,
  listed: ListedEntry,
  prefix: string,
  before: number,
  inRaw: KeySet,
): Promise<{ readonly key: string; readonly outcome: SweepProblem[] | typeof TOO_YOUNG }> {
  const known = await readEntry(target, listed);
  if (known === undefined || !known.entry.key.startsWith(prefix)) return { key: '', outcome: [] };
  const since = Math.max(known.modified, listed.modified);
  const { key } = known.entry;
  if (since >= before) return { key, outcome: TOO_YOUNG };
  return { key, outcome: await lookAtHead(target, listed, known.entry, since, before, inRaw) };
}

async function lookAtHead(
  target: Target,
  listed: ListedEntry,
  entry: LedgerEntry,
  since: number,
  before: number,
  inRaw: KeySet,
): Promise<SweepProblem[] | typeof TOO_YOUNG> {
  const { dataset, key } = entry;
  if (dataset !== target.registry.nameOf(key)) {
    const versionId = entry.current?.versionId ?? '';
    const shows = entry.current?.type === 'created' && target.registry.isGone(dataset);
    return shows ? [{ amiss: 'dataset_gone', key, versionId, since, pieces: 1, events: [] }] : [];
  }
  const isInRaw = inRaw.has(idOf(target, key));
  if (!isInRaw) {
    const missed = await missedOf(target, key, before);
    if (missed === TOO_YOUNG) return missed;
    if (missed.length > 0) return missed.map((each) => ({ ...each, since }));
  }
  const interrupted = entry.attempts.filter((attempt) => isInterrupted(attempt, before));
  return [
    ...interrupted.map(
      (attempt): SweepProblem => ({
        amiss: 'interrupted',
        key,
        versionId: attempt.versionId,
        since: attempt.leaseUntil,
        pieces: 1,
        events: [{ stage: 'extraction', event: redeliverEvent(key, attempt) }],
      }),
    ),
    ...(await unfinishedOf(target, listed, entry, since, isInRaw).catch((error: unknown) => [
      unreadable(key, unreadableDocument(error)),
    ])),
  ];
}

async function unfinishedOf(
  target: Target,
  listed: ListedEntry,
  entry: LedgerEntry,
  since: number,
  isInRaw: boolean,
): Promise<SweepProblem[]> {
  const { dataset, key, current, attempts, superseded } = entry;
  const of = (
    amiss: SweepProblemKind,
    versionId: string,
    events: SweepProblem['events'],
    pieces: number,
  ): SweepProblem[] => (pieces === 0 ? [] : [{ amiss, key, versionId, since, pieces, events }]);
  const leftOver = (event: SyntheticEvent): SweepProblem[] =>
    of('left_over', event.versionId, [{ stage: 'extraction', event }], superseded.length);

  if (current === undefined) {
    const rejected = attempts.find(({ status }) => status === 'rejected');
    const [gone] = superseded;
    if (rejected !== undefined) return leftOver(redeliverEvent(key, rejected));
    // Of a key that is there, something is under way, or was missed.
    return gone === undefined || isInRaw ? [] : leftOver(erased(key, gone));
  }
  if (current.type === 'deleted')
    return leftOver({ ...redeliverEvent(key, current), type: 'deleted', permanent: false });

  const { versionId } = current;
  const path = versionPath({ dataset, key, versionId });
  const keys = new Set(listed.versions.get(versionSegment(versionId)));
  const anew = (): SweepProblem['events'] => [
    { stage: 'extraction', event: reprocessEvent(key, current, listed.versions.keys()) },
  ];
  if (!isExtracted(path, keys)) return of('unfinished', versionId, anew(), 1);
  // With fewer receipts than this there is no need to know what is in them.
  const receipts = await readReceiptsOf(
    target,
    [...keys].filter((each) => !each.includes('/loading/')),
  );
  const extraction = receipts.find((each) => each.stage === 'extraction');
  if (extraction === undefined) return of('unfinished', versionId, anew(), 1);
  const transformations = receipts.filter((each) => each.stage === 'transformation');
  const { parts, files } = unfinishedWork(path, extraction, transformations, keys);
  const { temp, processed } = target.outputs.buckets;
  const events = await Promise.all([
    ...parts.map((part) => pieceEvent(target, 'transformation', temp, part)),
    ...files.map((file) => pieceEvent(target, 'loading', processed, file)),
  ]);
  if (events.length === 0) return leftOver(redeliverEvent(key, current));
  const there = events.filter((event) => event !== undefined);
  // A part that expired, or a file that somebody removed, comes back when its version is done anew.
  return of('unfinished', versionId, there.length < events.length ? anew() : there, events.length);
}

/** The event of a part or a file of the lake; `undefined` when it isn't there any more. */
async function pieceEvent(
  { s3 }: Target,
  stage: Stage,
  bucket: string,
  key: string,
): Promise<SweepProblem['events'][number] | undefined> {
  try {
    const { VersionId = 'null', ContentLength } = await s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key }),
    );
    // Nobody orders the events of what the pipeline writes: each key is written by one version.
    const piece = { versionId: VersionId, sequencer: '0' };
    return { stage, event: redeliverEvent(key, piece, ContentLength) };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
