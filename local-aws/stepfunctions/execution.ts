import type { Json } from './json.ts';
import type { MapChange, MapProgress } from './map/progress.ts';
import type { Cursor } from './run.ts';

export type Status = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** An event of an execution's history ("Step Functions API reference: HistoryEvent"). */
export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly type: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly details: Readonly<Record<string, Json>>;
}

/** An execution's end. */
export interface End {
  readonly status: Exclude<Status, 'RUNNING'>;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
}

/** An execution, running or ended. */
export interface Execution {
  readonly arn: string;
  readonly name: string;
  /** ARN. */
  readonly machine: string;
  /** JSON. */
  readonly input: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  end?: End;
  /** The current state; missing before the first one. */
  cursor?: Cursor;
  readonly events: HistoryEvent[];
  /** The runs of its maps, the newest last. */
  readonly maps: MapProgress[];
}

export type ExecutionEntry =
  | {
      readonly type: 'started';
      readonly execution: Pick<Execution, 'arn' | 'name' | 'machine' | 'input' | 'startedAt'>;
    }
  | { readonly type: 'moved'; readonly arn: string; readonly cursor: Cursor }
  | { readonly type: 'event'; readonly arn: string; readonly event: HistoryEvent }
  | { readonly type: 'map'; readonly arn: string; readonly run: string; readonly change: MapChange }
  | { readonly type: 'ended'; readonly arn: string; readonly end: End };

/** The entries from which an execution can be rebuilt. */
export function* entriesOf(execution: Execution): Iterable<ExecutionEntry> {
  const { arn, name, machine, input, startedAt, cursor, events, maps, end } = execution;
  yield { type: 'started', execution: { arn, name, machine, input, startedAt } };
  for (const event of events) yield { type: 'event', arn, event };
  for (const progress of maps)
    yield { type: 'map', arn, run: progress.arn, change: { type: 'begun', progress } };
  if (cursor !== undefined) yield { type: 'moved', arn, cursor };
  if (end !== undefined) yield { type: 'ended', arn, end };
}
