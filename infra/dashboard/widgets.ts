import type * as pulumi from '@pulumi/pulumi';

type Text = pulumi.Input<string>;

interface LineOptions {
  /** By which expressions name the line: a lower-case letter first. */
  readonly id?: string;
  readonly label?: string;
  readonly stat?: 'Sum' | 'Maximum' | 'Minimum' | 'Average' | 'p50' | 'p99';
  readonly visible?: boolean;
  readonly yAxis?: 'left' | 'right';
}

/** A line of a graph: a metric with its dimensions, or an expression over the others. */
export type Line = readonly (Text | (LineOptions & { readonly expression?: string }))[];

export const metric = (
  namespace: string,
  name: string,
  dimensions: Readonly<Record<string, Text>>,
  options: LineOptions = {},
): Line => [namespace, name, ...Object.entries(dimensions).flat(), options];

export const expression = (text: string, label: string, options: LineOptions = {}): Line => [
  { expression: text, label, ...options },
];

/** A metric that only expressions use. */
export const hidden = (id: string, stat: LineOptions['stat']): LineOptions =>
  stat === undefined ? { id, visible: false } : { id, stat, visible: false };

interface GraphOptions {
  readonly stat?: LineOptions['stat'];
  readonly stacked?: boolean;
  /** What the left axis counts. */
  readonly unit?: string;
  /** Whether the left axis goes below 0. */
  readonly signed?: boolean;
  /** What the right axis counts. */
  readonly rightUnit?: string;
  /** A horizontal line, such as an alarm's threshold. */
  readonly limit?: { readonly label: string; readonly value: number };
  /** Seconds. */
  readonly period?: number;
  readonly view?: 'timeSeries' | 'singleValue';
}

export interface Widget {
  readonly type: 'metric' | 'text' | 'alarm';
  readonly properties: Readonly<Record<string, unknown>>;
}

export function graph(region: string, title: string, metrics: readonly Line[], options: GraphOptions = {}) {
  const {
    stat = 'Sum',
    stacked = false,
    period = 60,
    view = 'timeSeries',
    unit,
    rightUnit,
    limit,
    signed,
  } = options;
  return {
    type: 'metric',
    properties: {
      title,
      region,
      view,
      stacked,
      stat,
      period,
      metrics,
      yAxis: {
        left: { ...(!signed && { min: 0 }), showUnits: false, ...(unit && { label: unit }) },
        right: { min: 0, showUnits: false, ...(rightUnit && { label: rightUnit }) },
      },
      ...(limit && { annotations: { horizontal: [limit] } }),
      ...(view === 'singleValue' && { sparkline: true }),
    },
  } satisfies Widget;
}

export const text = (markdown: Text): Widget => ({ type: 'text', properties: { markdown } });

/** The state of alarms, those that ring first. At most 100. */
export const alarmStates = (title: string, arns: readonly Text[]): Widget => ({
  type: 'alarm',
  properties: { title, alarms: arns, sortBy: 'stateUpdatedTimestamp' },
});

export interface Row {
  /** In units of the grid. */
  readonly height: number;
  readonly widgets: readonly Widget[];
}

/** The grid's columns (CloudWatch API reference, CloudWatch-Dashboard-Body-Structure). */
const columns = 24;

/** Puts rows below each other; the widgets of a row share its width. */
export function grid(rows: readonly Row[]) {
  let top = 0;
  return rows.flatMap(({ height, widgets }) => {
    const y = top;
    top += height;
    const width = Math.floor(columns / widgets.length);
    return widgets.map((widget, index) => ({ ...widget, x: index * width, y, width, height }));
  });
}
