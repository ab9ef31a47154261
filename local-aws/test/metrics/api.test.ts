import {
  GetDashboardCommand,
  GetMetricDataCommand,
  type GetMetricDataCommandInput,
  GetMetricStatisticsCommand,
  ListDashboardsCommand,
  ListMetricsCommand,
  type MetricDataQuery,
} from '@aws-sdk/client-cloudwatch';
import { describe, expect, test } from 'vitest';
import { begin, minute, queue, startCloudWatch } from './cloudwatch.ts';

type CloudWatch = Awaited<ReturnType<typeof startCloudWatch>>;

const Dimensions = [{ Name: 'QueueName', Value: 'q' }];
const sent = (Id: string, { Period = 60, Stat = 'Sum', ...rest }: object & Record<string, unknown> = {}) =>
  ({
    Id,
    MetricStat: {
      Metric: { Namespace: 'AWS/SQS', MetricName: 'NumberOfMessagesSent', Dimensions },
      Period: Number(Period),
      Stat: String(Stat),
      ...rest,
    },
  }) satisfies MetricDataQuery;

/** From the beginning of the clock to five minutes later, if nothing else is said. */
async function data(
  { client }: CloudWatch,
  MetricDataQueries: MetricDataQuery[],
  given: Partial<GetMetricDataCommandInput> = {},
) {
  const StartTime = new Date(begin);
  const EndTime = new Date(begin + 5 * minute);
  const { MetricDataResults = [], NextToken } = await client.send(
    new GetMetricDataCommand({
      StartTime,
      EndTime,
      ScanBy: 'TimestampAscending',
      MetricDataQueries,
      ...given,
    }),
  );
  const results = MetricDataResults.map(({ Id, Label, StatusCode, Timestamps = [], Values }) => ({
    Id,
    Label,
    StatusCode,
    Values,
    minutes: Timestamps.map((time) => (time.getTime() - begin) / minute),
  }));
  return { results, NextToken };
}

/** 1, 2 and 3 messages in the first minute, and 10 in the third. */
async function recorded(): Promise<CloudWatch> {
  const cloud = await startCloudWatch();
  const metric = cloud.store.metric('AWS/SQS', 'NumberOfMessagesSent', queue, 'Count');
  for (const value of [1, 2, 3]) metric.record(value);
  await cloud.clock.advance(2 * minute + 1_000);
  metric.record(10);
  return cloud;
}

