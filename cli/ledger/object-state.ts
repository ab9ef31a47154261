import { registry } from '../../datasets/index.ts';
import { versionPath } from '../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../domain/versions/ledger.ts';
import { type Receipt, type Tally, total } from '../../domain/versions/receipt.ts';
import { summarize } from '../../domain/versions/reconciliation.ts';
import { parseRevision } from '../../domain/versions/revision.ts';
import type { Target } from '../target/target.ts';
import { readEntry, readReceipts } from './ledger.ts';
import { versionsOf } from './listing.ts';

/** Where one version of an object stands, and what became of its records so far. */
export interface ObjectState {
  readonly key: string;
  /** With its revision. */
  readonly versionId: string;
  readonly dataset: string;
  /**
   * `failed`: it is at fault, and nothing of it is used. `done` with a fault: what was read up to the fault is. `superseded`, `retracted`: a
   * newer version, or a deletion, took effect. `unreadable`: what the ledger has of it can't be read.
   */
  readonly stage:
    | 'extraction'
    | 'transformation'
    | 'loading'
    | 'done'
    | 'failed'
    | 'superseded'
    | 'retracted'
    | 'unreadable';
  /** Pieces of work of the stage it is in that are finished, and all of them. */
  readonly finished: number;
  readonly pieces: number;
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  readonly fault?: { readonly code: string; readonly message: string };
  /** Milliseconds of work, over all stages. */
  readonly workMs: number;
}

/** Nothing more will happen to it by itself. */
export function isFinal({ stage }: Pick<ObjectState, 'stage'>): boolean {
  return ['done', 'failed', 'superseded', 'retracted', 'unreadable'].includes(stage);
}

/** Asks the ledger where an object's version stands. */
export async function objectState(target: Target, key: string, versionId: string): Promise<ObjectState> {
  const dataset = registry.nameOf(key);
  const path = versionPath({ dataset, key, versionId });
  const [known, receipts] = await Promise.all([readEntry(target, path), readReceipts(target, path)]);
  const state = stateOf({ dataset, key, versionId }, receipts);
  const overtaken = known && (await overtakenBy(target, known.entry, versionId, receipts.length > 0));
  return overtaken === undefined ? state : { ...state, stage: overtaken };
}

/**
 * What took effect after a version; `undefined` while the version stands, or may yet. Without a receipt, the version may
 * have been stale when its event arrived, or that has not arrived: what the raw bucket lists tells the two apart.
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

/** Reads the state of a version off its receipts. */
export function stateOf(
  object: Pick<ObjectState, 'dataset' | 'key' | 'versionId'>,
  receipts: readonly Receipt[],
): ObjectState {
  const extraction = receipts.find((each) => each.stage === 'extraction');
  const transformations = receipts.filter((each) => each.stage === 'transformation');
  const loadings = receipts.filter((each) => each.stage === 'loading');
  const outputs = transformations.reduce((sum, each) => sum + each.outputs.length, 0);
  const parts = extraction?.parts.length ?? 0;
  const { read, written, filtered, rejected } = summarize(receipts);
  const at = (stage: ObjectState['stage'], finished: number, pieces: number): ObjectState => ({
    ...object,
    stage,
    finished,
    pieces,
    read,
    written,
    filtered,
    rejected,
    ...(extraction?.fault && { fault: extraction.fault }),
    workMs: receipts.reduce((sum, each) => sum + each.durationMs, 0),
  });
  if (extraction === undefined) return at('extraction', 0, 1);
  if (extraction.fault !== undefined && parts === 0) return at('failed', 0, 0);
  if (transformations.length < parts) return at('transformation', transformations.length, parts);
  if (loadings.length < outputs) return at('loading', loadings.length, outputs);
  return at('done', outputs, outputs);
}

/** Whether every record that was read is in the lake, filtered or rejected. */
export function isConserved({
  read,
  written,
  filtered,
  rejected,
}: Pick<ObjectState, 'read' | 'written' | 'filtered' | 'rejected'>): boolean {
  return read === written + total(filtered) + total(rejected);
}
