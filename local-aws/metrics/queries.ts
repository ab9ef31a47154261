import { ServiceError } from '../core/service-error.ts';
import { type Expression, invalidExpression, parseExpression } from './expression.ts';
import { evaluate, functionOf, partsOf, type TimeSeries, type Value } from './math.ts';
import { checkPeriod, statisticOf } from './statistic.ts';
import { type Dimensions, keptMinutes, type MetricStore, minuteMs } from './store.ts';

/** A metric's statistic by period. */
export interface MetricStat {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Dimensions;
  /** Seconds. */
  readonly period: number;
  /** `Sum`, `p99` … */
  readonly stat: string;
  /** Only values in it count. */
  readonly unit?: string | undefined;
}

/** One of GetMetricData's queries, or of an alarm's: a metric or an expression over the others. */
export interface MetricQuery {
  readonly id: string;
  readonly label?: string | undefined;
  /** By default true. */
  readonly returnData?: boolean | undefined;
  readonly metric?: MetricStat | undefined;
  readonly expression?: string | undefined;
  /** Of an expression without a metric: seconds. */
  readonly period?: number | undefined;
}

/** The time that is asked for, in milliseconds: from `start` to before `end`. Periods begin at `start`. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/** A series with the id of its query. */
export interface Answer extends TimeSeries {
  readonly id: string;
}

const mostQueries = 500;
/** "MetricDataQuery, Expression" */
const longestExpression = 2_048;
const defaultPeriod = 60;

/** Queries that were checked, so that they can run. */
export class Queries {
  /** The longest period of its metrics, in seconds. */
  readonly period: number;
  readonly #queries: ReadonlyMap<string, MetricQuery>;
  readonly #expressions = new Map<string, Expression>();

  /** @throws ServiceError ValidationException, which names the query */
  constructor(queries: readonly MetricQuery[]) {
    this.#queries = new Map(queries.map((query) => [query.id, query]));
    if (queries.length > mostQueries) throw invalidExpression(`There are more than ${mostQueries} queries.`);
    if (this.#queries.size < queries.length)
      throw invalidExpression('The values for parameter id in MetricDataQueries are not unique.');
    for (const query of queries) this.#check(query);
    this.#refuseCircles();
    this.period = Math.max(
      ...queries.map(({ metric, period }) => metric?.period ?? period ?? defaultPeriod),
      defaultPeriod,
    );
  }

  /** The series of the queries that return data: several for an expression over an array. */
  run(store: MetricStore, { start, end }: Window): Answer[] {
    const window = { start, end: Math.min(end, store.now() + 1) };
    const known = new Map<string, Value>();
    const value = (id: string): Value => {
      const found = known.get(id) ?? this.#value(id, store, window, value);
      known.set(id, found);
      return found;
    };
    return [...this.#queries.values()].flatMap(({ id, label, metric, returnData = true }) => {
      // An expression whose data nobody asks for may still be wrong.
      const found = value(id);
      if (!returnData) return [];
      if (typeof found === 'number')
        throw invalidExpression(`Error in expression '${id}': It gives a number instead of a series.`);
      const own = label ?? metric?.name ?? id;
      if ('points' in found) return { ...found, id, label: own };
      return found.map((series) => ({ ...series, id, label: `${own} ${series.label}`.trim() }));
    });
  }

  #check({ id, metric, expression, period }: MetricQuery): void {
    if (!/^[a-z]\w{0,254}$/.test(id))
      throw invalidExpression(`The id ${id} has to begin with a lower-case letter.`);
    if ((metric === undefined) === (expression === undefined))
      throw invalidExpression(`The query ${id} needs either MetricStat or Expression.`);
    for (const each of [metric?.period, period]) if (each !== undefined) checkPeriod(each);
    if (metric !== undefined) statisticOf(metric.stat);
    if (expression !== undefined)
      this.#expressions.set(
        id,
        within(id, () => this.#parse(expression)),
      );
  }

  #parse(text: string): Expression {
    if (text.length > longestExpression)
      throw invalidExpression(`It has more than ${longestExpression} characters`);
    const expression = parseExpression(text);
    for (const part of partsOf(expression)) {
      if (part.type === 'call') functionOf(part.name);
      if (part.type === 'id' && !this.#queries.has(part.name))
        throw invalidExpression(`${part.name} is the id of no query`);
    }
    return expression;
  }

  #refuseCircles(): void {
    const ended = new Set<string>();
    const follow = (id: string, above: readonly string[]) => {
      if (above.includes(id)) throw invalidExpression(`Error in expression '${id}': It refers to itself.`);
      const expression = this.#expressions.get(id);
      if (ended.has(id) || expression === undefined) return;
      for (const part of partsOf(expression)) if (part.type === 'id') follow(part.name, [...above, id]);
      ended.add(id);
    };
    for (const id of this.#expressions.keys()) follow(id, []);
  }

  #value(id: string, store: MetricStore, window: Window, value: (id: string) => Value): Value {
    const { metric, label, period = this.period } = this.#queries.get(id) ?? {};
    if (metric !== undefined) return seriesOf(store, metric, window, label);
    const expression = this.#expressions.get(id);
    if (expression === undefined) throw new Error(`There is no query ${id}.`);
    return within(id, () =>
      evaluate(expression, {
        period,
        times: (each) => [...timesOf(window, each, store.now())],
        query: value,
        isMetric: (each) => this.#queries.get(each)?.metric !== undefined,
        metrics: (part) =>
          [...this.#queries.values()]
            .filter((each) => each.metric !== undefined && each.id.includes(part))
            .map((each) => value(each.id) as TimeSeries),
      }),
    );
  }
}

function seriesOf(
  store: MetricStore,
  { namespace, name, dimensions, period, stat, unit }: MetricStat,
  window: Window,
  label = name,
): TimeSeries {
  const statistic = statisticOf(stat);
  const series = store.find(namespace, name, dimensions);
  const points = new Map<number, number>();
  if (series !== undefined && (unit === undefined || unit === series.unit))
    for (const time of timesOf(window, period, store.now())) {
      const values = series.between(time, time + period * 1_000);
      const value = values === undefined ? undefined : statistic(values);
      if (value !== undefined && Number.isFinite(value)) points.set(time, value);
    }
  return { label, period, points };
}

/** The beginnings of the window's periods that may have values. */
export function* timesOf({ start, end }: Window, period: number, now: number): Iterable<number> {
  const step = period * 1_000;
  const kept = now - keptMinutes * minuteMs;
  const first = start + Math.max(0, Math.floor((kept - start) / step)) * step;
  for (let time = first; time < end; time += step) yield time;
}

/** Runs a step of an expression; the error names the query. */
function within<Result>(id: string, step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    if (error instanceof ServiceError && !error.message.startsWith('Error in expression'))
      throw invalidExpression(`Error in expression '${id}': ${error.message}.`);
    throw error;
  }
}
