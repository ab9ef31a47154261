import type { Dataset } from '../dataset.ts';
import {
  extractionReceiptKey,
  loadingReceiptKey,
  parseProcessedKey,
  transformationReceiptKey,
  type VersionPath,
  versionSegment,
} from './key-layout.ts';
import { type LedgerEntry, shownVersions } from './ledger.ts';
import type { ObjectEvent } from './object-event.ts';
import type { ExtractionReceipt, TransformationReceipt } from './receipt.ts';
import { isVersion, MAX_REVISION, parseRevision } from './revision.ts';
import { compareSequencers } from './sequencer.ts';

/** An event that nobody sent, or that got lost: what a sweep, or a replay, has the pipeline told. */
export type SyntheticEvent = Omit<ObjectEvent, 'bucket' | 'time' | 'reason'>;

/** The version of a key that the raw bucket shows: its newest one, or a delete marker. */
export interface LatestVersion {
  readonly versionId: string;
  readonly deleted: boolean;
  /** Bytes; absent of a delete marker. */
  readonly size?: number | undefined;
}

/**
 * What the raw bucket holds and the tables don't show.
 *
 * `never_seen`: no event of the key has arrived. `missed`: the event of its newest version has not. `not_retracted`:
 * it is deleted, and its rows are still there.
 */
export type Missed = 'never_seen' | 'missed' | 'not_retracted';

/**
 * Holds the raw bucket against what is known of a key: the event that makes up for one that was lost.
 *
 * S3's API tells no sequencers. Where nothing is known of the key, the lowest one does: the true event, should it still
 * come, is known by its version. Else it is a little above the newest, and below what S3 gives out next.
 *
 * @param latest `undefined` when the bucket has no version of the key
 * @param revisionOf in which revision a version can be done, see `nextRevision`
 */
export function missedEvent(
  { key, onDelete }: { readonly key: string; readonly onDelete: Dataset['onDelete'] },
  latest: LatestVersion | undefined,
  entry: LedgerEntry | undefined,
  revisionOf: (versionId: string) => number,
): { readonly missed: Missed; readonly event: SyntheticEvent } | undefined {
  const sequencer = entry === undefined ? '0' : justAfter(newestSequencer(entry));
  if (latest !== undefined && !latest.deleted) {
    const { versionId, size } = latest;
    if (versionsOf(entry).some((each) => isVersion(each, versionId))) return undefined;
    return {
      missed: entry === undefined ? 'never_seen' : 'missed',
      event: created({ key, versionId, sequencer, size, revision: revisionOf(versionId) }),
    };
  }
  const shown = versionsOf(entry).at(-1);
  if (shown === undefined || onDelete === 'keep') return undefined;
  // The deletion itself has taken effect: what is left is of a newer version that was deleted for good.
  const isKnown = latest !== undefined && entry?.current?.versionId === latest.versionId;
  const { versionId } = latest === undefined || isKnown ? parseRevision(shown) : latest;
  return {
    missed: 'not_retracted',
    event: { ...deleted({ key, versionId, sequencer }), permanent: isKnown },
  };
}

/** The versions that stand, or may yet, oldest first. */
function versionsOf(entry: LedgerEntry | undefined): string[] {
  if (entry === undefined) return [];
  const attempts = entry.attempts.toSorted((a, b) => compareSequencers(a.sequencer, b.sequencer));
  return [...shownVersions(entry), ...attempts].map(({ versionId }) => versionId);
}

/** The same event once more, of a version in its revision: who works on it or has done it finds that out. */
export function redeliverEvent(
  key: string,
  { versionId: name, sequencer }: { readonly versionId: string; readonly sequencer: string },
  size?: number,
): SyntheticEvent {
  return created({ key, sequencer, size, ...parseRevision(name) });
}

/** The event that has a version done anew, in a revision above all that were. */
export function reprocessEvent(
  key: string,
  { versionId: name, sequencer }: { readonly versionId: string; readonly sequencer: string },
  revisions: Iterable<string>,
  size?: number,
): SyntheticEvent {
  const { versionId, revision } = parseRevision(name);
  const next = Math.max(revision + 1, nextRevision(revisions, versionId));
  if (next > MAX_REVISION)
    throw new RangeError(`${JSON.stringify(key)} was done ${MAX_REVISION} times: upload it anew.`);
  return created({ key, versionId, sequencer, size, revision: next });
}

/** The event that has what is left of a version removed, which is not there any more. */
export function erased(key: string, name: string): SyntheticEvent {
  const { versionId } = parseRevision(name);
  return { ...deleted({ key, versionId, sequencer: '0' }), permanent: true };
}

function deleted(event: Pick<SyntheticEvent, 'key' | 'versionId' | 'sequencer'>): SyntheticEvent {
  return { type: 'deleted', permanent: false, revision: 0, size: undefined, ...event };
}

function created(
  event: Pick<SyntheticEvent, 'key' | 'versionId' | 'revision' | 'sequencer' | 'size'>,
): SyntheticEvent {
  return { type: 'created', permanent: false, ...event };
}

/**
 * The revision in which a version can be done that S3's own event does not bring: above all that were, since receipts are
 * for good. It is never 0, as of S3's own: that event, and those of other versions of the key, may still come. Their
 * sequencers, which S3's API does not tell, may then take the version's place for a while, and its own event must find it
 * not done.
 *
 * @param segments the versions of the key that have receipts, as they stand in keys
 */
export function nextRevision(segments: Iterable<string>, versionId: string): number {
  const plain = versionSegment(versionId);
  const revisions = [...segments]
    .map(parseRevision)
    .filter((each) => each.versionId === plain)
    .map(({ revision }) => revision);
  return Math.max(0, ...revisions) + 1;
}

function newestSequencer({ current, attempts }: LedgerEntry): string {
  return [...(current ? [current] : []), ...attempts]
    .map(({ sequencer }) => sequencer)
    .reduce((newest, each) => (compareSequencers(each, newest) > 0 ? each : newest), '0');
}

/** Sequencers are padded on the right to be compared. */
function justAfter(sequencer: string): string {
  return `${sequencer}01`;
}

/** What lacks of a version whose extraction is done: keys of parts without a receipt, and of files that are not loaded. */
export interface Unfinished {
  readonly parts: readonly string[];
  readonly files: readonly string[];
}

/** @param receiptKeys of all receipts of the version */
export function unfinishedWork(
  path: VersionPath,
  { parts }: Pick<ExtractionReceipt, 'parts'>,
  transformations: readonly Pick<TransformationReceipt, 'outputs'>[],
  receiptKeys: ReadonlySet<string>,
): Unfinished {
  return {
    parts: parts
      .filter((_, part) => !receiptKeys.has(transformationReceiptKey(path, part)))
      .map(({ key }) => key),
    files: transformations
      .flatMap(({ outputs }) => outputs)
      .map(({ key }) => key)
      .filter((key) => {
        const address = parseProcessedKey(key);
        return address && !receiptKeys.has(loadingReceiptKey(path, address.part, address.partitionPath));
      }),
  };
}

/** Whether a version's extraction is done, by the keys of its receipts. */
export function isExtracted(path: VersionPath, receiptKeys: ReadonlySet<string>): boolean {
  return receiptKeys.has(extractionReceiptKey(path));
}
