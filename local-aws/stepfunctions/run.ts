import type { Clock } from '../core/clock.ts';
import type { Variables } from './expressions.ts';
import type { Json } from './json.ts';
import type { ItemSource } from './map/items.ts';
import type { MapRecorder } from './map/progress.ts';

/** The interpreter's access to the rest of the cloud. */
export interface InterpreterPorts {
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly ids: () => string;
  /** Calls a task's resource. @throws {StatesError} */
  readonly call: (resource: string, input: Json) => Promise<Json>;
  /** The items of an item reader. @throws {StatesError} States.ItemReaderFailed */
  readonly items: (resource: string, input: Json) => Promise<ItemSource>;
  /** Whether the state machine may run children. @throws {StatesError} */
  readonly authorizeChildren: () => Promise<void>;
}

/** An execution's position: the state that it is about to run. */
export interface Cursor {
  readonly state: string;
  readonly input: Json;
  readonly variables: Variables;
  /** Milliseconds since the epoch. */
  readonly enteredAt: number;
}

/** A running flow: an execution, a child of a map, or a branch. */
export interface Run {
  readonly ports: InterpreterPorts;
  /** Aborted when the execution is stopped, or the cloud closes. */
  readonly signal: AbortSignal;
  /**
   * The context object without its state ("Step Functions guide: Accessing execution data from the Context
   * object").
   */
  readonly context: Readonly<Record<string, Json>>;
  /** Called before each state, with the position from which a restart continues. */
  readonly moved: (cursor: Cursor) => Promise<void>;
  /** Adds an event to the history. */
  readonly event: (type: string, details?: Readonly<Record<string, Json>>) => void;
  /** Stores the progress of distributed maps; a flow within another one has none. */
  readonly maps: MapRecorder | undefined;
}
