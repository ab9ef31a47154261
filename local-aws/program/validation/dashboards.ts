import * as z from 'zod';
import type { Resource } from '../program.ts';
import { type Check, isOutput, type OfType, physicalName, required } from './checks.ts';
import { alarmType, functionType, queueType } from './types.ts';

/** What CloudWatch refuses of dashboards, or shows as an error on one. */
export const dashboardChecks: Readonly<Record<string, readonly Check[]>> = {
  // CloudWatch API reference: PutDashboard, CloudWatch-Dashboard-Body-Structure; CloudWatch guide:
  // cloudwatch_limits.
  'aws:cloudwatch/dashboard:Dashboard': [
    required('dashboardName'),
    physicalName('dashboardName', /^[A-Za-z0-9_-]+$/, 255, 'letters, digits, hyphens and underscores'),
    required('dashboardBody'),
    body,
  ],
};

const whole = (least: number, most: number) => z.int().min(least).max(most);
const period = z
  .int()
  .refine((seconds) => [1, 5, 10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0), {
    error: 'must be 1, 5, 10, 20, 30 or a multiple of 60',
  });
const stat = z
  .string()
  .regex(/^(SampleCount|Average|Sum|Minimum|Maximum|(p|tm|tc|ts|wm)\d{1,2}(\.\d+)?|IQM)$/);
const options = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z]\w*$/)
    .optional(),
  label: z.string().optional(),
  color: z.string().optional(),
  stat: stat.optional(),
  period: period.optional(),
  region: z.string().optional(),
  accountId: z.string().optional(),
  visible: z.boolean().optional(),
  yAxis: z.enum(['left', 'right']).optional(),
});
const expressionLine = z.tuple([options.extend({ expression: z.string().min(1).max(2_048) })]);
const metricLine = z
  .tuple([z.string().min(1), z.string().min(1)], z.union([z.string().min(1), options]))
  .refine((line) => line.slice(0, -1).every((part) => typeof part === 'string'), {
    error: 'must have its options last',
  })
  .refine((line) => {
    const words = line.filter((part) => typeof part === 'string');
    // `...` stands for as many words as the line above has.
    return words.includes('...') || words.length % 2 === 0;
  }, 'must have a value for each dimension')
  .refine((line) => line.filter((part) => typeof part === 'string').length <= 2 + 2 * 30, {
    error: 'must have at most 30 dimensions',
  });
const axis = z.strictObject({
  label: z.string().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  showUnits: z.boolean().optional(),
});
const annotation = z.looseObject({ value: z.number().optional(), label: z.string().optional() });
const metricProperties = z.strictObject({
  title: z.string().optional(),
  region: z.string().min(1),
  view: z.enum(['timeSeries', 'singleValue', 'gauge', 'bar', 'pie', 'table']).optional(),
  stacked: z.boolean().optional(),
  stat: stat.optional(),
  period: period.optional(),
  metrics: z.array(z.union([expressionLine, metricLine])).min(1),
  yAxis: z.strictObject({ left: axis.optional(), right: axis.optional() }).optional(),
  annotations: z
    .strictObject({ horizontal: z.array(annotation).optional(), vertical: z.array(z.unknown()).optional() })
    .optional(),
  legend: z.strictObject({ position: z.enum(['bottom', 'right', 'hidden']) }).optional(),
  liveData: z.boolean().optional(),
  sparkline: z.boolean().optional(),
  setPeriodToTimeRange: z.boolean().optional(),
});
const widgetOf = <Type extends string, Properties extends z.ZodType>(type: Type, properties: Properties) =>
  z.strictObject({
    type: z.literal(type),
    x: whole(0, 23).optional(),
    y: z.int().min(0).optional(),
    width: whole(1, 24).optional(),
    height: whole(1, 1_000).optional(),
    properties,
  });
const textProperties = z.strictObject({
  markdown: z.string(),
  background: z.enum(['solid', 'transparent']).optional(),
});
const alarmProperties = z.strictObject({
  title: z.string().optional(),
  alarms: z.array(z.string().startsWith('arn:')).min(1).max(100),
  sortBy: z.enum(['default', 'stateUpdatedTimestamp', 'timestamp']).optional(),
  states: z.array(z.enum(['ALARM', 'INSUFFICIENT_DATA', 'OK'])).optional(),
});
const widget = z
  .discriminatedUnion('type', [
    widgetOf('metric', metricProperties),
    widgetOf('text', textProperties),
    widgetOf('alarm', alarmProperties),
  ])
  .refine(({ x = 0, width = 6 }) => x + width <= 24, 'must end within the 24 columns');
