import type { Dataset } from '../dataset.ts';
import {
  loadingReceiptKey,
  publicationKey,
  transformationReceiptKey,
  type VersionPath,
  versionSegment,
} from '../versions/key-layout.ts';
import { isShownBy, type LedgerEntry, shownVersions } from '../versions/ledger.ts';
import { isDirectoryMarker, type ObjectEvent } from '../versions/object-event.ts';
import type { ExtractionReceipt } from '../versions/receipt.ts';
import { isVersion, MAX_REVISION, parseRevision } from '../versions/revision.ts';
import { compareSequencers } from '../versions/sequencer.ts';

/** An event that a sweep, a backfill or a replay makes, since S3 did not send it or it was lost. */
export type SyntheticEvent = Omit<ObjectEvent, 'bucket' | 'time' | 'reason'>;

/** The latest version of a key in the raw bucket, which may be a delete marker. */
export interface LatestVersion {
  readonly versionId: string;
  readonly deleted: boolean;
  /** Bytes; absent for a delete marker. */
  readonly size?: number | undefined;
}

/**
 * The kinds of changes in the raw bucket that the pipeline does not know of.
 *
 * `never_seen`: no event of the key has arrived. `missed`: the event of its newest version has not arrived.
 * `not_retracted`: it was deleted, but its rows are still there.
 */
export type Missed = 'never_seen' | 'missed' | 'not_retracted';

/**
 * Compares the raw bucket with the ledger entry of a key, and makes the event that replaces a lost one.
 *
 * S3's API does not tell sequencers. For a key without an entry, the lowest one will do: if the true event
 * still arrives, it is recognised by its version. Otherwise it is just above the newest known one, and below
 * the next one that S3 gives out.
 *
 * @param latest `undefined` if the bucket has no version of the key @param revisionOf the revision under
 * which a version can be processed, see `nextRevision`
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
    if (isDirectoryMarker({ key, size })) return undefined;
    if (versionsOf(entry).some((each) => isVersion(each, versionId))) return undefined;
    return {
      missed: entry === undefined ? 'never_seen' : 'missed',
      event: created({ key, versionId, sequencer, size, revision: revisionOf(versionId) }),
    };
  }
  const shown = versionsOf(entry).at(-1);
  if (shown === undefined || onDelete === 'keep') return undefined;
  // The deletion itself has taken effect: the rows are those of a newer version that was deleted for good.
  const isKnown = latest !== undefined && entry?.current?.versionId === latest.versionId;
  const { versionId } = latest === undefined || isKnown ? parseRevision(shown) : latest;
  return {
    missed: 'not_retracted',
    event: { ...deleted({ key, versionId, sequencer }), permanent: isKnown },
  };
}

/** The active version and those that may become active, oldest first. */
function versionsOf(entry: LedgerEntry | undefined): string[] {
  if (entry === undefined) return [];
  const attempts = entry.attempts.toSorted((a, b) => compareSequencers(a.sequencer, b.sequencer));
  return [...shownVersions(entry), ...attempts].map(({ versionId }) => versionId);
}

/**
 * The event of a revision once more. If the revision is done or being extracted, the ledger prevents double
 * work.
 */
export function redeliverEvent(
  key: string,
  { versionId: name, sequencer }: { readonly versionId: string; readonly sequencer: string },
  size?: number,
): SyntheticEvent {
  return created({ key, sequencer, size, ...parseRevision(name) });
}

/** The event that makes the pipeline reprocess a version, in a revision above all earlier ones. */
export function reprocessEvent(
  key: string,
  { versionId: name, sequencer }: { readonly versionId: string; readonly sequencer: string },
  revisions: Iterable<string>,
  size?: number,
): SyntheticEvent {
  const { versionId, revision } = parseRevision(name);
  const next = Math.max(revision + 1, nextRevision(revisions, versionId));
  if (next > MAX_REVISION)
    throw new RangeError(
      `${JSON.stringify(key)} has been processed ${MAX_REVISION} times, the maximum. Upload it again.`,
    );
  return created({ key, versionId, sequencer, size, revision: next });
}

/** The event that removes the remaining output of a version that no longer exists. */
export function erased(key: string, name: string): SyntheticEvent {
  const { versionId } = parseRevision(name);
  return { ...deleted({ key, versionId, sequencer: '0' }), permanent: true };
}

/** The deletion of a key, right after everything that its ledger entry knows. */
export function deletionOf(entry: LedgerEntry): SyntheticEvent {
  const sequencer = justAfter(newestSequencer(entry));
  return deleted({ key: entry.key, versionId: entry.current?.versionId ?? '', sequencer });
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
 * The revision under which a synthetic event can have a version processed: above all earlier ones, since
 * receipts are permanent. It is never 0, the revision of S3's own event. That event may still arrive, and so
 * may those of other versions, whose true sequencers may supersede this version for a while. Then its own
 * event must find revision 0 not done.
 *
 * @param segments the segments of all revisions of the key that have receipts
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

/** Sequencers are padded on the right before they are compared, so a longer one is above its beginning. */
function justAfter(sequencer: string): string {
  return `${sequencer}01`;
}

/** The keys of the parts of an extracted version that have no receipt. @param receiptKeys of the version */
export function untransformed(
  path: VersionPath,
  { parts }: Pick<ExtractionReceipt, 'parts'>,
  receiptKeys: ReadonlySet<string>,
): string[] {
  return parts
    .filter((_, part) => !receiptKeys.has(transformationReceiptKey(path, part)))
    .map(({ key }) => key);
}

/**
 * The work that is missing after a version was published, each by the document that asks for it.
 *
 * @param parts how many the version has @param receiptKeys of the version
 */
export function unsettled(
  path: VersionPath,
  parts: number,
  entry: LedgerEntry,
  receiptKeys: ReadonlySet<string>,
): { readonly stage: 'commit' | 'loading'; readonly key: string }[] {
  const documents = Array.from({ length: Math.max(parts, 1) }, (_, part) => part);
  const last = publicationKey(path, documents.length - 1, parts);
  const unloaded = documents
    .filter((part) => !receiptKeys.has(loadingReceiptKey(path, part)))
    .map((part) => publicationKey(path, part, parts));
  const toLoad = unloaded.length === 0 && !isShownBy('loaded', entry) ? [last] : unloaded;
  return [
    ...(isShownBy('committed', entry) ? [] : [{ stage: 'commit', key: last } as const]),
    ...toLoad.map((key) => ({ stage: 'loading', key }) as const),
  ];
}
