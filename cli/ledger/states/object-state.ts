import { registry } from '../../../datasets/index.ts';
import { summarize } from '../../../domain/operations/reconciliation.ts';
import { unknownOf } from '../../../domain/records/contracts/unknown-tally.ts';
import { type Stage, stages } from '../../../domain/stage.ts';
import { versionPath } from '../../../domain/versions/key-layout.ts';
import { isInterrupted, isShownBy, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import { isDirectoryMarker, mayBeMarker } from '../../../domain/versions/object-event.ts';
import { type Receipt, type Tally, total, type UnknownTally } from '../../../domain/versions/receipt.ts';
import { isVersion, parseRevision } from '../../../domain/versions/revision.ts';
import { versionsOf } from '../../../store/listing.ts';
import type { Target } from '../../target/target.ts';
import { ledgerOf } from '../ledger.ts';
import type { FoundTrouble, TroubleFinder } from './trouble.ts';

/** The records of a version: how many were read, and what became of them. */
export interface RecordCounts {
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
}

/** How far a version of an object has been processed, and what became of its records so far. */
export interface ObjectState extends RecordCounts {
  readonly key: string;
  /** With its revision. */
  readonly versionId: string;
  readonly dataset: string;
  /**
   * `failed`: the object is faulty, and none of its records is used. `done` with a fault: the records before
   * the fault are used. `rejected`: every record of it was rejected. `superseded`, `retracted`: a newer
   * version, or a deletion, took effect. `ignored`: it is a directory marker. `unreadable`: its ledger entry
   * or a receipt can't be read.
   */
  readonly stage:
    | Stage
    | 'done'
    | 'rejected'
    | 'failed'
    | 'superseded'
    | 'retracted'
    | 'ignored'
    | 'unreadable';
  /** Of the current stage: how many work items are finished, and how many there are. */
  readonly finished: number;
  readonly pieces: number;
  /** Since when it has been in its stage, if known. Milliseconds since the epoch. */
  readonly since?: number | undefined;
  /** Whether an extraction of it is under way. Its records so far are those of the parts that are done. */
  readonly extracting?: boolean;
  readonly fault?: { readonly code: string; readonly message: string };
  /** The fields of its records that the dataset does not name. */
  readonly unknown?: UnknownTally;
  /** Why it does not go on. */
  readonly trouble?: FoundTrouble | undefined;
  /** Milliseconds of work, over all stages. */
  readonly workMs: number;
}

/** Whether the version has come to an end. */
export function isFinal({ stage }: Pick<ObjectState, 'stage'>): boolean {
  return ['done', 'rejected', 'failed', 'superseded', 'retracted', 'ignored', 'unreadable'].includes(stage);
}

/** Whether nothing more happens to the version unless someone acts. */
export function isStuck({ trouble }: Pick<ObjectState, 'trouble'>): boolean {
  return trouble !== undefined && trouble.kind !== 'retrying' && trouble.kind !== 'no_message';
}

/** The state with the reason why the version does not go on, if it has not come to an end. */
export async function withTrouble<State extends ObjectState>(
  state: State,
  finder: TroubleFinder,
): Promise<State> {
  const stage = stages.find((each) => each === state.stage);
  if (stage === undefined) return state;
  const trouble = await finder.troubleOf(state, stage, state.extracting ? undefined : state.since);
  return { ...state, trouble };
}

/** Reads from the ledger how far a version of an object has been processed. */
export async function objectState(target: Target, key: string, versionId: string): Promise<ObjectState> {
  const dataset = registry.nameOf(key);
  const path = versionPath({ dataset, key, versionId });
  // In this order: a version whose receipts are complete is in the entry by then.
  const receipts = await ledgerOf(target).receipts(path);
  const known = await ledgerOf(target).known(path);
  const state = stateOf({ dataset, key, versionId }, receipts, known?.entry);
  const overtaken = known && (await overtakenBy(target, known.entry, versionId, receipts.length > 0));
  if (overtaken !== undefined) return { ...state, stage: overtaken };
  const isIgnored = known === undefined && mayBeMarker(key) && (await isMarker(target, key, versionId));
  return isIgnored ? { ...state, stage: 'ignored' } : state;
}

async function isMarker(target: Target, key: string, versionId: string): Promise<boolean> {
  const versions = await versionsOf(target, target.outputs.buckets.raw, key);
  return versions.some((each) => isVersion(versionId, each.versionId) && isDirectoryMarker(each));
}

/**
 * How a version was overtaken; `undefined` while it is active, or may still become so. If it has no receipt,
 * either it was stale when its event arrived, or the event has not arrived yet; the raw bucket's listing
 * tells which.
 */
async function overtakenBy(
  target: Target,
  { key, current, attempts }: LedgerEntry,
  name: string,
  wasExtracted: boolean,
): Promise<'superseded' | 'retracted' | undefined> {
  if (current === undefined || attempts.some((each) => each.versionId === name)) return undefined;
  const by = current.type === 'created' ? 'superseded' : 'retracted';
  if (current.type === 'created' && current.versionId === name) return undefined;
  const [mine, its] = [parseRevision(name), parseRevision(current.versionId)];
  if (mine.versionId === its.versionId) return mine.revision < its.revision ? by : undefined;
  if (wasExtracted) return by;
  const versions = await versionsOf(target, target.outputs.buckets.raw, key);
  const ageOf = (versionId: string) => versions.findIndex((each) => each.versionId === versionId);
  return ageOf(its.versionId) >= 0 && ageOf(mine.versionId) > ageOf(its.versionId) ? by : undefined;
}

/** The state of a version, by its receipts and the ledger entry of its key. */
export function stateOf(
  object: Pick<ObjectState, 'dataset' | 'key' | 'versionId'>,
  receipts: readonly Receipt[],
  entry?: LedgerEntry,
): ObjectState {
  const extraction = receipts.find((each) => each.stage === 'extraction');
  const transformations = receipts.filter((each) => each.stage === 'transformation');
  const loadings = receipts.filter((each) => each.stage === 'loading');
  const outputs = transformations.reduce((sum, each) => sum + each.outputs.length, 0);
  const parts = extraction?.parts.length ?? 0;
  const attempt = entry?.attempts.find(({ versionId }) => versionId === object.versionId);
  const isActive = entry?.current?.type === 'created' && entry.current.versionId === object.versionId;
  const isRefused = attempt?.status === 'rejected';
  const { read, written, filtered, rejected } = summarize(receipts, {
    refused: isRefused,
    ...(attempt?.fault && { code: attempt.fault.code }),
  });
  const fault = attempt?.fault ?? (isActive ? entry.current?.fault : undefined) ?? extraction?.fault;
  const unknown = unknownOf(transformations);
  const soFar = transformations.reduce((sum, each) => sum + each.read, 0);
  const isWhole = extraction !== undefined && transformations.length >= parts;
  const at = (stage: ObjectState['stage'], finished: number, pieces: number): ObjectState => ({
    ...object,
    stage,
    finished,
    pieces,
    since: lastEnd(isWhole ? transformations : []) ?? lastEnd(extraction === undefined ? [] : [extraction]),
    read: extraction === undefined ? soFar : read,
    written,
    filtered,
    rejected,
    ...(fault && { fault }),
    ...(unknown && { unknown }),
    workMs: receipts.reduce((sum, each) => sum + each.durationMs, 0),
  });
  if (extraction === undefined) {
    const extracting = attempt?.status === 'extracting' && !isInterrupted(attempt, Date.now());
    return { ...at('extraction', 0, 1), extracting };
  }
  if (fault !== undefined && (parts === 0 || isRefused)) return at('failed', 0, 0);
  const isDecided = attempt === undefined || isRefused;
  if (transformations.length < parts || !isDecided)
    return at('transformation', transformations.length, parts);
  if (isActive && !isShownBy('committed', entry)) return at('commit', 0, 1);
  const documents = Math.max(parts, 1);
  if (isActive && !isShownBy('loaded', entry)) return at('loading', loadings.length, documents);
  const isRejected = fault === undefined && read > 0 && total(rejected) === read;
  return at(isRejected ? 'rejected' : 'done', outputs, outputs);
}

function lastEnd(receipts: readonly Receipt[]): number | undefined {
  return receipts.length === 0
    ? undefined
    : Math.max(...receipts.map(({ finishedAt }) => Date.parse(finishedAt)));
}

/** Whether every record that was read is in the lake, filtered or rejected. */
export function isConserved({ read, written, filtered, rejected }: RecordCounts): boolean {
  return read === written + total(filtered) + total(rejected);
}
