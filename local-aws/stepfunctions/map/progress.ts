import type { Json } from '../json.ts';
import type { Position } from './items.ts';

/** Items that one child execution works on: those of the source after `from`, up to `to`. */
export interface MapBatch {
  readonly index: number;
  readonly from: Position | undefined;
  readonly to: Position;
  readonly items: number;
}

/** What a child execution came to. */
export type ChildEnd = { readonly output: Json } | { readonly error: string };

/**
 * How far a run of a distributed map is. Of children that have ended it holds what they returned, of those that run which
 * items they work on: a restart reads these again, and nobody else's.
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
  /** Of the last item that was read. */
  position?: Position;
  /** Whether the source has been read to its end. */
  complete: boolean;
  /** Batches that were begun. */
  batches: number;
  active: MapBatch[];
  /** Children, and items, that succeeded and failed. */
  succeeded: { children: number; items: number };
  failed: { children: number; items: number };
  /** In the order of the batches; `null` of those that failed. */
  outputs: Json[];
}

export type MapChange =
  | { readonly type: 'begun'; readonly progress: MapProgress }
  | { readonly type: 'batch'; readonly batch: MapBatch }
  | { readonly type: 'complete' }
  | { readonly type: 'child'; readonly index: number; readonly end: ChildEnd }
  | { readonly type: 'ended'; readonly status: MapProgress['status']; readonly at: number };

/** Where the progress of the map that an execution stands at is kept. */
export interface MapRecorder {
  /** Of the run that a restart has interrupted. */
  readonly interrupted: () => MapProgress | undefined;
  readonly arnOf: (label: string) => string;
  /** Resolves when it survives the death of this process. */
  readonly record: (progress: MapProgress, change: MapChange) => Promise<void>;
}

/** Applies a change to the progress, now or in another life. */
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
