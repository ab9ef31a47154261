import type { Metric, Metrics } from '../core/metrics.ts';

/** A function's metrics ("Types of metrics for Lambda functions"), each timed by the invocation's begin. */
export class FunctionMetrics {
  readonly #metrics: Metrics;
  readonly #invocations: Metric;
  readonly #errors: Metric;
  readonly #throttles: Metric;
  readonly #duration: Metric;
  readonly #concurrent: Metric;

  constructor(FunctionName: string, metrics: Metrics) {
    const count = (name: string) => metrics.metric('AWS/Lambda', name, { FunctionName }, 'Count');
    this.#metrics = metrics;
    this.#invocations = count('Invocations');
    this.#errors = count('Errors');
    this.#throttles = count('Throttles');
    this.#duration = metrics.metric('AWS/Lambda', 'Duration', { FunctionName }, 'Milliseconds');
    this.#concurrent = count('ConcurrentExecutions');
  }

  throttled(): void {
    this.#throttles.record(1);
  }

  /** @returns records the invocation's end */
  begun(concurrent: number): (durationMs: number, isError: boolean) => void {
    const at = this.#metrics.now();
    this.#invocations.record(1, at);
    this.#throttles.rest(at);
    this.#concurrent.record(concurrent, at);
    return (durationMs, isError) => {
      this.#duration.record(durationMs, at);
      this.#errors.record(Number(isError), at);
    };
  }
}
