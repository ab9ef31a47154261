import * as z from 'zod';
import { parseJson } from '../core/parse-json.ts';
import { keptMinutes, type MetricStore, minuteMs } from './store.ts';

/** "Specification: Embedded metric format": its limits. */
const mostMetrics = 100;
const mostValues = 100;
const mostDimensions = 30;
const longestName = 1_024;
const ahead = 2 * 60 * minuteMs;

const name = z.string().min(1).max(longestName);
const document = z.looseObject({
  _aws: z.object({
    Timestamp: z.number(),
    CloudWatchMetrics: z
      .array(
        z.object({
          Namespace: name,
          Dimensions: z.array(z.array(name).max(mostDimensions)).max(mostMetrics).default([[]]),
          Metrics: z.array(z.object({ Name: name, Unit: z.string().default('None') })).max(mostMetrics),
        }),
      )
      .max(mostMetrics),
  }),
});
type Document = z.infer<typeof document>;

/**
 * Makes metrics of a log line in CloudWatch's embedded metric format. Other lines, and broken ones, are only
 * lines. A function can't print metrics of AWS itself.
 */
export function takeEmbeddedMetrics(line: string, store: MetricStore): void {
  if (!line.startsWith('{') || !line.includes('"_aws"')) return;
  const parsed = document.safeParse(jsonOf(line));
  if (!parsed.success) return;
  const now = store.now();
  const { Timestamp: at, CloudWatchMetrics } = parsed.data._aws;
  if (!(at > now - keptMinutes * minuteMs && at <= now + ahead)) return;
  for (const { Namespace, Dimensions, Metrics } of CloudWatchMetrics) {
    if (Namespace.startsWith('AWS/')) continue;
    const metrics = Metrics.map(({ Name, Unit }) => ({
      name: Name,
      unit: Unit,
      values: valuesOf(parsed.data, Name),
    })).filter(({ values }) => values.length > 0);
    for (const names of Dimensions) {
      const dimensions = dimensionsOf(parsed.data, names);
      if (dimensions !== undefined) store.print(Namespace, dimensions, metrics, at);
    }
  }
}

function jsonOf(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}

const member = (of: Document, key: string): unknown => (Object.hasOwn(of, key) ? of[key] : undefined);

/** None if a value is no number. */
function valuesOf(of: Document, key: string): readonly number[] {
  const values = [member(of, key)].flat();
  const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
  return values.length <= mostValues && values.every(isNumber) ? values : [];
}

function dimensionsOf(of: Document, names: readonly string[]): Record<string, string> | undefined {
  const pairs = names.map((key): [string, unknown] => [key, member(of, key)]);
  const isPair = (pair: [string, unknown]): pair is [string, string] =>
    typeof pair[1] === 'string' && pair[1] !== '' && pair[1].length <= longestName;
  return pairs.every(isPair) ? Object.fromEntries(pairs) : undefined;
}
