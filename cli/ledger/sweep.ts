import { HeadObjectCommand } from '@aws-sdk/client-s3';
import {
  erased,
  type Missed,
  missedEvent,
  nextRevision,
  redeliverEvent,
  reprocessEvent,
  type SyntheticEvent,
  unsettled,
  untransformed,
} from '../../domain/operations/sweep.ts';
import type { Stage } from '../../domain/stage.ts';
import type { UnreadableDocument } from '../../domain/versions/document.ts';
import {
  publicationKey,
  UNKNOWN_DATASET,
  type VersionPath,
  versionPath,
  versionSegment,
} from '../../domain/versions/key-layout.ts';
import {
  type Attempt,
  heldUntil,
  isInterrupted,
  isSettled,
  type LedgerEntry,
  type Version,
} from '../../domain/versions/ledger.ts';
import type { ExtractionReceipt } from '../../domain/versions/receipt.ts';
import { READS_AT_ONCE, unreadableDocument } from '../../store/ledger.ts';
import { type ListedEntry, listedEntries, listedEntry } from '../../store/ledger-listing.ts';
import { type ListedVersion, latestOf, listLatest } from '../../store/listing.ts';
import { isNotFound } from '../../store/object-store.ts';
import { concurrently } from '../concurrently.ts';
import { KeySet } from '../key-set.ts';
import type { Target } from '../target/target.ts';
import { entryInGone, goneDatasets, ledgerOf } from './ledger.ts';

/**
 * A kind of problem of a key. Besides missed events: `interrupted`: its extraction has died. `unfinished`: a
 * part waits for its stage. `unpublished`: it is whole, and nobody has published it. `plain_files`: the same,
 * and older code made its files. `left_over`: rows or
 * files of a superseded version are still there. `dataset_gone`: its rows belong to a dataset that the code
 * no longer has. `unreadable`: its ledger entry or a receipt can't be read.
 */
export type SweepProblemKind =
  | Missed
  | 'interrupted'
  | 'unfinished'
  | 'unpublished'
  | 'plain_files'
  | 'left_over'
  | 'dataset_gone'
  | 'unreadable';

/** A problem of a key, and the events that would repair it. */
export interface SweepProblem {
  readonly amiss: SweepProblemKind;
  readonly key: string;
  /** The version with the problem; if the key is deleted, the newest known version. */
  readonly versionId: string;
  /** When the problem began, in milliseconds since the epoch; 0 when unknown. */
  readonly since: number;
  /** How many work items are affected. */
  readonly pieces: number;
  /** Why the document can't be read. */
  readonly reason?: string;
  readonly events: readonly { readonly stage: Stage; readonly event: SyntheticEvent }[];
}

export interface Swept {
  readonly findings: readonly SweepProblem[];
  /** How many keys of the raw bucket, deleted ones included, have been checked so far. */
  readonly objects: number;
  /** How many keys have been skipped so far because they changed too recently. */
  readonly young: number;
}

/** The outcome for a key that changed after `before`. */
const TOO_YOUNG = 'too young';

/**
 * Compares the raw bucket with the ledger, and the ledger with itself, and yields the problems of one key at
 * a time.
 *
 * It reads two listings, each entry twice, and for a key without a dataset the entry under each dataset that
 * is gone. It keeps eight bytes per key. It skips keys that changed after `before` (milliseconds since the
 * epoch), since their work may be under way.
 */
export async function* sweep(
  target: Target,
  { prefix, before }: { readonly prefix: string; readonly before: number },
): AsyncGenerator<Swept> {
  const raw: RawKeys = { all: new KeySet(), deleted: new KeySet() };
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
    ...version,
    outcome: await lookAtVersion(target, version, before, gone).catch((error: unknown) => [
      unreadable(version.key, unreadableDocument(error)),
    ]),
  }));
  for await (const { key, deleted, outcome } of missed) {
    const id = idOf(target, key);
    raw.all.add(id);
    if (deleted) raw.deleted.add(id);
    objects += 1;
    yield judged(key, outcome);
  }
  const entries = listedEntries(target, target.outputs.buckets.ledger, target.registry.of(prefix)?.name);
  const looked = concurrently(entries, READS_AT_ONCE, (listed) =>
    lookAtEntry(target, listed, prefix, before, raw).catch((error: unknown) => {
      const id = `${listed.dataset}/${listed.objectId}`;
      const document = unreadableDocument(error);
      // The entry of a key of the raw bucket has been checked already.
      const isKnown = raw.all.has(id) && document.key.startsWith('heads/');
      return { key: id, outcome: isKnown ? [] : [unreadable(id, document)] };
    }),
  );
  for await (const { key, outcome } of looked) yield judged(key, outcome);
}

