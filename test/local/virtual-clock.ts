import type { Clock } from '../../local/clock.ts';

/** Time that passes only when a test says so. */
export class VirtualClock implements Clock {
  #now: number;
  #tasks: { readonly at: number; readonly run: () => void }[] = [];

  constructor(now = Date.parse('2026-11-02T09:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const task = { at: this.#now + delayMs, run };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== task);
    };
  }

  /** Runs what falls due within `ms`, each task with everything that it sets off. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const next = this.#tasks.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#tasks = this.#tasks.filter((other) => other !== next);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }
}

/** Resolves when everything that only waits for promises has run. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
