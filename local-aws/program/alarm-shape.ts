import * as z from 'zod';
import type { AlarmSettings } from '../metrics/alarms.ts';
import { comparisons } from '../metrics/decision.ts';
import type { MetricQuery } from '../metrics/queries.ts';

const text = z.string();
const number = z.number();
const texts = z.array(text).default([]);
const dimensions = z.record(text, text).default({});
const unit = text.optional();
const comparisonNames = Object.keys(comparisons) as (keyof typeof comparisons)[];

/** The properties of an alarm, with the provider's defaults. */
export const alarmShape = z.strictObject({
  name: text,
  namePrefix: z.unknown().optional(),
  tags: z.unknown().optional(),
  arn: text,
  alarmDescription: text.optional(),
  comparisonOperator: z.enum(comparisonNames),
  evaluationPeriods: number,
  datapointsToAlarm: number.optional(),
  threshold: number,
  treatMissingData: z.enum(['breaching', 'notBreaching', 'ignore', 'missing']).default('missing'),
  evaluateLowSampleCountPercentiles: z.literal('evaluate').optional(),
  namespace: text.default(''),
  metricName: text.default(''),
  dimensions,
  period: number.default(60),
  statistic: text.optional(),
  extendedStatistic: text.default(''),
  unit,
  metricQueries: z
    .array(
      z.strictObject({
        id: text,
        label: text.optional(),
        returnData: z.boolean().default(false),
        expression: text.optional(),
        period: number.optional(),
        metric: z
          .strictObject({ namespace: text, metricName: text, dimensions, period: number, stat: text, unit })
          .transform(({ metricName: name, ...stat }) => ({ ...stat, name }))
          .optional(),
      }),
    )
    .default([]),
  actionsEnabled: z.boolean().default(true),
  alarmActions: texts,
  okActions: texts,
  insufficientDataActions: texts,
});

type AlarmResource = z.output<typeof alarmShape>;

export const alarmOf = (alarm: AlarmResource): AlarmSettings => ({
  name: alarm.name,
  arn: alarm.arn,
  ...(alarm.alarmDescription !== undefined && { description: alarm.alarmDescription }),
  queries: queriesOf(alarm),
  rule: {
    comparison: alarm.comparisonOperator,
    threshold: alarm.threshold,
    evaluationPeriods: alarm.evaluationPeriods,
    datapointsToAlarm: alarm.datapointsToAlarm ?? alarm.evaluationPeriods,
    missingData: alarm.treatMissingData,
  },
  actionsEnabled: alarm.actionsEnabled,
  actions: {
    OK: alarm.okActions,
    ALARM: alarm.alarmActions,
    INSUFFICIENT_DATA: alarm.insufficientDataActions,
  },
});

function queriesOf(alarm: AlarmResource): MetricQuery[] {
  if (alarm.metricQueries.length > 0) return alarm.metricQueries;
  const { namespace, metricName: name, dimensions: of, period, unit: only } = alarm;
  const { statistic: stat = alarm.extendedStatistic } = alarm;
  return [{ id: 'm1', metric: { namespace, name, dimensions: of, period, stat, unit: only } }];
}