describe('GetMetricData', () => {
  test('answers each statistic by period, and nothing where nothing was recorded', async () => {
    const cloud = await recorded();
    const stats = ['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount', 'p50', 'p99', 'p100'];
    const { results } = await data(
      cloud,
      stats.map((Stat) => sent(Stat.toLowerCase(), { Stat })),
    );
    expect(results.map(({ Id, Values }) => [Id, Values])).toEqual([
      ['sum', [6, 10]],
      ['average', [2, 10]],
      ['minimum', [1, 10]],
      ['maximum', [3, 10]],
      ['samplecount', [3, 1]],
      ['p50', [2, 10]],
      ['p99', [3, 10]],
      ['p100', [3, 10]],
    ]);
    expect(results[0]).toMatchObject({
      Label: 'NumberOfMessagesSent',
      StatusCode: 'Complete',
      minutes: [0, 2],
    });
  });

  test('begins its periods at the start, rounded down to a minute, and ends before the end', async () => {
    const cloud = await recorded();
    const at = (ms: number) => new Date(begin + ms);
    const five = [sent('a', { Period: 300 })];
    expect((await data(cloud, five)).results[0]).toMatchObject({ minutes: [0], Values: [16] });
    expect(
      (await data(cloud, five, { StartTime: at(-2 * minute - 1), EndTime: at(5 * minute) })).results[0],
    ).toMatchObject({ minutes: [-3, 2], Values: [6, 10] });
    expect((await data(cloud, [sent('a')], { EndTime: at(2 * minute) })).results[0]?.minutes).toEqual([0]);
  });

  test('computes expressions over metrics that it does not return, and the newest comes first by default', async () => {
    const cloud = await recorded();
    const { results } = await data(
      cloud,
      [
        { ...sent('m1'), ReturnData: false },
        { Id: 'e1', Expression: 'FILL(m1, 0) / PERIOD(m1)', Label: 'a second' },
        { Id: 'e2', Expression: 'e1 * 60' },
      ],
      { ScanBy: undefined },
    );
    expect(results).toMatchObject([
      { Id: 'e1', Label: 'a second', Values: [10 / 60, 0, 6 / 60], minutes: [2, 1, 0] },
      { Id: 'e2', Label: 'e2', Values: [10, 0, 6] },
    ]);
  });

  test('answers an expression over an array with a series for each metric', async () => {
    const cloud = await recorded();
    const { results } = await data(cloud, [
      { ...sent('m1'), Label: 'one', ReturnData: false },
      { ...sent('m2', { Stat: 'Maximum' }), Label: 'two', ReturnData: false },
      { Id: 'all', Expression: 'METRICS() * 2', Label: 'twice' },
    ]);
    expect(results.map(({ Id, Label, Values }) => [Id, Label, Values])).toEqual([
      ['all', 'twice one', [12, 20]],
      ['all', 'twice two', [6, 20]],
    ]);
  });

  test('pages by the number of values', async () => {
    const cloud = await recorded();
    const queries = [sent('a'), { Id: 'filled', Expression: 'FILL(a, 0)' }, sent('none', { Unit: 'Bytes' })];
    const pages: unknown[] = [];
    let NextToken: string | undefined;
    do {
      const page = await data(cloud, queries, { MaxDatapoints: 2, NextToken });
      pages.push(page.results.map(({ Id, Values, StatusCode }) => [Id, Values, StatusCode]));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(pages).toEqual([
      [['a', [6, 10], 'Complete']],
      [['filled', [6, 0], 'PartialData']],
      [
        ['filled', [10], 'Complete'],
        ['none', [], 'Complete'],
      ],
    ]);
    const whole = await data(cloud, queries, { MaxDatapoints: 5 });
    expect(whole.results.map(({ Id }) => Id)).toEqual(['a', 'filled', 'none']);
    expect(whole.NextToken).toBeUndefined();
  });

  test.each<[string, MetricDataQuery[], string]>([
    [
      'SEARCH',
      [{ Id: 'e', Expression: "SEARCH('x', 'Sum', 60)" }],
      "Error in expression 'e': the local cloud does not serve the function SEARCH.",
    ],
    [
      'an unknown id',
      [{ Id: 'e', Expression: 'a + 1' }],
      "Error in expression 'e': a is the id of no query.",
    ],
    [
      'a syntax error',
      [sent('a'), { Id: 'e', Expression: 'a +' }],
      "Error in expression 'e': It ends too early.",
    ],
    [
      'a number alone',
      [{ Id: 'e', Expression: '1 + 1' }],
      "Error in expression 'e': It gives a number instead of a series.",
    ],
    [
      'a circle',
      [
        { Id: 'e', Expression: 'f' },
        { Id: 'f', Expression: 'e' },
      ],
      "Error in expression 'e': It refers to itself.",
    ],
    [
      'an id twice',
      [sent('a'), sent('a')],
      'The values for parameter id in MetricDataQueries are not unique.',
    ],
    ['an id in capitals', [sent('A')], 'The id A has to begin with a lower-case letter.'],
    ['nothing to query', [{ Id: 'a' }], 'The query a needs either MetricStat or Expression.'],
    ['an odd period', [sent('a', { Period: 90 })], 'The parameter Period must be a multiple of 60.'],
    [
      'an unknown statistic',
      [sent('a', { Stat: 'Median' })],
      'The value Median for parameter Stat is not supported.',
    ],
  ])('refuses %s', async (_what, queries, message) => {
    const cloud = await startCloudWatch();
    await expect(data(cloud, queries)).rejects.toMatchObject({
      name: 'ValidationException',
      Code: 'ValidationError',
      message,
    });
  });

  test('refuses by name what CloudWatch has besides', async () => {
    const cloud = await startCloudWatch();
    await expect(data(cloud, [sent('a', { Stat: 'tm90' })])).rejects.toMatchObject({
      message: 'The local cloud does not serve the statistic tm90.',
    });
    await expect(data(cloud, [sent('a', { Period: 10 })])).rejects.toMatchObject({
      message: 'The local cloud does not serve periods below 60 seconds.',
    });
  });
});

describe('GetMetricStatistics', () => {
  const statistics = async ({ client }: CloudWatch, given: object) => {
    const { Datapoints = [] } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace: 'AWS/SQS',
        MetricName: 'NumberOfMessagesSent',
        Dimensions,
        StartTime: new Date(begin),
        EndTime: new Date(begin + 5 * minute),
        Period: 60,
        ...given,
      }),
    );
    return Datapoints;
  };

  test('answers several statistics with their unit', async () => {
    const cloud = await recorded();
    expect(await statistics(cloud, { Statistics: ['Sum', 'Maximum'] })).toEqual([
      { Timestamp: new Date(begin), Sum: 6, Maximum: 3, Unit: 'Count' },
      { Timestamp: new Date(begin + 2 * minute), Sum: 10, Maximum: 10, Unit: 'Count' },
    ]);
    expect(await statistics(cloud, { ExtendedStatistics: ['p50'], Period: 300 })).toEqual([
      { Timestamp: new Date(begin), ExtendedStatistics: { p50: 2 }, Unit: 'Count' },
    ]);
    expect(await statistics(cloud, { Statistics: ['Sum'], Unit: 'Bytes' })).toEqual([]);
  });

  test('refuses more datapoints than CloudWatch would answer, and no statistic at all', async () => {
    const cloud = await startCloudWatch();
    const error = { name: 'InvalidParameterCombinationException' };
    await expect(statistics(cloud, { Statistics: ['Sum'], StartTime: new Date(0) })).rejects.toMatchObject(
      error,
    );
    await expect(statistics(cloud, {})).rejects.toMatchObject(error);
  });
});

