import type { Clock } from '../core/clock.ts';
import { Heap } from '../sqs/heap.ts';

/** Time that passes only when a test says so. */
export class VirtualClock implements Clock {
  readonly #tasks = new Heap<{ readonly run: () => void }>();
  #now: number;

  constructor(now = Date.parse('2026-11-02T09:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const task = { run };
    this.#tasks.push(task, this.#now + delayMs);
    return () => {
      this.#tasks.delete(task);
    };
  }

  /** Runs what falls due within `ms`, each task with everything that it sets off. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    do await settled();
    while (this.runNext(end));
    this.#now = end;
  }

  /** Goes on to the next task, if one is due before `end`, and runs it. Returns whether there was one. */
  runNext(end = Number.POSITIVE_INFINITY): boolean {
    const next = this.#tasks.peek();
    if (next === undefined || next.key > end) return false;
    this.#tasks.delete(next.item);
    this.#now = Math.max(this.#now, next.key);
    next.item.run();
    return true;
  }
}

/** Resolves when everything that only waits for promises has run. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
