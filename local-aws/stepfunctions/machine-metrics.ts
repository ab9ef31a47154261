import { type Metrics, metricsOf, noMetrics } from '../core/metrics.ts';
import type { End } from './execution.ts';

/** A state machine's metrics of its executions ("Monitoring Step Functions metrics using CloudWatch"). */
export function machineMetrics(StateMachineArn: string, metrics: Metrics = noMetrics) {
  const of = metricsOf(
    metrics,
    'AWS/States',
    { StateMachineArn },
    {
      started: 'ExecutionsStarted',
      SUCCEEDED: 'ExecutionsSucceeded',
      FAILED: 'ExecutionsFailed',
      TIMED_OUT: 'ExecutionsTimedOut',
      ABORTED: 'ExecutionsAborted',
      time: ['ExecutionTime', 'Milliseconds'],
    },
  );
  return {
    started: () => of.started.record(1),
    ended(status: End['status'], durationMs: number) {
      of[status].record(1);
      of.time.record(durationMs);
    },
  };
}
