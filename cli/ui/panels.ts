import {
  GetDashboardCommand,
  type MetricDataQuery,
  type MetricDataResult,
  paginateGetMetricData,
} from '@aws-sdk/client-cloudwatch';
import * as z from 'zod';
import type { Target } from '../target/target.ts';

const axis = z.enum(['left', 'right']);
const options = z.looseObject({
  id: z.string().optional(),
  expression: z.string().optional(),
  label: z.string().optional(),
  stat: z.string().optional(),
  visible: z.boolean().default(true),
  yAxis: axis.default('left'),
});
const axisOptions = z.looseObject({ label: z.string().optional() }).default({});
const place = { x: z.number(), y: z.number(), width: z.number(), height: z.number() };
/** What we write of a dashboard's body (infra/dashboard/widgets.ts). */
const body = z.looseObject({
  widgets: z.array(
    z.looseObject({
      ...place,
      type: z.string(),
      properties: z.looseObject({
        title: z.string().default(''),
        view: z.string().default('timeSeries'),
        stacked: z.boolean().default(false),
        stat: z.string().default('Average'),
        period: z.number().default(300),
        metrics: z.array(z.array(z.union([z.string(), options]))).default([]),
        yAxis: z.looseObject({ left: axisOptions, right: axisOptions }).default({ left: {}, right: {} }),
        annotations: z
          .looseObject({
            horizontal: z.array(z.object({ label: z.string(), value: z.number() })).default([]),
          })
          .default({ horizontal: [] }),
      }),
    }),
  ),
});

/** A graph of the dashboard. */
export interface Panel {
  readonly title: string;
  /** The row of the dashboard that it is in; the row's panels share its width. */
  readonly row: number;
  readonly kind: 'lines' | 'numbers';
  readonly stacked: boolean;
  readonly unit: string | undefined;
  readonly rightUnit: string | undefined;
  /** Horizontal lines, such as an alarm's threshold. */
  readonly limits: readonly { readonly label: string; readonly value: number }[];
  /** Seconds. */
  readonly period: number;
  readonly lines: readonly {
    readonly id: string;
    readonly label: string;
    readonly axis: z.output<typeof axis>;
  }[];
}

/** A graph with its queries, as CloudWatch's console makes them of it. */
export interface PanelQueries extends Panel {
  readonly queries: readonly MetricDataQuery[];
}

/** The graphs of a dashboard's body. */
export function panelsOf(dashboardBody: string): PanelQueries[] {
  return body
    .parse(JSON.parse(dashboardBody))
    .widgets.filter(({ type }) => type === 'metric')
    .map(({ y, properties }) => {
      const { title, view, stacked, stat, period, metrics, yAxis, annotations } = properties;
      const lines = metrics.map((line, index) => {
        const [Namespace = '', MetricName = '', ...rest] = line.filter((part) => typeof part === 'string');
        const given = options.parse(line.find((part) => typeof part === 'object') ?? {});
        const id = given.id ?? `line${index}`;
        const common = { Id: id, Label: given.label, ReturnData: given.visible };
        const shown = { id, label: given.label ?? MetricName, axis: given.yAxis };
        if (given.expression !== undefined)
          return { shown, query: { ...common, Expression: given.expression } satisfies MetricDataQuery };
        const Dimensions = rest.flatMap((Name, at) =>
          at % 2 === 0 ? [{ Name, Value: rest[at + 1] ?? '' }] : [],
        );
        const Metric = { Namespace, MetricName, Dimensions };
        const MetricStat = { Metric, Period: period, Stat: given.stat ?? stat };
        return { shown, query: { ...common, MetricStat } satisfies MetricDataQuery };
      });
      return {
        title,
        row: y,
        kind: view === 'singleValue' ? ('numbers' as const) : ('lines' as const),
        stacked,
        unit: yAxis.left.label,
        rightUnit: yAxis.right.label,
        limits: annotations.horizontal,
        period,
        lines: lines.filter(({ query }) => query.ReturnData).map(({ shown }) => shown),
        queries: lines.map(({ query }) => query),
      };
    });
}

/** The graphs of the stack's dashboard, as CloudWatch has it: somebody may have changed it there. */
export async function dashboardPanels({ cloudWatch, outputs }: Target): Promise<PanelQueries[]> {
  const name = outputs.dashboard.slice(outputs.dashboard.lastIndexOf('/') + 1);
  const { DashboardBody } = await cloudWatch.send(new GetDashboardCommand({ DashboardName: name }));
  return panelsOf(DashboardBody ?? '{"widgets":[]}');
}

/** What a panel shows: a value for each line and time, `null` where there is none. */
export interface Series {
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  /** In the order of the panel's lines. */
  readonly values: readonly (readonly (number | null)[])[];
}

/** Reads the values of a panel's lines, from `hours` ago until now. */
export async function seriesOf(
  { cloudWatch }: Target,
  { period, lines, queries }: PanelQueries,
  hours: number,
): Promise<Series> {
  const now = Math.ceil(Date.now() / 1000);
  const end = Math.ceil(now / period) * period;
  const start = Math.floor((now - hours * 3600) / period) * period;
  const pages = paginateGetMetricData(
    { client: cloudWatch },
    {
      StartTime: new Date(start * 1000),
      EndTime: new Date(end * 1000),
      ScanBy: 'TimestampAscending',
      MetricDataQueries: [...queries],
    },
  );
  const found = new Map<string, Map<number, number>>();
  for await (const { MetricDataResults = [] } of pages)
    for (const each of MetricDataResults) add(found, each);
  const times = Array.from({ length: Math.round((end - start) / period) }, (_, i) => start + i * period);
  return { times, values: lines.map(({ id }) => times.map((time) => found.get(id)?.get(time) ?? null)) };
}

function add(
  found: Map<string, Map<number, number>>,
  { Id = '', Timestamps = [], Values = [] }: MetricDataResult,
): void {
  const own = found.get(Id) ?? new Map<number, number>();
  for (const [i, time] of Timestamps.entries()) own.set(time.getTime() / 1000, Values[i] ?? 0);
  found.set(Id, own);
}
