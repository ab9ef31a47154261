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
export async function keyState(target: Target, latest: ListedVersion): Promise<KeyState> {
  const state = await readableState(target, latest).catch(unreadableDocument);
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
    if (rows > 0)
      notes.push(
        `${count(rows, 'row')} of the interrupted extraction ${rows === 1 ? 'is' : 'are'} in the tables`,
      );
    if (attempt.versionId !== versionId) notes.push(...(await givenUp(target, interrupted)));
  }
  return { ...result, notes };
}

/** How many rows of a version are loaded. */
async function loadedRows(target: Target, object: ObjectVersion): Promise<number> {
  const receipts = await ledgerOf(target).receipts(versionPath(object));
  return receipts.reduce((sum, each) => sum + (each.stage === 'loading' ? each.archive.records : 0), 0);
}

/** The active version; without one, the newest that is being extracted or was rejected. */
function versionShown({ current, attempts }: LedgerEntry): string | undefined {
  if (current?.type === 'created') return current.versionId;
  const inOrder = attempts.toSorted((a, b) => compareSequencers(a.sequencer, b.sequencer));
  return inOrder.at(-1)?.versionId;
}

function noteOf(attempt: LedgerEntry['attempts'][number], isShown: boolean, now: number): string {
  const version = isShown ? 'it' : 'a newer version';
  if (isInterrupted(attempt, now)) return `the extraction of ${version} was interrupted`;
  if (attempt.status === 'extracting') return `${version} is being extracted`;
  return isShown
    ? 'none of its records is usable'
    : 'a newer version was rejected; the last good one stays active';
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
    notes.push('a newer version waits for extraction');
  notes.push(...attempts.map((attempt) => noteOf(attempt, attempt.versionId === shown, now)));
  if (superseded.length > 0) notes.push('older versions will be removed once it is complete');
  return notes;
}

/** Why a version is stuck: the faults of its work items, and the errors of last attempts. */
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
