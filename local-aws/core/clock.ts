/** Time as the parts of the local cloud see it, so that the same parts run on the wall clock and on a virtual one. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once after `delayMs`, however long that is; the returned function cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
}

/**
 * A timer of Node holds 24.8 days, and fires at once when it is set to more ("Node.js API: Timers, setTimeout"). A day at a time also
 * keeps a long delay true to the wall clock where the machine sleeps meanwhile.
 */
const LONGEST_TIMER_MS = 86_400_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(delayMs, task) {
    const dueAt = Date.now() + delayMs;
    let timer: NodeJS.Timeout;
    const wait = (left: number) => {
      timer =
        left <= LONGEST_TIMER_MS
          ? setTimeout(task, left)
          : setTimeout(() => wait(dueAt - Date.now()), LONGEST_TIMER_MS);
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};
