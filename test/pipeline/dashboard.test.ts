import {
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  ListMetricsCommand,
  type Metric,
} from '@aws-sdk/client-cloudwatch';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dashboardPanels, type PanelQueries, seriesOf } from '../../cli/ui/panels.ts';
import { program } from '../infra/the-program.ts';
import { eventually, settledState, startTestPipeline, type TestPipeline } from './running-pipeline.ts';

const recipe = { title: 'Soup', ingredients: ['water', 'salt'], directions: ['Boil for 10 minutes.'] };

let pipeline: TestPipeline;
let graphs: PanelQueries[];

beforeAll(async () => {
  pipeline = await startTestPipeline();
  graphs = await dashboardPanels(pipeline.target);
  const { s3, outputs } = pipeline.target;
  const Body = JSON.stringify([
    { ...recipe, colour: 'green' },
    { title: 'Nothing in it' },
    { ...recipe, title: 'Stew' },
  ]);
  const Key = 'recipes/shown.json';
  const put = await s3.send(new PutObjectCommand({ Bucket: outputs.buckets.raw, Key, Body }));
  await settledState(pipeline.target, Key, put.VersionId);
});

afterAll(() => pipeline.close());

/** The sum of the values of each line of a graph, over the last three hours. */
const sums = async (title: string) => {
  const graph = graphs.find((each) => each.title === title);
  if (graph === undefined) throw new Error(`The dashboard has no graph ${title}.`);
  const { values } = await seriesOf(pipeline.target, graph, 3);
  return Object.fromEntries(
    graph.lines.map(({ label }, i) => [
      label,
      (values[i] ?? []).reduce<number>((sum, each) => sum + (each ?? 0), 0),
    ]),
  );
};

test('the local cloud answers every graph of the dashboard', async () => {
  expect(graphs.length).toBeGreaterThan(30);
  const titles = graphs.map(({ title }) => title);
  expect(new Set(titles).size).toBe(titles.length);
  for (const graph of graphs) {
    const EndTime = new Date();
    const request = { StartTime: new Date(EndTime.getTime() - 3 * 3_600_000), EndTime };
    const { MetricDataResults = [] } = await pipeline.target.cloudWatch.send(
      new GetMetricDataCommand({ ...request, MetricDataQueries: [...graph.queries] }),
    );
    expect(MetricDataResults.map(({ Id }) => Id).sort(), graph.title).toEqual(
      graph.lines.map(({ id }) => id).sort(),
    );
    for (const { StatusCode } of MetricDataResults) expect(StatusCode, graph.title).toBe('Complete');
  }
});

test('a graph has a value for each line and each period, and none where nothing was measured', async () => {
  const graph = graphs.find(({ title }) => title === 'loading: calls and errors');
  if (graph === undefined) throw new Error('The dashboard has no such graph.');
  const { times, values } = await seriesOf(pipeline.target, graph, 1);
  expect(times.length).toBeGreaterThanOrEqual(60);
  expect(times.every((time, i) => i === 0 || time - (times[i - 1] ?? 0) === graph.period)).toBe(true);
  expect(values.map((line) => line.length)).toEqual(graph.lines.map(() => times.length));
  expect(values[0]?.[0]).toBeNull();
});

test('the graphs show what became of an object', async () => {
  // Lambda's metrics of a call come after it.
  await eventually(
    async () => ((await sums('loading: calls and errors'))['calls'] ?? 0) > 0 || undefined,
    'the last call',
  );
  expect(await sums('recipes: records')).toMatchObject({
    read: 3,
    written: 2,
    filtered: 0,
    rejected: 1,
    'unknown fields': 1,
  });
  expect(await sums('recipes: read − written − filtered − rejected, always 0')).toEqual({
    extraction: 0,
    transformation: 0,
    loading: 0,
  });
  expect(await sums('recipes: objects')).toMatchObject({ done: 1, failed: 0 });
  expect(await sums('extraction: calls and errors')).toMatchObject({
    calls: 1,
    'killed, timed out or threw, %': 0,
  });
  expect(await sums('extraction: messages of the event source mapping')).toMatchObject({
    PolledEventCount: 1,
    DeletedEventCount: 1,
  });
  const { p50 = 0, Maximum = 0 } = await sums('extraction: duration of a call');
  expect(p50).toBeGreaterThan(0);
  expect(Maximum).toBeGreaterThanOrEqual(p50);
  const wait = await sums('extraction: age of the oldest message, and wait');
  expect(wait['wait for the first receive, p99']).toBeGreaterThanOrEqual(0);
});

test('every metric of the object’s dataset that a graph names has values', async () => {
  const { Metrics = [] } = await pipeline.target.cloudWatch.send(
    new ListMetricsCommand({ Namespace: 'Sluice', Dimensions: [{ Name: 'dataset', Value: 'recipes' }] }),
  );
  const key = ({ MetricName, Dimensions = [] }: Metric) =>
    [MetricName, ...Dimensions.map(({ Name, Value }) => `${Name}=${Value}`).sort()].join(' ');
  const named = graphs
    .flatMap(({ queries }) => queries.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []))
    .filter(({ Dimensions = [] }) => Dimensions.some(({ Value }) => Value === 'recipes'))
    .map(key);
  expect(new Set(named).size).toBeGreaterThan(15);
  expect(Metrics.map(key)).toEqual(expect.arrayContaining(named));
});

test('all alarms of the stack are there, and none has started', async () => {
  const { MetricAlarms = [] } = await pipeline.target.cloudWatch.send(
    new DescribeAlarmsCommand({ MaxRecords: 100 }),
  );
  const named = program.resources
    .filter(({ type }) => type === 'aws:cloudwatch/metricAlarm:MetricAlarm')
    .map(({ outputs }) => outputs['arn']);
  expect(new Set(MetricAlarms.map(({ AlarmArn }) => AlarmArn))).toEqual(new Set(named));
  expect(MetricAlarms.filter(({ StateValue }) => StateValue === 'ALARM')).toEqual([]);
});
