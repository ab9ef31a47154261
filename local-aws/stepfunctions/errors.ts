import { errorText } from '../core/service-error.ts';
import type { Retrier } from './definition.ts';
import { StatesError } from './json.ts';

/** Neither tried again nor caught as anything but themselves ("Step Functions guide: Handling errors"). */
const notCaught = new Set(['States.DataLimitExceeded', 'States.Runtime']);

/** Whether a retrier or catcher is meant for an error. */
export function matches(names: readonly string[], { error }: StatesError): boolean {
  return names.some(
    (name) =>
      name === error ||
      (name === 'States.ALL' && !notCaught.has(error)) ||
      (name === 'States.TaskFailed' && error !== 'States.Timeout' && !notCaught.has(error)),
  );
}

/** Milliseconds before an attempt, the first being 1, is made again. With full jitter, any time up to the back-off. */
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

/** Counts the attempts of one state, each retrier's by themselves. */
export class Attempts {
  readonly #made = new Map<Retrier, number>();

  /** Milliseconds until the state is tried again; `undefined` when it is not. */
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

/** What our own code does wrong ends an execution as a fault of the interpreter would on AWS. */
export function statesError(cause: unknown): StatesError {
  if (cause instanceof StatesError) return cause;
  return new StatesError('States.Runtime', errorText(cause));
}
