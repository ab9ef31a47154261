import type { MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import * as z from 'zod';
import type { Program } from '../../local-aws/program/program.ts';

const options = z.looseObject({
  id: z.string().optional(),
  expression: z.string().optional(),
  label: z.string().optional(),
  stat: z.string().optional(),
  visible: z.boolean().default(true),
});
const body = z.looseObject({
  widgets: z.array(
    z.looseObject({
      type: z.string(),
      properties: z.looseObject({
        title: z.string().default(''),
        stat: z.string().default('Average'),
        period: z.number().default(300),
        metrics: z.array(z.array(z.union([z.string(), options]))).default([]),
      }),
    }),
  ),
});

/** A graph of the dashboard, as the queries that CloudWatch's console makes of it. */
export interface GraphQueries {
  readonly title: string;
  /** Seconds. */
  readonly period: number;
  readonly queries: readonly MetricDataQuery[];
}

/** The graphs of a program's dashboard. */
export function graphQueries({ resources }: Pick<Program, 'resources'>): GraphQueries[] {
  const dashboard = resources.find(({ type }) => type === 'aws:cloudwatch/dashboard:Dashboard');
  return body
    .parse(JSON.parse(String(dashboard?.inputs['dashboardBody'])))
    .widgets.filter(({ type }) => type === 'metric')
    .map(({ properties: { title, stat, period, metrics } }) => ({
      title,
      period,
      queries: metrics.map((line, index): MetricDataQuery => {
        const [Namespace = '', MetricName = '', ...rest] = line.filter((part) => typeof part === 'string');
        const given = options.parse(line.find((part) => typeof part === 'object') ?? {});
        const common = { Id: given.id ?? `line${index}`, Label: given.label, ReturnData: given.visible };
        if (given.expression !== undefined) return { ...common, Expression: given.expression };
        const Dimensions = rest.flatMap((Name, at) =>
          at % 2 === 0 ? [{ Name, Value: rest[at + 1] ?? '' }] : [],
        );
        const Metric = { Namespace, MetricName, Dimensions };
        return { ...common, MetricStat: { Metric, Period: period, Stat: given.stat ?? stat } };
      }),
    }));
}
