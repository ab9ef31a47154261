import * as z from 'zod';
import { harmless, notServed, only } from '../http/parameters.ts';
import { account } from '../iam/credentials.ts';
import type { Alarm } from './alarms.ts';
import type { MetricQuery } from './queries.ts';
import { statistics } from './statistic.ts';

const text = z.string().min(1);
const dimensions = z
  .array(z.object({ Name: text, Value: text }))
  .max(30)
  .default([]);
const stateValue = z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']);
/** Seconds since the epoch. */
const time = z.number();
const statisticNames = Object.keys(statistics) as (keyof typeof statistics)[];

/** The parameters of each operation ("Amazon CloudWatch API Reference"). */
export const inputs = {
  getMetricData: z.object({
    MetricDataQueries: z.array(
      z.object({
        Id: text,
        Label: z.string().optional(),
        MetricStat: z
          .object({
            Metric: z.object({ Namespace: text, MetricName: text, Dimensions: dimensions }),
            Period: z.number(),
            Stat: z.string(),
            Unit: z.string().optional(),
          })
          .optional(),
        Expression: z.string().optional(),
        Period: z.number().optional(),
        ReturnData: z.boolean().optional(),
        AccountId: only(account),
      }),
    ),
    StartTime: time,
    EndTime: time,
    ScanBy: z.enum(['TimestampDescending', 'TimestampAscending']).default('TimestampDescending'),
    MaxDatapoints: z.number().int().min(1).max(100_800).default(100_800),
    NextToken: z.string().optional(),
    LabelOptions: harmless('No label contains a time.'),
  }),
  getMetricStatistics: z.object({
    Namespace: text,
    MetricName: text,
    Dimensions: dimensions,
    StartTime: time,
    EndTime: time,
    Period: z.number(),
    Statistics: z.array(z.enum(statisticNames)).max(5).default([]),
    ExtendedStatistics: z.array(z.string()).max(10).default([]),
    Unit: z.string().optional(),
  }),
  listMetrics: z.object({
    Namespace: z.string().optional(),
    MetricName: z.string().optional(),
    Dimensions: z
      .array(z.object({ Name: text, Value: z.string().optional() }))
      .max(10)
      .default([]),
    NextToken: z.string().optional(),
    RecentlyActive: z.literal('PT3H').optional(),
    IncludeLinkedAccounts: harmless('There is one account.'),
    OwningAccount: only(account),
  }),
  describeAlarms: z.object({
    AlarmNames: z.array(z.string()).max(100).optional(),
    AlarmNamePrefix: z.string().optional(),
    AlarmTypes: z.array(z.string()).default(['MetricAlarm']),
    ChildrenOfAlarmName: notServed,
    ParentsOfAlarmName: notServed,
    StateValue: stateValue.optional(),
    ActionPrefix: z.string().optional(),
    MaxRecords: z.number().int().min(1).max(100).default(50),
    NextToken: z.string().optional(),
  }),
  getDashboard: z.object({ DashboardName: text }),
  listDashboards: z.object({ DashboardNamePrefix: z.string().optional(), NextToken: z.string().optional() }),
  setAlarmState: z.object({
    AlarmName: text,
    StateValue: stateValue,
    StateReason: z.string().max(1_023),
    StateReasonData: z.string().max(4_000).optional(),
  }),
};

export const dimensionsOf = (pairs: z.output<typeof dimensions>) =>
  Object.fromEntries(pairs.map(({ Name, Value }) => [Name, Value]));

export const dimensionList = (of: Readonly<Record<string, string>>) =>
  Object.entries(of).map(([Name, Value]) => ({ Name, Value }));

type DataQuery = z.output<typeof inputs.getMetricData>['MetricDataQueries'][number];

export const queryOf = ({
  Id,
  Label,
  MetricStat,
  Expression,
  Period,
  ReturnData,
}: DataQuery): MetricQuery => ({
  id: Id,
  label: Label,
  returnData: ReturnData,
  expression: Expression,
  period: Period,
  metric: MetricStat && {
    namespace: MetricStat.Metric.Namespace,
    name: MetricStat.Metric.MetricName,
    dimensions: dimensionsOf(MetricStat.Metric.Dimensions),
    period: MetricStat.Period,
    stat: MetricStat.Stat,
    unit: MetricStat.Unit,
  },
});

const metricOf = ({ namespace, name, dimensions: of }: NonNullable<MetricQuery['metric']>) => ({
  Namespace: namespace,
  MetricName: name,
  Dimensions: dimensionList(of),
});

function dataQuery({ id, label, returnData, expression, period, metric }: MetricQuery) {
  return {
    Id: id,
    Label: label,
    ReturnData: returnData,
    Expression: expression,
    Period: period,
    MetricStat: metric && {
      Metric: metricOf(metric),
      Period: metric.period,
      Stat: metric.stat,
      Unit: metric.unit,
    },
  };
}

/** What an alarm watches: a metric as such, or a list of queries. */
function watched(queries: readonly MetricQuery[]) {
  const [only, ...others] = queries;
  if (only?.metric === undefined || others.length > 0) return { Metrics: queries.map(dataQuery) };
  const { stat, period, unit } = only.metric;
  const statistic = Object.hasOwn(statistics, stat) ? { Statistic: stat } : { ExtendedStatistic: stat };
  return { ...metricOf(only.metric), ...statistic, Period: period, Unit: unit };
}

/** Times are seconds since the epoch. */
export function metricAlarm(alarm: Alarm) {
  const { name, arn, description, queries, rule, actionsEnabled, actions } = alarm.settings;
  return {
    AlarmName: name,
    AlarmArn: arn,
    AlarmDescription: description,
    AlarmConfigurationUpdatedTimestamp: alarm.configuredAt / 1_000,
    ActionsEnabled: actionsEnabled,
    OKActions: actions.OK,
    AlarmActions: actions.ALARM,
    InsufficientDataActions: actions.INSUFFICIENT_DATA,
    StateValue: alarm.state,
    StateReason: alarm.reason,
    StateReasonData: alarm.reasonData,
    StateUpdatedTimestamp: alarm.updatedAt / 1_000,
    StateTransitionedTimestamp: alarm.transitionedAt / 1_000,
    ...watched(queries),
    EvaluationPeriods: rule.evaluationPeriods,
    DatapointsToAlarm: rule.datapointsToAlarm,
    Threshold: rule.threshold,
    ComparisonOperator: rule.comparison,
    TreatMissingData: rule.missingData,
  };
}