test('ListMetrics lists what has values, by namespace, name and dimensions, in pages', async () => {
  const { client, store, clock } = await startCloudWatch();
  store.metric('AWS/SQS', 'NumberOfMessagesSent', queue, 'Count').record(1);
  store.metric('AWS/SQS', 'NumberOfMessagesDeleted', queue, 'Count');
  for (let index = 0; index < 600; index += 1)
    store.print('Own', { n: `${index}` }, [{ name: 'Rows', unit: 'Count', values: [1] }], begin);
  const list = async (input: object) => (await client.send(new ListMetricsCommand(input))).Metrics ?? [];

  expect(await list({ Namespace: 'AWS/SQS' })).toEqual([
    { Namespace: 'AWS/SQS', MetricName: 'NumberOfMessagesSent', Dimensions },
  ]);
  expect(await list({ Dimensions: [{ Name: 'n', Value: '7' }] })).toHaveLength(1);
  expect(await list({ MetricName: 'Rows', Dimensions: [{ Name: 'QueueName' }] })).toEqual([]);
  const first = await client.send(new ListMetricsCommand({ Dimensions: [{ Name: 'n' }] }));
  expect(first.Metrics).toHaveLength(500);
  expect(await list({ Dimensions: [{ Name: 'n' }], NextToken: first.NextToken })).toHaveLength(100);

  await clock.advance(200 * minute);
  expect(await list({ Namespace: 'AWS/SQS', RecentlyActive: 'PT3H' })).toEqual([]);
  expect(await list({ Namespace: 'AWS/SQS' })).toHaveLength(1);
  await clock.advance(60 * minute);
  expect(await list({ Namespace: 'AWS/SQS' })).toEqual([]);
});

test('dashboards are read by name and listed by prefix', async () => {
  const board = (name: string, body = '{}') => ({
    name,
    arn: `arn:aws:cloudwatch::000000000000:dashboard/${name}`,
    body,
  });
  const { client } = await startCloudWatch([], [board('one', '{"widgets":[]}'), board('two')]);
  expect(await client.send(new GetDashboardCommand({ DashboardName: 'one' }))).toMatchObject({
    DashboardName: 'one',
    DashboardArn: 'arn:aws:cloudwatch::000000000000:dashboard/one',
    DashboardBody: '{"widgets":[]}',
  });
  await expect(client.send(new GetDashboardCommand({ DashboardName: 'three' }))).rejects.toMatchObject({
    name: 'ResourceNotFound',
    $metadata: { httpStatusCode: 404 },
  });
  const list = async (DashboardNamePrefix?: string) =>
    (await client.send(new ListDashboardsCommand({ DashboardNamePrefix }))).DashboardEntries?.map(
      ({ DashboardName, Size }) => [DashboardName, Size],
    );
  expect(await list()).toEqual([
    ['one', 14],
    ['two', 2],
  ]);
  expect(await list('t')).toEqual([['two', 2]]);
});
