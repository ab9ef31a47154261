import { errorText } from '../core/service-error.ts';
import type { Retrier } from './definition.ts';
import { StatesError } from './json.ts';

/** Errors that only their own name matches, not States.ALL ("Step Functions guide: Handling errors"). */
const notCaught = new Set(['States.DataLimitExceeded', 'States.Runtime']);

/** Whether a retrier or catcher applies to an error. */
export function matches(names: readonly string[], { error }: StatesError): boolean {
  return names.some(
    (name) =>
      name === error ||
      (name === 'States.ALL' && !notCaught.has(error)) ||
      (name === 'States.TaskFailed' && error !== 'States.Timeout' && !notCaught.has(error)),
  );
}

/**
 * Milliseconds before an attempt (the first is 1) is retried. With full jitter, any time up to the backoff.
 */
export function delayBefore(attempt: number, retrier: Retrier, random: () => number): number {
  const {
    IntervalSeconds,
    BackoffRate,
    MaxDelaySeconds = Number.POSITIVE_INFINITY,
    JitterStrategy,
  } = retrier;
  const delay = Math.min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** (attempt - 1));
  return 1000 * (JitterStrategy === 'FULL' ? delay * random() : delay);
}

/** Counts a state's attempts, separately for each retrier. */
export class Attempts {
  readonly #made = new Map<Retrier, number>();

  /** Milliseconds until the next attempt; `undefined` if there is none. */
  next(retriers: readonly Retrier[], error: StatesError, random: () => number): number | undefined {
    const retrier = retriers.find(({ ErrorEquals }) => matches(ErrorEquals, error));
    if (retrier === undefined) return undefined;
    const made = (this.#made.get(retrier) ?? 0) + 1;
    if (made > retrier.MaxAttempts) return undefined;
    this.#made.set(retrier, made);
    return delayBefore(made, retrier, random);
  }

  get count(): number {
    return [...this.#made.values()].reduce((sum, each) => sum + each, 0);
  }
}

/** A bug in the local cloud ends an execution like a fault of AWS's interpreter would. */
export function statesError(cause: unknown): StatesError {
  if (cause instanceof StatesError) return cause;
  return new StatesError('States.Runtime', errorText(cause));
}
