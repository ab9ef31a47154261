/** As shells report an end by Ctrl-C: 128 + SIGINT. */
const INTERRUPTED = 130;

/**
 * Runs `work` with a signal that Ctrl-C aborts, so that the work can put things back before it ends.
 * @returns `undefined` after Ctrl-C; the exit status is 130 then
 */
export async function untilInterrupted<Result>(
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result | undefined> {
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop);
  try {
    const result = await work(interrupted.signal);
    interrupted.signal.throwIfAborted();
    return result;
  } catch (error) {
    if (error !== interrupted.signal.reason) throw error;
    process.exitCode = INTERRUPTED;
    return undefined;
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop);
  }
}
