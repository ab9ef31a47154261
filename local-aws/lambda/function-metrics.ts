import { type Metrics, metricsOf } from '../core/metrics.ts';

/** A function's metrics ("Types of metrics for Lambda functions"), each timed by the invocation's begin. */
export function functionMetrics(FunctionName: string, metrics: Metrics) {
  const { invocations, errors, throttles, duration, concurrent } = metricsOf(
    metrics,
    'AWS/Lambda',
    { FunctionName },
    {
      invocations: 'Invocations',
      errors: 'Errors',
      throttles: 'Throttles',
      duration: ['Duration', 'Milliseconds'],
      concurrent: 'ConcurrentExecutions',
    },
  );
  return {
    throttled: () => throttles.record(1),
    /** @returns records the invocation's end */
    begun(running: number): (durationMs: number, isError: boolean) => void {
      const at = metrics.now();
      invocations.record(1, at);
      throttles.rest(at);
      concurrent.record(running, at);
      return (durationMs, isError) => {
        duration.record(durationMs, at);
        errors.record(Number(isError), at);
      };
    },
  };
}