/** @param key of the raw bucket, or the ledger's name of the object when its key is unknown */
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
  const known = await ledgerOf(target).known(target.registry.placeOf(key));
  const seems = missedEvent(
    { key, onDelete: target.registry.rulesOf(key).onDelete },
    version,
    known?.entry,
    () => 0,
  );
  if (seems === undefined) return [];
  // If a dataset that is gone has the key, the ledger shows it, and no stage would process an event of it.
  const isOfNone = target.registry.of(key) === undefined;
  if (isOfNone && (await entryInGone(target, key, gone)) !== undefined) return [];
  return missedOf(target, key, before);
}

/** The missed events of a key, by a new look: its entry may be newer than the listing. */
async function missedOf(
  target: Target,
  key: string,
  before: number,
): Promise<SweepProblem[] | typeof TOO_YOUNG> {
  const latest = await latestOf(target, target.outputs.buckets.raw, key);
  if (latest !== undefined && latest.modified >= before) return TOO_YOUNG;
  const [known, listed] = [
    await ledgerOf(target).known(target.registry.placeOf(key)),
    await listedEntry(target, target.outputs.buckets.ledger, target.registry.placeOf(key)),
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

/** The keys that the raw bucket lists, and those of them that are deleted. */
interface RawKeys {
  readonly all: KeySet;
  readonly deleted: KeySet;
}

/** The problems that the ledger shows of a key, and those of a key that the raw bucket does not list. */
async function lookAtEntry(
  target: Target,
  listed: ListedEntry,
  prefix: string,
  before: number,
  raw: RawKeys,
): Promise<{ readonly key: string; readonly outcome: SweepProblem[] | typeof TOO_YOUNG }> {
  const known = await ledgerOf(target).known(listed);
  if (known === undefined || !known.entry.key.startsWith(prefix)) return { key: '', outcome: [] };
  const since = Math.max(known.modified, listed.modified);
  const { key } = known.entry;
  if (since >= before) return { key, outcome: TOO_YOUNG };
  return { key, outcome: await problemsOf(target, listed, known.entry, since, before, raw) };
}

async function problemsOf(
  target: Target,
  listed: ListedEntry,
  entry: LedgerEntry,
  since: number,
  before: number,
  raw: RawKeys,
): Promise<SweepProblem[] | typeof TOO_YOUNG> {
  const { dataset, key } = entry;
  if (dataset !== target.registry.nameOf(key)) {
    const versionId = entry.current?.versionId ?? '';
    const shows = entry.current?.type === 'created' && target.registry.isGone(dataset);
    return shows ? [{ amiss: 'dataset_gone', key, versionId, since, pieces: 1, events: [] }] : [];
  }
  const id = idOf(target, key);
  if (!raw.all.has(id)) {
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
        since: heldUntil(attempt),
        pieces: 1,
        events: [{ stage: 'extraction', event: redeliverEvent(key, attempt) }],
      }),
    ),
    ...(await unfinishedOf(target, listed, entry, since, raw.all.has(id) && !raw.deleted.has(id)).catch(
      (error: unknown) => [unreadable(key, unreadableDocument(error))],
    )),
    ...(
      await Promise.all(
        entry.attempts
          .filter(({ status }) => status === 'extracted')
          .map((attempt) =>
            unpublishedOf(target, listed, entry, attempt, since).catch((error: unknown) => [
              unreadable(key, unreadableDocument(error)),
            ]),
          ),
      )
    ).flat(),
  ];
}

