/** A metric, for the service that it is about. `at` is in milliseconds, by default now. */
export interface Metric {
  record(value: number, at?: number): void;
  /** Replaces the minute's values: of what is looked at from time to time, the last look counts. */
  set(value: number, at?: number): void;
  /** Makes a minute without values 0. */
  rest(at?: number): void;
}

export type Unit = 'Bytes' | 'Count' | 'Milliseconds' | 'Seconds';

/** Where services record their metrics. */
export interface Metrics {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Make it once and keep it, since to find it takes longer than to record a value. */
  metric(namespace: string, name: string, dimensions: Readonly<Record<string, string>>, unit: Unit): Metric;
  /** Lets `look` record what it sees, at each minute's end and before anybody reads. */
  watch(look: (at: number) => void): void;
}

/** Makes several metrics with the same dimensions; those without another unit count. */
export function metricsOf<Key extends string>(
  metrics: Metrics,
  namespace: string,
  dimensions: Readonly<Record<string, string>>,
  names: Readonly<Record<Key, string | readonly [name: string, unit: Unit]>>,
) {
  const made = Object.entries<string | readonly [string, Unit]>(names).map(([key, named]) => {
    const [name, unit] = typeof named === 'string' ? ([named, 'Count'] as const) : named;
    return [key, metrics.metric(namespace, name, dimensions, unit)];
  });
  return Object.fromEntries(made) as Readonly<Record<Key, Metric>>;
}

const noMetric: Metric = { record() {}, set() {}, rest() {} };

/** Keeps nothing. */
export const noMetrics: Metrics = { now: () => 0, metric: () => noMetric, watch() {} };
