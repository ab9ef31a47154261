import { type Expression, invalidExpression, type Operator } from './expression.ts';

/** A time series: values by milliseconds since the epoch. */
export interface TimeSeries {
  readonly label: string;
  /** Seconds. */
  readonly period: number;
  readonly points: ReadonlyMap<number, number>;
}

export type Value = number | TimeSeries | readonly TimeSeries[];

/** What an expression may refer to. */
export interface Surroundings {
  /** The moments at which a series of this period, in seconds, may have values. */
  readonly times: (period: number) => readonly number[];
  /** Of a series that has no metric: seconds. */
  readonly period: number;
  readonly query: (id: string) => Value;
  /** The metrics of the request whose id contains this, without expressions. */
  readonly metrics: (part: string) => readonly TimeSeries[];
  readonly isMetric: (id: string) => boolean;
}

/**
 * The value of an expression ("Using math expressions with CloudWatch metrics").
 *
 * @throws ServiceError ValidationException for operands that an operator or a function does not take
 */
export function evaluate(expression: Expression, surroundings: Surroundings): Value {
  const value = (of: Expression) => evaluate(of, surroundings);
  switch (expression.type) {
    case 'number':
      return expression.value;
    case 'id':
      return surroundings.query(expression.name);
    case 'list':
      return expression.items.flatMap((item) => arrayOf(value(item)));
    case 'negation':
      return operate('*', -1, value(expression.operand));
    case 'operation':
      return operate(expression.operator, value(expression.left), value(expression.right));
    case 'call':
      return functionOf(expression.name)(expression.operands, { ...surroundings, value });
    default:
      throw invalidExpression(`${JSON.stringify(textOf(expression))} has no value`);
  }
}

/** The functions and ids that an expression names, at any depth. */
export function* partsOf(expression: Expression): Iterable<Expression> {
  yield expression;
  if (expression.type === 'list') for (const item of expression.items) yield* partsOf(item);
  if (expression.type === 'negation') yield* partsOf(expression.operand);
  if (expression.type === 'call') for (const operand of expression.operands) yield* partsOf(operand);
  if (expression.type === 'operation') {
    yield* partsOf(expression.left);
    yield* partsOf(expression.right);
  }
}

const operators: Readonly<Record<Operator, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '^': (left, right) => left ** right,
  '<': (left, right) => Number(left < right),
  '<=': (left, right) => Number(left <= right),
  '>': (left, right) => Number(left > right),
  '>=': (left, right) => Number(left >= right),
  '==': (left, right) => Number(left === right),
  '!=': (left, right) => Number(left !== right),
  AND: (left, right) => Number(left !== 0 && right !== 0),
  OR: (left, right) => Number(left !== 0 || right !== 0),
};

/** Where one of two series has no value, it counts as 0. What is no number, such as x / 0, is dropped. */
function operate(operator: Operator, left: Value, right: Value): Value {
  const apply = operators[operator];
  if (isArray(left)) {
    if (isArray(right)) throw invalidExpression(`${operator} does not take two arrays`);
    return left.map((each) => operate(operator, each, right) as TimeSeries);
  }
  if (isArray(right)) return right.map((each) => operate(operator, left, each) as TimeSeries);
  if (typeof left === 'number' && typeof right === 'number') return apply(left, right);
  return seriesFrom([left, right].filter(isSeries), (at) => apply(at(left) ?? 0, at(right) ?? 0));
}

type At = (value: number | TimeSeries) => number | undefined;

/** A series with a value wherever one of `series` has one, and `value` is a number. */
function seriesFrom(series: readonly TimeSeries[], value: (at: At) => number | undefined): TimeSeries {
  const points = new Map<number, number>();
  for (const time of timesOf(series)) {
    const found = value((of) => (typeof of === 'number' ? of : of.points.get(time)));
    if (found !== undefined && Number.isFinite(found)) points.set(time, found);
  }
  return {
    label: series[0]?.label ?? '',
    period: Math.max(...series.map(({ period }) => period)),
    points,
  };
}

const timesOf = (series: readonly TimeSeries[]) =>
  [...new Set(series.flatMap(({ points }) => [...points.keys()]))].sort((one, other) => one - other);

type Call = (
  operands: readonly Expression[],
  surroundings: Surroundings & { readonly value: (of: Expression) => Value },
) => Value;

/** A function of each value of a series, or of the series of an array. */
const ofEach =
  (of: (series: TimeSeries) => TimeSeries): Call =>
  (operands, { value }) =>
    ofSeries(onlyOperand(operands, value), of);

const mapped = (of: (value: number) => number) =>
  ofEach((series) => seriesFrom([series], (at) => of(at(series) ?? 0)));

/** The differences of neighbours. */
const changes = (of: (difference: number, seconds: number) => number) =>
  ofEach((series) => {
    const times = timesOf([series]);
    const points = new Map<number, number>();
    for (const [index, time] of times.entries()) {
      const before = times[index - 1];
      if (before === undefined) continue;
      const difference = (series.points.get(time) ?? 0) - (series.points.get(before) ?? 0);
      points.set(time, of(difference, (time - before) / 1_000));
    }
    return { ...series, points };
  });

