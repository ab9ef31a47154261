import type { Step } from '../../domain/activity/activity.ts';
import type { QueueState } from '../target/queue-state.ts';

/** How many depths of a queue are kept, and how many objects. */
const KEPT = { depths: 30, moving: 5, ended: 8 };
/** The records of so many milliseconds make the rate. */
const RATE_MS = 10_000;
/** An object without a step for so long is not moving. */
const MOVING_MS = 60_000;

/** What `status --watch` shows at one time. */
export interface Frame {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** With the depths of the last looks, oldest first: what waits and what is in flight. */
  readonly stages: readonly (QueueState & { readonly depths: readonly number[] })[];
  /** Transformed records in a second. */
  readonly recordsPerSecond: number;
  /** The last step of each object that has not ended, newest first. */
  readonly moving: readonly Step[];
  /** The last steps of the objects that ended last, newest first. */
  readonly ended: readonly Step[];
}

/** Makes frames of what the queues hold and what the logs tell. */
export class Watch {
  readonly #depths = new Map<string, number[]>();
  readonly #moving = new Map<string, Step>();
  /** When each version ended; its sinks may be told of it later. */
  readonly #over = new Map<string, number>();
  readonly #startedAt: number;
  #ended: readonly Step[] = [];
  #read: readonly { readonly at: number; readonly records: number }[] = [];

  /** @param now milliseconds since the epoch */
  constructor(now: number) {
    this.#startedAt = now;
  }

  /** @param steps those since the last frame, in order @param now milliseconds since the epoch */
  next(queues: readonly QueueState[], steps: readonly Step[], now: number): Frame {
    for (const step of steps) this.#take(step, now);
    for (const [key, { at }] of this.#moving) if (now - at > MOVING_MS) this.#moving.delete(key);
    for (const [version, at] of this.#over) if (now - at > MOVING_MS) this.#over.delete(version);
    this.#read = this.#read.filter(({ at }) => now - at <= RATE_MS);
    const records = this.#read.reduce((sum, each) => sum + each.records, 0);
    const seconds = Math.min(RATE_MS, Math.max(now - this.#startedAt, 1000)) / 1000;
    return {
      at: now,
      stages: queues.map((queue) => ({ ...queue, depths: this.#depthsOf(queue) })),
      recordsPerSecond: Math.round(records / seconds),
      moving: [...this.#moving.values()].reverse().slice(0, KEPT.moving),
      ended: this.#ended,
    };
  }

  #take(step: Step, now: number): void {
    const { key, versionId, stage, ended, read } = step;
    const version = JSON.stringify([key, versionId]);
    if (ended !== undefined) {
      this.#over.set(version, now);
      this.#moving.delete(key);
      this.#ended = [step, ...this.#ended].slice(0, KEPT.ended);
    } else if (!this.#over.has(version)) {
      // The order of the map is that of the last steps.
      this.#moving.delete(key);
      this.#moving.set(key, step);
    }
    // By this machine's clock, as the window is.
    if (stage === 'transformation') this.#read = [...this.#read, { at: now, records: read }];
  }

  #depthsOf({ stage, waiting, inFlight }: QueueState): readonly number[] {
    const depths = [...(this.#depths.get(stage) ?? []), waiting + inFlight].slice(-KEPT.depths);
    this.#depths.set(stage, depths);
    return depths;
  }
}
