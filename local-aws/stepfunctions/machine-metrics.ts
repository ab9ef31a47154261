import { type Metrics, noMetrics } from '../core/metrics.ts';
import type { End } from './execution.ts';

/** A state machine's metrics of its executions ("Monitoring Step Functions metrics using CloudWatch"). */
export class MachineMetrics {
  readonly started: () => void;
  readonly ended: (status: End['status'], durationMs: number) => void;

  constructor(StateMachineArn: string, metrics: Metrics = noMetrics) {
    const count = (name: string) => metrics.metric('AWS/States', name, { StateMachineArn }, 'Count');
    const started = count('ExecutionsStarted');
    const ends = {
      SUCCEEDED: count('ExecutionsSucceeded'),
      FAILED: count('ExecutionsFailed'),
      TIMED_OUT: count('ExecutionsTimedOut'),
      ABORTED: count('ExecutionsAborted'),
    };
    const time = metrics.metric('AWS/States', 'ExecutionTime', { StateMachineArn }, 'Milliseconds');
    this.started = () => started.record(1);
    this.ended = (status, durationMs) => {
      ends[status].record(1);
      time.record(durationMs);
    };
  }
}
