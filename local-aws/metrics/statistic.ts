import { unsupported } from '../core/service-error.ts';
import type { Distribution } from './distribution.ts';
import { invalidExpression } from './expression.ts';

/** Computes one statistic of a period. */
export type Statistic = (values: Distribution) => number;

/** The statistics that are no percentiles. */
export const statistics = {
  SampleCount: ({ count }) => count,
  Average: ({ count, sum }) => (count === 0 ? 0 : sum / count),
  Sum: ({ sum }) => sum,
  Minimum: ({ min }) => min,
  Maximum: ({ max }) => max,
} as const satisfies Record<string, Statistic>;

/** @throws ServiceError ValidationException, or NotImplemented for a statistic that AWS has besides */
export function statisticOf(name: string): Statistic {
  if (Object.hasOwn(statistics, name)) return statistics[name as keyof typeof statistics];
  const percent = /^p(\d{1,2}(?:\.\d+)?|100)$/.exec(name)?.[1];
  if (percent !== undefined) return (values) => values.percentile(Number(percent));
  // "CloudWatch statistics definitions"
  if (/^(IQM|PR\(.*\)|(tm|wm|tc|ts)\d[\d.]*|(TM|WM|TC|TS)\(.*\))$/i.test(name))
    throw unsupported(`the statistic ${name}`);
  throw invalidExpression(`The value ${name} for parameter Stat is not supported.`);
}

/** @throws ServiceError ValidationException, or NotImplemented for a period below a minute */
export function checkPeriod(seconds: number): void {
  if ([1, 5, 10, 20, 30].includes(seconds)) throw unsupported('periods below 60 seconds');
  if (!(seconds > 0 && seconds % 60 === 0))
    throw invalidExpression('The parameter Period must be a multiple of 60.');
}