/** Of a series a number; of an array a series, in which missing values are `missing`. */
const reduction =
  (of: (all: readonly number[]) => number, missing?: number): Call =>
  (operands, { value }) => {
    const operand = onlyOperand(operands, value);
    if (typeof operand === 'number') return operand;
    if (!isArray(operand)) return of([...operand.points.values()]);
    return seriesFrom(operand, (at) =>
      of(operand.map((each) => at(each) ?? missing).filter((each) => each !== undefined)),
    );
  };

const sum = (all: readonly number[]) => all.reduce((total, each) => total + each, 0);
const least = (all: readonly number[]) => all.reduce((one, other) => Math.min(one, other), Infinity);
const most = (all: readonly number[]) => all.reduce((one, other) => Math.max(one, other), -Infinity);

const functions: Readonly<Record<string, Call>> = {
  ABS: mapped(Math.abs),
  CEIL: mapped(Math.ceil),
  FLOOR: mapped(Math.floor),
  SUM: reduction(sum),
  AVG: reduction((all) => sum(all) / all.length, 0),
  MIN: reduction(least),
  MAX: reduction(most),
  DIFF: changes((difference) => difference),
  RATE: changes((difference, seconds) => difference / seconds),

  METRICS([part, ...rest], { metrics }) {
    if (rest.length > 0 || (part !== undefined && part.type !== 'text'))
      throw invalidExpression('METRICS takes nothing, or a text');
    return metrics(part?.value ?? '');
  },

  PERIOD([operand, ...rest], { query, isMetric }) {
    const metric = operand?.type === 'id' && isMetric(operand.name) ? query(operand.name) : undefined;
    if (rest.length > 0 || metric === undefined || typeof metric === 'number' || isArray(metric))
      throw invalidExpression('PERIOD takes a metric');
    return metric.period;
  },

  TIME_SERIES(operands, { value, times, period }) {
    const operand = onlyOperand(operands, value);
    if (typeof operand !== 'number') throw invalidExpression('TIME_SERIES takes a number');
    const points = Number.isFinite(operand) ? times(period).map((time) => [time, operand] as const) : [];
    return { label: '', period, points: new Map(points) };
  },

  FILL([operand, filler, ...rest], { value, times }) {
    if (operand === undefined || filler === undefined || rest.length > 0)
      throw invalidExpression('FILL takes a series and a filler');
    const fill = fillerOf(filler, value);
    return ofSeries(value(operand), (series) => {
      const known = timesOf([series]);
      const points = [...new Set([...times(series.period), ...known])]
        .sort((one, other) => one - other)
        .flatMap((time) => {
          const found = series.points.get(time) ?? fill(series, time, known);
          return found === undefined || !Number.isFinite(found) ? [] : [[time, found] as const];
        });
      return { ...series, points: new Map(points) };
    });
  },

  IF(operands, { value }) {
    if (operands.length < 2 || operands.length > 3)
      throw invalidExpression('IF takes a condition, a value, and another value if it does not hold');
    const [condition = 0, yes = 0, no] = operands.map(value);
    if (isArray(condition) || isArray(yes) || isArray(no)) throw invalidExpression('IF takes no arrays');
    if (typeof condition === 'number')
      return condition === 0 ? (no ?? { label: '', period: 60, points: new Map() }) : yes;
    return seriesFrom([condition], (at) =>
      at(condition) === 0 ? (no === undefined ? undefined : at(no)) : (at(yes) ?? 0),
    );
  },
};

type Fill = (series: TimeSeries, time: number, known: readonly number[]) => number | undefined;

function fillerOf(filler: Expression, value: (of: Expression) => Value): Fill {
  if (filler.type === 'word') {
    const before = (time: number, known: readonly number[]) => known.findLast((each) => each < time);
    if (filler.name === 'REPEAT')
      return ({ points }, time, known) => points.get(before(time, known) ?? Number.NaN);
    if (filler.name === 'LINEAR')
      return ({ points }, time, known) => {
        const [left, right] = [before(time, known), known.find((each) => each > time)];
        if (left === undefined || right === undefined) return undefined;
        const [from, to] = [points.get(left) ?? 0, points.get(right) ?? 0];
        return from + ((to - from) * (time - left)) / (right - left);
      };
  }
  const found = value(filler);
  if (isArray(found)) throw invalidExpression('FILL takes no array as its filler');
  return (_, time) => (typeof found === 'number' ? found : found.points.get(time));
}

/** @throws ServiceError ValidationException for a function that AWS has or has not, but not this cloud */
export function functionOf(name: string): Call {
  const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (found) return found;
  throw invalidExpression(`the local cloud does not serve the function ${name}`);
}

function onlyOperand(operands: readonly Expression[], value: (of: Expression) => Value): Value {
  const [operand, ...rest] = operands;
  if (operand === undefined || rest.length > 0)
    throw invalidExpression(`A function has ${operands.length} operands instead of 1`);
  return value(operand);
}

const isArray = (value: Value | undefined): value is readonly TimeSeries[] => Array.isArray(value);
const isSeries = (value: Value): value is TimeSeries => typeof value === 'object' && !isArray(value);

function ofSeries(value: Value, of: (series: TimeSeries) => TimeSeries): Value {
  if (typeof value === 'number') throw invalidExpression('A number stands where a series has to');
  return isArray(value) ? value.map(of) : of(value);
}

const arrayOf = (value: Value) => [ofSeries(value, (series) => series)].flat() as readonly TimeSeries[];

const textOf = (expression: Expression) =>
  expression.type === 'text' ? expression.value : expression.type === 'word' ? expression.name : '';
