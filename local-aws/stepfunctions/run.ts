import type { Clock } from '../core/clock.ts';
import type { Variables } from './expressions.ts';
import type { ItemSource } from './items.ts';
import type { Json } from './json.ts';
import type { MapRecorder } from './map-progress.ts';

/** What the interpreter needs of the rest of the cloud. */
export interface InterpreterPorts {
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly ids: () => string;
  /** Does what a task's resource stands for. @throws {StatesError} */
  readonly call: (resource: string, input: Json) => Promise<Json>;
  /** What an item reader reads. @throws {StatesError} States.ItemReaderFailed */
  readonly items: (resource: string, input: Json) => Promise<ItemSource>;
  /** Whether the state machine may run children. @throws {StatesError} */
  readonly authorizeChildren: () => Promise<void>;
}

/** Where an execution stands: about to do what this state says. */
export interface Cursor {
  readonly state: string;
  readonly input: Json;
  readonly variables: Variables;
  /** Milliseconds since the epoch. */
  readonly enteredAt: number;
}

/** One flow that runs: an execution, a child of a map, or a branch. */
export interface Run {
  readonly ports: InterpreterPorts;
  /** Aborted when the execution is stopped, or the cloud ends. */
  readonly signal: AbortSignal;
  /** The context object without its state ("Step Functions guide: Accessing execution data from the Context object"). */
  readonly context: Readonly<Record<string, Json>>;
  /** Told before each state; what a restart begins with. */
  readonly moved: (cursor: Cursor) => Promise<void>;
  /** Told of what goes into the history. */
  readonly event: (type: string, details?: Readonly<Record<string, Json>>) => void;
  /** What is kept of a distributed map; a flow within another keeps nothing. */
  readonly maps: MapRecorder | undefined;
}

/** Resolves after so long. @throws the signal's reason, when that is aborted first */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const stop = () => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.schedule(Math.max(0, ms), () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}
