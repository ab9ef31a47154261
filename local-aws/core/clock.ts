/** The time, behind an interface, so that the same code runs on the wall clock and on a virtual one. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once after `delayMs`, which has no upper limit; the returned function cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
}

/**
 * A timer of Node holds at most 24.8 days, and fires at once if set to more ("Node.js API: Timers,
 * setTimeout"). Steps of a day also keep a long delay true to the wall clock if the machine sleeps meanwhile.
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

/** Resolves after `ms`. @throws the signal's reason, if it is aborted first */
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
