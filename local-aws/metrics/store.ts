import type { Clock } from '../core/clock.ts';
import type { Metric, Metrics, Unit } from '../core/metrics.ts';
import { Distribution, type Room } from './distribution.ts';

export const minuteMs = 60_000;
/** How long values are kept. Three whole hours can be told from it, whenever one looks. */
export const keptMinutes = 240;
/** Values that percentiles tell apart, of all metrics together; each takes some 40 bytes. */
const mostTold = 200_000;
/** Metrics that functions print. Beyond it, the one that was printed longest ago is forgotten. */
const mostPrinted = 2_000;

export type Dimensions = Readonly<Record<string, string>>;

/** Values of a metric that a function prints. */
export interface PrintedMetric {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** The values of one metric, by minute. */
export class Series implements Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Dimensions;
  unit: string;
  readonly #minutes = new Map<number, Distribution>();
  readonly #clock: Pick<Clock, 'now'>;
  readonly #room: Room;

  constructor(
    { namespace, name, dimensions, unit }: Pick<Series, 'namespace' | 'name' | 'dimensions' | 'unit'>,
    clock: Pick<Clock, 'now'>,
    room: Room,
  ) {
    this.namespace = namespace;
    this.name = name;
    this.dimensions = dimensions;
    this.unit = unit;
    this.#clock = clock;
    this.#room = room;
  }

  record(value: number, at = this.#clock.now()): void {
    this.#at(at).add(value, this.#room);
  }

  set(value: number, at = this.#clock.now()): void {
    const minute = Math.floor(at / minuteMs);
    this.#minutes.get(minute)?.free(this.#room);
    this.#minutes.delete(minute);
    this.#at(at).add(value, this.#room);
  }

  /** The minute's distribution has no values, and its statistics are 0. */
  rest(at = this.#clock.now()): void {
    this.#at(at);
  }

  /** The values from `start` to before `end`, both whole minutes in milliseconds; undefined without any. */
  between(start: number, end: number): Distribution | undefined {
    const [first, last] = [start / minuteMs, end / minuteMs];
    if (last - first === 1) return this.#minutes.get(first);
    let total: Distribution | undefined;
    const room = { left: mostTold };
    for (const [minute, values] of this.#minutes) {
      if (minute < first || minute >= last) continue;
      total ??= new Distribution();
      total.merge(values, room);
    }
    return total;
  }

  get isEmpty(): boolean {
    this.#forget(Math.floor(this.#clock.now() / minuteMs));
    return this.#minutes.size === 0;
  }

  clear(): void {
    for (const values of this.#minutes.values()) values.free(this.#room);
    this.#minutes.clear();
  }

  #at(at: number): Distribution {
    const minute = Math.floor(at / minuteMs);
    let values = this.#minutes.get(minute);
    if (values === undefined) {
      this.#forget(minute);
      values = new Distribution();
      this.#minutes.set(minute, values);
    }
    return values;
  }

  #forget(now: number): void {
    for (const [minute, values] of this.#minutes) {
      if (minute > now - keptMinutes) break;
      values.free(this.#room);
      this.#minutes.delete(minute);
    }
  }
}

/** All metrics of the cloud, in memory. */
export class MetricStore implements Metrics {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #room: Room = { left: mostTold };
  /** Those of services: as many as the program has resources. */
  readonly #own = new Map<string, Series>();
  /** Those that functions print: they may name as many as they like. In the order of their last values. */
  readonly #printed = new Map<string, Series>();
  readonly #looks: ((at: number) => void)[] = [];

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  metric(namespace: string, name: string, dimensions: Dimensions, unit: Unit): Metric {
    const series = new Series({ namespace, name, dimensions, unit }, this.#clock, this.#room);
    this.#own.set(keysOf(namespace, dimensions)(name), series);
    return series;
  }

  /** Adds values to metrics that a function prints, all with the same dimensions. */
  print(namespace: string, dimensions: Dimensions, metrics: readonly PrintedMetric[], at: number): void {
    const keyed = keysOf(namespace, dimensions);
    for (const { name, unit, values } of metrics) {
      const key = keyed(name);
      const series =
        this.#printed.get(key) ?? new Series({ namespace, name, dimensions, unit }, this.#clock, this.#room);
      this.#printed.delete(key);
      this.#printed.set(key, series);
      series.unit = unit;
      for (const value of values) series.record(value, at);
    }
    for (const [oldest, forgotten] of this.#printed) {
      if (this.#printed.size <= mostPrinted) break;
      this.#printed.delete(oldest);
      forgotten.clear();
    }
  }

  /** Whether it could have metrics of this namespace: of AWS's own, those of services here. */
  measures(namespace: string): boolean {
    return !namespace.startsWith('AWS/') || this.#own.values().some((each) => each.namespace === namespace);
  }

  watch(look: (at: number) => void): void {
    this.#looks.push(look);
  }

  /** Lets the services record what they see, as of `at`. */
  look(at = this.now()): void {
    for (const look of this.#looks) look(at);
  }

  find(namespace: string, name: string, dimensions: Dimensions): Series | undefined {
    const key = keysOf(namespace, dimensions)(name);
    return this.#own.get(key) ?? this.#printed.get(key);
  }

  /** The metrics that have values, in a stable order. */
  all(): Series[] {
    return [...this.#own, ...this.#printed]
      .filter(([, series]) => !series.isEmpty)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, series]) => series);
  }
}

/** The keys of metrics by their names. */
function keysOf(namespace: string, dimensions: Dimensions): (name: string) => string {
  const sorted = Object.entries(dimensions).sort(([one], [other]) => (one < other ? -1 : 1));
  const all = JSON.stringify([namespace, ...sorted]);
  return (name) => all + name;
}