const bodyShape = z.strictObject({
  start: z
    .string()
    .regex(/^-P|^\d{4}-/)
    .optional(),
  end: z.string().optional(),
  periodOverride: z.enum(['auto', 'inherit']).optional(),
  widgets: z.array(widget).max(500),
});
type MetricProperties = z.infer<typeof metricProperties>;

/** Metrics and expressions: of one graph, and of all graphs of a dashboard. */
const mostOfGraph = 500;
const mostOfDashboard = 2_500;

function* body({ inputs }: Resource, ofType: OfType): ReturnType<Check> {
  const { dashboardBody } = inputs;
  if (dashboardBody === undefined) return;
  for (const rule of wrongOf(String(dashboardBody), ofType)) yield ['dashboardBody', rule];
}

function* wrongOf(text: string, ofType: OfType): Iterable<string> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return yield `must be JSON, not ${JSON.stringify(text)}`;
  }
  const parsed = bodyShape.safeParse(content);
  if (!parsed.success) return yield z.prettifyError(parsed.error);
  let total = 0;
  for (const each of parsed.data.widgets) {
    if (each.type === 'alarm') yield* wrongAlarms(each.properties, ofType);
    if (each.type !== 'metric') continue;
    for (const rule of wrongIds(each.properties)) yield `${each.properties.title ?? 'A graph'}: ${rule}`;
    yield* wrongDimensions(each.properties, ofType);
    total += each.properties.metrics.length;
  }
  if (total > mostOfDashboard) yield `must have at most ${mostOfDashboard} metrics, not ${total}`;
}

/** Within a graph, ids differ, and expressions name ids alone. */
function* wrongIds({ metrics }: MetricProperties): Iterable<string> {
  if (metrics.length > mostOfGraph) yield `must have at most ${mostOfGraph} metrics, not ${metrics.length}`;
  const lines = metrics.flatMap((line) => line.flatMap((part) => (typeof part === 'object' ? [part] : [])));
  const ids = lines.flatMap(({ id }) => (id === undefined ? [] : [id]));
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) yield `must have ids that differ, and ${twice} is there twice`;
  for (const line of lines) {
    if (!('expression' in line) || typeof line.expression !== 'string') continue;
    // Functions are written in capitals, and text stands in quotes.
    const names = line.expression.replace(/'[^']*'|"[^"]*"/g, '').match(/\b[a-z]\w*/g) ?? [];
    const unknown = names.find((name) => !ids.includes(name));
    if (unknown !== undefined) yield `${line.expression} must name ids of the same graph, not ${unknown}`;
  }
}

function* wrongAlarms({ alarms }: z.infer<typeof alarmProperties>, ofType: OfType): Iterable<string> {
  const unknown = alarms.find((arn) => !isOutput(ofType, alarmType, 'arn', arn));
  if (unknown !== undefined) yield `must show alarms of this program, not ${JSON.stringify(unknown)}`;
}

/** A metric of a name that nothing has stays empty for ever, and nobody says so. */
const owners: Readonly<Record<string, readonly [type: string, output: string]>> = {
  QueueName: [queueType, 'name'],
  FunctionName: [functionType, 'name'],
  EventSourceMappingUUID: ['aws:lambda/eventSourceMapping:EventSourceMapping', 'uuid'],
  DBInstanceIdentifier: ['aws:rds/instance:Instance', 'identifier'],
};

function* wrongDimensions({ metrics }: MetricProperties, ofType: OfType): Iterable<string> {
  for (const line of metrics)
    for (const [index, part] of line.entries()) {
      const owner = typeof part === 'string' && index >= 2 && index % 2 === 0 ? owners[part] : undefined;
      if (owner === undefined) continue;
      const [type, output] = owner;
      const value = line[index + 1];
      if (!isOutput(ofType, type, output, value))
        yield `${part} must be the ${output} of a resource of type ${type}, not ${JSON.stringify(value)}`;
    }
}