async function unfinishedOf(
  target: Target,
  listed: ListedEntry,
  entry: LedgerEntry,
  since: number,
  isThere: boolean,
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
    // An object that is in the raw bucket is under way, or was reported as missed.
    return gone === undefined || isThere ? [] : leftOver(erased(key, gone));
  }
  if (current.type === 'deleted') {
    const event = { ...redeliverEvent(key, current), type: 'deleted', permanent: false } as const;
    const events = [{ stage: 'extraction', event }] as const;
    return isSettled(entry) ? leftOver(event) : of('unfinished', current.versionId, events, 1);
  }

  const { versionId } = current;
  const path = versionPath({ dataset, key, versionId });
  const keys = new Set(listed.versions.get(versionSegment(versionId)));
  const extraction = await preparedOf(target, listed, key, path, current, since);
  if (Array.isArray(extraction)) return extraction;
  const { ledger } = target.outputs.buckets;
  const again = [{ stage: 'extraction', event: redeliverEvent(key, current) }] as const;
  if (isSettled(entry)) {
    // Nothing of a key without a dataset is published, so the extraction removes what is left.
    if (dataset === UNKNOWN_DATASET) return leftOver(redeliverEvent(key, current));
    const last = publicationKey(path, Math.max(extraction.parts.length, 1) - 1, extraction.parts.length);
    const event = superseded.length === 0 ? undefined : await workItemEvent(target, 'loading', ledger, last);
    return event === undefined ? [] : of('left_over', versionId, [event], superseded.length);
  }
  const missing = unsettled(path, extraction.parts.length, entry, keys);
  const events = await Promise.all(
    missing.map(({ stage, key: document }) => workItemEvent(target, stage, ledger, document)),
  );
  const there = events.filter((event) => event !== undefined);
  // A whole lake may be like that. So it is not reprocessed beside what this command repairs.
  if (there.length < events.length) {
    const plain = await ledgerOf(target).plainFiles(path);
    if (plain.length > 0) return of('plain_files', versionId, [], plain.length);
  }
  // The event of the version has it published.
  if (there.length < events.length) return of('unpublished', versionId, again, 1);
  return of('unfinished', versionId, there, there.length);
}

/** What keeps a version that is extracted from being published. */
async function unpublishedOf(
  target: Target,
  listed: ListedEntry,
  { dataset, key }: LedgerEntry,
  attempt: Attempt,
  since: number,
): Promise<SweepProblem[]> {
  const { versionId } = attempt;
  const path = versionPath({ dataset, key, versionId });
  const extraction = await preparedOf(target, listed, key, path, attempt, since);
  if (Array.isArray(extraction)) return extraction;
  // The event of the version has it published.
  const events = [{ stage: 'extraction', event: redeliverEvent(key, attempt) }] as const;
  return [{ amiss: 'unpublished', key, versionId, since, pieces: 1, events }];
}

/**
 * The receipt of the extraction of a version, all parts of which are transformed; or what lacks of that.
 */
async function preparedOf(
  target: Target,
  listed: ListedEntry,
  key: string,
  path: VersionPath,
  version: Version,
  since: number,
): Promise<ExtractionReceipt | SweepProblem[]> {
  const { versionId } = version;
  const keys = new Set(listed.versions.get(path.version));
  const unfinished = (events: SweepProblem['events'], pieces: number): SweepProblem[] => [
    { amiss: 'unfinished', key, versionId, since, pieces, events },
  ];
  const reprocess = (): SweepProblem['events'] => [
    { stage: 'extraction', event: reprocessEvent(key, version, listed.versions.keys()) },
  ];
  const extraction = await ledgerOf(target).extraction(path, keys);
  if (extraction === undefined) return unfinished(reprocess(), 1);
  const parts = untransformed(path, extraction, keys);
  if (parts.length === 0) return extraction;
  const { temp } = target.outputs.buckets;
  const events = await Promise.all(parts.map((part) => workItemEvent(target, 'transformation', temp, part)));
  const there = events.filter((event) => event !== undefined);
  // Only reprocessing the version brings back a part that expired.
  return unfinished(there.length < events.length ? reprocess() : there, events.length);
}

/** The event of a part or a document of a publication; `undefined` when it is gone. */
async function workItemEvent(
  { s3 }: Target,
  stage: Stage,
  bucket: string,
  key: string,
): Promise<SweepProblem['events'][number] | undefined> {
  try {
    const { VersionId = 'null', ContentLength } = await s3.send(
      new HeadObjectCommand({ Bucket: bucket, Key: key }),
    );
    // The sequencer does not matter: each key that the pipeline writes belongs to one version.
    const item = { versionId: VersionId, sequencer: '0' };
    return { stage, event: redeliverEvent(key, item, ContentLength) };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
