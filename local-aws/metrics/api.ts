import type { ServiceContext } from '../core/cloud-service.ts';
import { badRequest, ServiceError } from '../core/service-error.ts';
import { queryCompatibleError } from '../http/error-response.ts';
import { jsonService, page } from '../http/json.ts';
import { type Asked, type DescribedService, operationOf, operationsOnAll } from '../http/operation.ts';
import type { Alarms } from './alarms.ts';
import { invalidExpression } from './expression.ts';
import { type Answer, Queries, timesOf, type Window } from './queries.ts';
import { dimensionList, dimensionsOf, inputs, metricAlarm, queryOf } from './shapes.ts';
import { checkPeriod, statisticOf } from './statistic.ts';
import { type MetricStore, minuteMs } from './store.ts';

export interface CloudWatchOptions extends Pick<ServiceContext, 'authorize' | 'region' | 'accountId'> {
  readonly store: MetricStore;
  readonly alarms: Alarms;
  readonly dashboards: readonly Dashboard[];
}

/** A dashboard of the program. */
export interface Dashboard {
  readonly name: string;
  readonly arn: string;
  /** JSON, as CloudWatch's console reads it. */
  readonly body: string;
}

/** CloudWatch's API: reads the metrics, the dashboards, and the alarms with their state. */
export const cloudWatchService = (service: CloudWatchOptions): DescribedService =>
  jsonService({
    target: 'GraniteServiceVersion20100801',
    version: '1.0',
    operations,
    service,
    renderError: queryCompatibleError('com.amazonaws.cloudwatch', {
      DashboardNotFoundError: 'ResourceNotFound',
      InvalidParameterCombinationException: 'InvalidParameterCombination',
      ValidationException: 'ValidationError',
    }),
  });

const onAll = operationsOnAll<CloudWatchOptions>();

const metricsPage = 500;
/** "ListDashboards: up to 1000 results" */
const dashboardsPage = 1_000;
/** "GetMetricStatistics" */
const mostDatapoints = 1_440;

const operations = {
  GetMetricData: onAll('cloudwatch:GetMetricData', inputs.getMetricData, ({ service: { store }, input }) => {
    const queries = new Queries(input.MetricDataQueries.map(queryOf));
    const window = windowOf(input);
    store.look();
    const isDescending = input.ScanBy === 'TimestampDescending';
    const { MaxDatapoints, NextToken } = input;
    return dataPage(queries.run(store, window), isDescending, MaxDatapoints, NextToken);
  }),

  GetMetricStatistics: onAll(
    'cloudwatch:GetMetricStatistics',
    inputs.getMetricStatistics,
    ({ service: { store }, input }) => {
      const { Namespace, MetricName, Period, Statistics, ExtendedStatistics, Unit } = input;
      checkPeriod(Period);
      if ((Statistics.length === 0) === (ExtendedStatistics.length === 0))
        throw combination('You must specify either Statistics or ExtendedStatistics, but not both.');
      const window = windowOf(input);
      const datapoints = Math.ceil((window.end - window.start) / (Period * 1_000));
      if (datapoints > mostDatapoints)
        throw combination(
          `You have requested up to ${datapoints} datapoints, which exceeds the limit of ${mostDatapoints}.`,
        );
      const extended = ExtendedStatistics.map((name) => [name, statisticOf(name)] as const);
      store.look();
      const found = store.find(Namespace, MetricName, dimensionsOf(input.Dimensions));
      const series = Unit === undefined || Unit === found?.unit ? found : undefined;
      const Datapoints = [...timesOf(window, Period, store.now())].flatMap((time) => {
        const values = series?.between(time, time + Period * 1_000);
        if (values === undefined) return [];
        const percentiles = Object.fromEntries(extended.map(([name, of]) => [name, of(values)]));
        return {
          Timestamp: time / 1_000,
          Unit: series?.unit,
          ...Object.fromEntries(Statistics.map((name) => [name, statisticOf(name)(values)])),
          ...(extended.length > 0 && { ExtendedStatistics: percentiles }),
        };
      });
      return { Label: MetricName, Datapoints };
    },
  ),

  ListMetrics: onAll('cloudwatch:ListMetrics', inputs.listMetrics, ({ service: { store }, input }) => {
    store.look();
    const now = store.now();
    const recently = { start: floorMinute(now) - 3 * 60 * minuteMs, end: floorMinute(now) + minuteMs };
    const listed = store.all().filter(
      (series) =>
        series.namespace === (input.Namespace ?? series.namespace) &&
        series.name === (input.MetricName ?? series.name) &&
        input.Dimensions.every(({ Name, Value }) => {
          const own = Object.hasOwn(series.dimensions, Name) ? series.dimensions[Name] : undefined;
          return own !== undefined && own === (Value ?? own);
        }) &&
        (input.RecentlyActive === undefined || series.between(recently.start, recently.end) !== undefined),
    );
    const described = ({ namespace, name, dimensions }: (typeof listed)[number]) => ({
      Namespace: namespace,
      MetricName: name,
      Dimensions: dimensionList(dimensions),
    });
    return page('Metrics', listed, described, { MaxResults: metricsPage, NextToken: input.NextToken });
  }),

  DescribeAlarms: operationOf<CloudWatchOptions>()({
    input: inputs.describeAlarms,
    action: 'cloudwatch:DescribeAlarms',
    resource: ({ service }) => alarmArn(service, '*'),
    run({ service: { alarms }, input }) {
      const { AlarmNames, AlarmNamePrefix, AlarmTypes, StateValue, ActionPrefix, MaxRecords } = input;
      if (AlarmNames !== undefined && AlarmNamePrefix !== undefined)
        throw badRequest('ValidationException', 'AlarmNames and AlarmNamePrefix exclude each other.');
      const found = alarms
        .all()
        .filter(
          ({ settings: { name, actions }, state }) =>
            AlarmTypes.includes('MetricAlarm') &&
            (AlarmNames?.includes(name) ?? true) &&
            name.startsWith(AlarmNamePrefix ?? '') &&
            state === (StateValue ?? state) &&
            (ActionPrefix === undefined ||
              Object.values(actions).some((arns) => arns.some((arn) => arn.startsWith(ActionPrefix)))),
        );
      const asked = { MaxResults: MaxRecords, NextToken: input.NextToken };
      return { ...page('MetricAlarms', found, metricAlarm, asked), CompositeAlarms: [] };
    },
  }),

  GetDashboard: operationOf<CloudWatchOptions>()({
    input: inputs.getDashboard,
    action: 'cloudwatch:GetDashboard',
    resource: ({ service, input: { DashboardName } }) => dashboardArn(service, DashboardName),
    run({ service: { dashboards }, input: { DashboardName } }) {
      const found = dashboards.find(({ name }) => name === DashboardName);
      if (found === undefined)
        throw new ServiceError('DashboardNotFoundError', 404, `Dashboard ${DashboardName} does not exist`);
      return { DashboardName, DashboardArn: found.arn, DashboardBody: found.body };
    },
  }),

  ListDashboards: onAll(
    'cloudwatch:ListDashboards',
    inputs.listDashboards,
    ({ service: { dashboards }, input: { DashboardNamePrefix = '', NextToken } }) =>
      page(
        'DashboardEntries',
        dashboards.filter(({ name }) => name.startsWith(DashboardNamePrefix)),
        ({ name, arn, body }) => ({
          DashboardName: name,
          DashboardArn: arn,
          Size: Buffer.byteLength(body),
        }),
        { MaxResults: dashboardsPage, NextToken },
      ),
  ),

  SetAlarmState: operationOf<CloudWatchOptions>()({
    input: inputs.setAlarmState,
    find: ({ service, input: { AlarmName } }: Asked<CloudWatchOptions, { AlarmName: string }>) =>
      service.alarms.find(AlarmName),
    action: 'cloudwatch:SetAlarmState',
    resource: ({ service, input }) => alarmArn(service, input.AlarmName),
    run({ service: { alarms }, target, input: { AlarmName, StateValue, StateReason, StateReasonData } }) {
      if (target === undefined)
        throw new ServiceError('ResourceNotFound', 404, `The alarm ${AlarmName} does not exist.`);
      alarms.set(AlarmName, StateValue, StateReason, StateReasonData);
      return {};
    },
  }),
};

