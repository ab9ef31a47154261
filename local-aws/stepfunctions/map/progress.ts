import type { Json } from '../json.ts';
import type { Position } from './items.ts';

/** The items of one child execution: those of the source after `from`, up to `to`. */
export interface MapBatch {
  readonly index: number;
  readonly from: Position | undefined;
  readonly to: Position;
  readonly items: number;
}

/** A child execution's result. */
export type ChildEnd = { readonly output: Json } | { readonly error: string };

/**
 * The progress of a distributed map's run. It holds the outputs of ended children and the item ranges of
 * running ones, so a restart reads only those items again.
 */
export interface MapProgress {
  readonly arn: string;
  readonly label: string;
  readonly maxConcurrency: number;
  readonly toleratedFailurePercentage: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  endedAt?: number;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';
  /** Position of the last item that was read. */
  position?: Position;
  /** Whether the source has been read completely. */
  complete: boolean;
  /** Number of started batches. */
  batches: number;
  active: MapBatch[];
  /** Numbers of children and items that succeeded and failed. */
  succeeded: { children: number; items: number };
  failed: { children: number; items: number };
  /** In the order of the batches; `null` for failed ones. */
  outputs: Json[];
}

export type MapChange =
  | { readonly type: 'begun'; readonly progress: MapProgress }
  | { readonly type: 'batch'; readonly batch: MapBatch }
  | { readonly type: 'complete' }
  | { readonly type: 'child'; readonly index: number; readonly end: ChildEnd }
  | { readonly type: 'ended'; readonly status: MapProgress['status']; readonly at: number };

/** Stores the progress of an execution's current map. */
export interface MapRecorder {
  /** The progress of a run that a restart interrupted. */
  readonly interrupted: () => MapProgress | undefined;
  readonly arnOf: (label: string) => string;
  /** Resolves when it is durable. */
  readonly record: (progress: MapProgress, change: MapChange) => Promise<void>;
}

/** Applies a change to the progress, now or during a replay. */
export function applyChange(progress: MapProgress, change: MapChange): void {
  switch (change.type) {
    case 'begun':
      return;
    case 'batch':
      progress.batches += 1;
      progress.position = change.batch.to;
      progress.active.push(change.batch);
      return;
    case 'complete':
      progress.complete = true;
      return;
    case 'child': {
      const batch = progress.active.find(({ index }) => index === change.index);
      progress.active = progress.active.filter((each) => each !== batch);
      const sums = 'output' in change.end ? progress.succeeded : progress.failed;
      sums.children += 1;
      sums.items += batch?.items ?? 0;
      progress.outputs[change.index] = 'output' in change.end ? change.end.output : null;
      return;
    }
    case 'ended':
      progress.status = change.status;
      progress.endedAt = change.at;
  }
}
