import { datasetOf } from '../domain/datasets/index.ts';
import { UNKNOWN_DATASET, versionPath } from '../domain/key-layout.ts';
import { type Receipt, type Tally, total } from '../domain/receipt.ts';
import { readReceipts } from './ledger.ts';
import type { Target } from './target.ts';

/** Where one version of an object stands, and what became of its records so far. */
export interface ObjectState {
  readonly key: string;
  readonly versionId: string;
  readonly dataset: string;
  /** `failed`: nothing of it could be read. `done` with a fault: it was read up to the fault. */
  readonly stage: 'extraction' | 'transformation' | 'loading' | 'done' | 'failed';
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
export function isSettled({ stage }: ObjectState): boolean {
  return stage === 'done' || stage === 'failed';
}

/** Asks the ledger where an object's version stands. */
export async function objectState(target: Target, key: string, versionId: string): Promise<ObjectState> {
  const dataset = datasetOf(key)?.name ?? UNKNOWN_DATASET;
  return stateOf(
    { dataset, key, versionId },
    await readReceipts(target, versionPath({ dataset, key, versionId })),
  );
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
  const counts = {
    read: extraction?.read ?? 0,
    written: transformations.reduce((sum, each) => sum + each.written, 0),
    filtered: sumOf(transformations.map((each) => each.filtered)),
    rejected: sumOf([extraction?.rejected ?? {}, ...transformations.map((each) => each.rejected)]),
    ...(extraction?.fault && { fault: extraction.fault }),
    workMs: receipts.reduce((sum, each) => sum + each.durationMs, 0),
  };
  const at = (stage: ObjectState['stage'], finished: number, pieces: number): ObjectState => ({
    ...object,
    stage,
    finished,
    pieces,
    ...counts,
  });
  if (extraction === undefined) return at('extraction', 0, 1);
  if (extraction.fault !== undefined && extraction.read === 0) return at('failed', 0, 0);
  if (transformations.length < parts) return at('transformation', transformations.length, parts);
  if (loadings.length < outputs) return at('loading', loadings.length, outputs);
  return at('done', outputs, outputs);
}

/** Whether every record that was read is in the lake, filtered or rejected. */
export function isConserved({ read, written, filtered, rejected }: ObjectState): boolean {
  return read === written + total(filtered) + total(rejected);
}

function sumOf(tallies: readonly Readonly<Tally>[]): Tally {
  const sum: Tally = {};
  for (const tally of tallies) {
    for (const [name, count] of Object.entries(tally)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