const alarmArn = ({ region, accountId }: CloudWatchOptions, name: string) =>
  `arn:aws:cloudwatch:${region}:${accountId}:alarm:${name}`;

/** Dashboards belong to no region ("Actions, resources, and condition keys for Amazon CloudWatch"). */
const dashboardArn = ({ accountId }: CloudWatchOptions, name: string) =>
  `arn:aws:cloudwatch::${accountId}:dashboard/${name}`;

const combination = (message: string) => badRequest('InvalidParameterCombinationException', message);

const floorMinute = (ms: number) => Math.floor(ms / minuteMs) * minuteMs;

/** The start is rounded down to a minute ("GetMetricData, StartTime"). */
function windowOf({ StartTime, EndTime }: { StartTime: number; EndTime: number }): Window {
  if (StartTime >= EndTime)
    throw invalidExpression('The parameter StartTime must be less than the parameter EndTime.');
  return { start: floorMinute(StartTime * 1_000), end: EndTime * 1_000 };
}

/** At most `max` values, counted over all series; the token is the number of values before. */
function dataPage(answers: readonly Answer[], isDescending: boolean, max: number, token = '0') {
  const from = Number(token);
  if (!Number.isInteger(from) || from < 0)
    throw badRequest('InvalidNextToken', 'The NextToken is not valid.');
  let passed = 0;
  const MetricDataResults = answers.flatMap(({ id, label, points }) => {
    const sorted = [...points].sort(([one], [other]) => (isDescending ? other - one : one - other));
    const [first, last] = [passed, passed + sorted.length];
    passed = last;
    // An empty series comes with the values before it.
    const isHere =
      sorted.length === 0
        ? (first > from || from === 0) && first <= from + max
        : last > from && first < from + max;
    if (!isHere) return [];
    const shown = sorted.slice(Math.max(0, from - first), Math.max(0, from + max - first));
    return {
      Id: id,
      Label: label,
      Timestamps: shown.map(([time]) => time / 1_000),
      Values: shown.map(([, value]) => value),
      StatusCode: last > from + max ? 'PartialData' : 'Complete',
    };
  });
  return {
    MetricDataResults,
    Messages: [],
    NextToken: passed > from + max ? `${from + max}` : undefined,
  };
}
