import { registry } from '../../datasets/index.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { failedPrefixes, type ObjectVersion, versionPath } from '../../domain/versions/key-layout.ts';
import { isInterrupted, type LedgerEntry } from '../../domain/versions/ledger.ts';
import { parseRevision } from '../../domain/versions/revision.ts';
import { compareSequencers } from '../../domain/versions/sequencer.ts';
import { readFault } from '../../store/failed-objects.ts';
import { unreadableDocument } from '../../store/ledger.ts';
import { type ListedVersion, listObjects } from '../../store/listing.ts';
import type { Target } from '../target/target.ts';
import { count } from '../terminal/terminal.ts';
import { entryOf, ledgerOf } from './ledger.ts';
import { isFinal, type ObjectState, stateOf } from './object-state.ts';

/** Where a key of the raw bucket stands: the version that its tables show, or the one on its way there. */
export interface KeyState extends ObjectState {
  /** What else there is to know: newer versions, what was given up, a dataset that is no more. */
  readonly notes: readonly string[];
}

/**
 * Asks the ledger where a key stands. Where that can't be read, it says so.
 *
 * @param latest what the raw bucket shows of it
 */
export async function keyState(target: Target, latest: ListedVersion): Promise<KeyState> {
  const state = await readableState(target, latest).catch(unreadableDocument);
  if (!(state instanceof UnreadableDocument)) return state;
  const { key, versionId } = latest;
  const dataset = registry.nameOf(key);
  const cure = `To have it done anew: npx sluice replay ${key} --force`;
  return {
    ...stateOf({ dataset, key, versionId }, []),
    stage: 'unreadable',
    notes: [`${state.message} ${cure}`],
  };
}

async function readableState(target: Target, latest: ListedVersion): Promise<KeyState> {
  const { key } = latest;
  const known = await entryOf(target, key);
  const dataset = known?.entry.dataset ?? registry.nameOf(key);
  const shown = known && versionShown(known.entry);
  const versionId = shown ?? latest.versionId;
  const object = { dataset, key, versionId };
  const state = stateOf(object, await ledgerOf(target).receipts(versionPath(object)));
  const isRetracted = shown === undefined && latest.deleted;
  const result: ObjectState = isRetracted ? { ...state, stage: 'retracted' } : state;
  const now = Date.now();
  const notes = known === undefined ? [] : notesOf(known.entry, latest, shown, now);
  if (!isFinal(result)) notes.push(...(await givenUp(target, object)));
  for (const attempt of known?.entry.attempts ?? []) {
    if (!isInterrupted(attempt, now)) continue;
    const interrupted = { ...object, versionId: attempt.versionId };
    const rows = await loadedRows(target, interrupted);
    if (rows > 0) notes.push(`${count(rows, 'row')} of what was interrupted are in the tables`);
    if (attempt.versionId !== versionId) notes.push(...(await givenUp(target, interrupted)));
  }
  return { ...result, notes };
}

/** The rows of a version that the loading has passed on. */
async function loadedRows(target: Target, object: ObjectVersion): Promise<number> {
  const receipts = await ledgerOf(target).receipts(versionPath(object));
  return receipts.reduce((sum, each) => sum + (each.stage === 'loading' ? each.archive.records : 0), 0);
}

/** The version that stands; without one, the newest that is tried or was rejected. */
function versionShown({ current, attempts }: LedgerEntry): string | undefined {
  if (current?.type === 'created') return current.versionId;
  const inOrder = attempts.toSorted((a, b) => compareSequencers(a.sequencer, b.sequencer));
  return inOrder.at(-1)?.versionId;
}

function noteOf(attempt: LedgerEntry['attempts'][number], isShown: boolean, now: number): string {
  const version = isShown ? 'it' : 'a newer version';
  if (isInterrupted(attempt, now)) return `the extraction of ${version} was interrupted`;
  if (attempt.status === 'extracting') return `${version} is being extracted`;
  return isShown ? 'nothing of it can be used' : 'a newer version was rejected; the last good one stands';
}

/** What else there is to know of a key, from its entry. `now` in milliseconds since the epoch. */
export function notesOf(
  entry: LedgerEntry,
  latest: ListedVersion,
  shown: string | undefined,
  now: number,
): string[] {
  const { current, attempts, superseded, dataset } = entry;
  const notes: string[] = [];
  if (registry.isGone(dataset)) notes.push(`its dataset ${dataset} is no more`);
  const keeps = registry.named(dataset)?.onDelete === 'keep';
  const names = [...(current?.type === 'created' ? [current] : []), ...attempts].map(
    (each) => each.versionId,
  );
  if (latest.deleted && names.length > 0)
    notes.push(
      keeps ? 'it is deleted; its rows are kept' : 'it is deleted; its rows go when that has arrived',
    );
  if (!latest.deleted && !names.some((name) => parseRevision(name).versionId === latest.versionId))
    notes.push('a newer version waits for extraction');
  notes.push(...attempts.map((attempt) => noteOf(attempt, attempt.versionId === shown, now)));
  if (superseded.length > 0) notes.push(`what it superseded goes when it is complete`);
  return notes;
}

/** Why a version does not get on: faults of its pieces, and what the last attempts failed of. */
async function givenUp(target: Target, object: ObjectVersion): Promise<string[]> {
  const notes: string[] = [];
  const { failed } = target.outputs.buckets;
  for (const prefix of failedPrefixes(versionPath(object))) {
    if (prefix.startsWith('rejects/')) continue;
    for await (const { Key } of listObjects(target, failed, prefix)) {
      const data = await readFault(target, target.outputs.buckets.failed, Key);
      const verb = prefix.startsWith('gave-up/') ? 'was given up' : 'failed';
      notes.push(`${data.stage ?? 'something'} ${verb}, ${data.code}: ${data.message}`);
    }
  }
  return [...new Set(notes)];
}
