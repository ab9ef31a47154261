import { registry } from '../../../datasets/index.ts';
import type { Stage } from '../../../domain/stage.ts';
import { UnreadableDocument } from '../../../domain/versions/document.ts';
import { versionPath } from '../../../domain/versions/key-layout.ts';
import { isInterrupted, isSettled, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import { isDirectoryMarker } from '../../../domain/versions/object-event.ts';
import { parseRevision } from '../../../domain/versions/revision.ts';
import { compareSequencers } from '../../../domain/versions/sequencer.ts';
import { unreadableDocument } from '../../../store/ledger.ts';
import type { ListedVersion } from '../../../store/listing.ts';
import type { Target } from '../../target/target.ts';
import { entryOf, ledgerOf } from '../ledger.ts';
import { type ObjectState, stateOf, withTrouble } from './object-state.ts';
import { describeTrouble, type TroubleFinder } from './trouble.ts';

/** The state of a key of the raw bucket: of its active version, or of the one that is being processed. */
export interface KeyState extends ObjectState {
  /** Further facts: newer versions, work that was given up, a dataset that is gone. */
  readonly notes: readonly string[];
}

/**
 * Reads the state of a key from the ledger. If a document can't be read, the state says so.
 *
 * @param latest the key's latest version in the raw bucket
 */
export async function keyState(
  target: Target,
  latest: ListedVersion,
  finder: TroubleFinder,
): Promise<KeyState> {
  const state = await readableState(target, latest, finder).catch(unreadableDocument);
  if (!(state instanceof UnreadableDocument)) return state;
  const { key, versionId } = latest;
  const dataset = registry.nameOf(key);
  const cure = `To reprocess the object: npx sluice replay ${key} --force`;
  return {
    ...stateOf({ dataset, key, versionId }, []),
    stage: 'unreadable',
    notes: [`${state.message} ${cure}`],
  };
}

async function readableState(
  target: Target,
  latest: ListedVersion,
  finder: TroubleFinder,
): Promise<KeyState> {
  const { key } = latest;
  const known = await entryOf(target, key);
  const dataset = known?.entry.dataset ?? registry.nameOf(key);
  const shown = known && versionShown(known.entry);
  const versionId = shown ?? latest.versionId;
  const object = { dataset, key, versionId };
  const now = Date.now();
  const state = stateOf(object, await ledgerOf(target).receipts(versionPath(object)), known?.entry);
  const isRetracted = shown === undefined && latest.deleted;
  const isLatest = parseRevision(versionId).versionId === latest.versionId;
  const result: ObjectState = {
    ...state,
    ...(isRetracted && { stage: 'retracted' }),
    ...(known === undefined && isDirectoryMarker(latest) && { stage: 'ignored' }),
    ...(isLatest && { since: state.since ?? latest.modified }),
  };
  const notes = known === undefined ? [] : notesOf(known.entry, latest, shown, now);
  for (const newer of newerVersions(known?.entry, latest, versionId)) {
    const trouble = await finder.troubleOf({ ...object, versionId: newer.versionId }, newer.stage);
    if (trouble !== undefined) notes.push(`a newer version: ${describeTrouble(trouble, now)}`);
  }
  return { ...(await withTrouble(result, finder)), notes };
}

/** The versions that are not shown and that are under way, each with its stage. */
function newerVersions(entry: LedgerEntry | undefined, latest: ListedVersion, shown: string) {
  const attempts = entry?.attempts ?? [];
  const newer: { readonly versionId: string; readonly stage: Stage }[] = attempts
    .filter(({ status }) => status !== 'rejected')
    .map(({ versionId, status }) => ({
      versionId,
      stage: status === 'extracted' ? 'transformation' : 'extraction',
    }));
  const known = [shown, ...attempts.map(({ versionId }) => versionId)];
  const isKnown = known.some((name) => parseRevision(name).versionId === latest.versionId);
  if (!latest.deleted && !isKnown && !isDirectoryMarker(latest))
    newer.push({ versionId: latest.versionId, stage: 'extraction' });
  return newer.filter(({ versionId }) => versionId !== shown);
}

/**
 * The version that is about to be published, or else the active one; without both, the newest that is being
 * extracted or was rejected.
 */
function versionShown({ current, attempts }: LedgerEntry): string | undefined {
  const inOrder = attempts.toSorted((a, b) => compareSequencers(a.sequencer, b.sequencer));
  const prepared = inOrder.findLast(({ status }) => status === 'extracted');
  if (prepared !== undefined) return prepared.versionId;
  return current?.type === 'created' ? current.versionId : inOrder.at(-1)?.versionId;
}

/** @returns `undefined` if the state of the shown version says it */
function noteOf(attempt: LedgerEntry['attempts'][number], isShown: boolean, now: number): string | undefined {
  if (isInterrupted(attempt, now))
    return `the extraction of ${isShown ? 'it' : 'a newer version'} was interrupted`;
  if (isShown) return undefined;
  if (attempt.status === 'extracting') return 'a newer version is being extracted';
  if (attempt.status === 'extracted') return 'another version is not published yet';
  return 'a newer version was rejected; the last good one stays active';
}

/** Further facts about a key from its ledger entry. `now` in milliseconds since the epoch. */
export function notesOf(
  entry: LedgerEntry,
  latest: ListedVersion,
  shown: string | undefined,
  now: number,
): string[] {
  const { current, attempts, superseded, dataset } = entry;
  const notes: string[] = [];
  if (registry.isGone(dataset)) notes.push(`its dataset ${dataset} is gone`);
  const keeps = registry.named(dataset)?.onDelete === 'keep';
  const names = [...(current?.type === 'created' ? [current] : []), ...attempts].map(
    (each) => each.versionId,
  );
  if (latest.deleted && names.length > 0)
    notes.push(
      keeps
        ? 'it is deleted; its rows are kept'
        : 'it is deleted; its rows will be removed when the delete event arrives',
    );
  if (!latest.deleted && !names.some((name) => parseRevision(name).versionId === latest.versionId))
    notes.push(
      isDirectoryMarker(latest)
        ? 'a directory marker has taken its place, and is ignored'
        : 'a newer version waits for extraction',
    );
  notes.push(...attempts.flatMap((attempt) => noteOf(attempt, attempt.versionId === shown, now) ?? []));
  if (current?.type === 'deleted' && latest.deleted && !isSettled(entry))
    notes.push('its rows are still in the tables, and will be removed next');
  if (superseded.length > 0) notes.push('older versions will be removed once every sink shows it');
  return notes;
}
