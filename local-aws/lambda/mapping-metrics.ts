import type { Metrics } from '../core/metrics.ts';

/** Counts the messages of a mapping. */
export interface MappingMetrics {
  polled(count: number): void;
  invoked(count: number): void;
  failed(count: number): void;
  deleted(count: number): void;
}

/** The metrics that `EventCount` turns on, of those that a queue has ("Event source mapping metrics"). */
export function mappingMetrics(EventSourceMappingUUID: string, metrics: Metrics): MappingMetrics {
  const counter = (name: string) => {
    const metric = metrics.metric('AWS/Lambda', name, { EventSourceMappingUUID }, 'Count');
    return (count: number) => metric.record(count);
  };
  const filteredOut = counter('FilteredOutEventCount');
  const polled = counter('PolledEventCount');
  return {
    polled(count) {
      polled(count);
      // There are no filters here.
      filteredOut(0);
    },
    invoked: counter('InvokedEventCount'),
    failed: counter('FailedInvokeEventCount'),
    deleted: counter('DeletedEventCount'),
  };
}
