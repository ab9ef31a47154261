import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { projectDirectory } from '../../cli/target/directories.ts';
import { recipes } from '../../datasets/recipes.ts';
import { defineDataset } from '../../domain/dataset.ts';
import { stages } from '../../domain/stage.ts';
import { stackOutputs } from '../../infra/outputs.ts';
import { decide, rangeOf } from '../../local-aws/metrics/decision.ts';
import { type Program, readProgram } from '../../local-aws/program/program.ts';
import { anchorsOf, contentOf } from '../anchors.ts';
import { evaluate } from './dashboard/metric-math.ts';
import { forProduction, read, root, withEverything } from './stacks.ts';
import { everything, program } from './the-program.ts';

const shape = z.looseObject({
  alarmDescription: z.string(),
  alarmActions: z.array(z.string()),
  okActions: z.array(z.string()),
  threshold: z.number(),
  evaluationPeriods: z.number(),
  comparisonOperator: z.enum(['GreaterThanThreshold', 'LessThanThreshold']),
  treatMissingData: z.enum(['notBreaching', 'breaching']),
  metricQueries: z
    .array(
      z.looseObject({
        id: z.string(),
        expression: z.string().optional(),
        metric: z.looseObject({ period: z.number() }).optional(),
      }),
    )
    .default([]),
});
const alarmsOf = ({ resources }: Pick<Program, 'resources'>) =>
  resources
    .filter(({ type }) => type === 'aws:cloudwatch/metricAlarm:MetricAlarm')
    .map(({ name, inputs, outputs }) => ({ name, nameOnAws: outputs['name'], ...shape.parse(inputs) }));

const page = 'docs/runbooks.md';
const address = 'https://example.com/wiki/runbooks';
const production = await read(forProduction);
/** Of datasets that expect objects, unlike those here. */
const expecting = await readProgram({ directory: join(root, 'test/infra/arrivals'), stack: 'dev' });
const elsewhere = await read({
  ...withEverything,
  configuration: { ...withEverything.configuration, 'sluice:runbooks': address },
});

describe('every alarm', () => {
  it('has a description that ends with the link to its section of the runbooks', () => {
    const sections = new Set(anchorsOf(page, '##'));
    for (const { name, alarmDescription } of [...alarmsOf(everything), ...alarmsOf(expecting)]) {
      const [, base, anchor = ''] = / Runbook: (\S+)#(\S+)$/.exec(alarmDescription) ?? [];
      expect(base, name).toBe(page);
      expect(sections, name).toContain(anchor);
    }
  });

  it('links to the address that is configured, and to the same section', () => {
    expect(alarmsOf(elsewhere).map(({ alarmDescription }) => alarmDescription)).toEqual(
      alarmsOf(everything).map(({ alarmDescription }) => alarmDescription.replace(page, address)),
    );
  });

  it('fits into what CloudWatch takes, with the longest address', async () => {
    const longest = `https://${'a'.repeat(492)}`;
    const configuration = { ...withEverything.configuration, 'sluice:runbooks': longest };
    for (const { alarmDescription } of alarmsOf(await read({ ...withEverything, configuration })))
      expect(alarmDescription.length).toBeLessThanOrEqual(1_024);
  });

  it('notifies the configured topic when it starts and when it ends', () => {
    const topic = forProduction.configuration?.['sluice:alarmTopicArn'];
    expect(topic).toMatch(/^arn:aws:sns:/);
    for (const { name, alarmActions, okActions } of alarmsOf(production)) {
      expect(alarmActions, name).toEqual([topic]);
      expect(okActions, name).toEqual([topic]);
    }
  });

  it('is among the outputs, by its name within the stack', () => {
    const { alarmNames } = stackOutputs.parse(everything.outputs);
    expect(alarmNames).toEqual(
      Object.fromEntries(
        alarmsOf(everything).map(({ name, nameOnAws }) => [name.replace('sluice-dev-', ''), nameOnAws]),
      ),
    );
    expect(alarmNames['loading-stalled']).toBe('sluice-dev-loading-stalled-local');
  });

  it('is counted in docs/cost.md, with each metric that it is billed for', () => {
    const metrics = alarmsOf(program).reduce(
      (sum, { metricQueries }) => sum + Math.max(1, metricQueries.filter(({ metric }) => metric).length),
      0,
    );
    expect(contentOf('docs/cost.md')).toContain(
      `${alarmsOf(program).length} alarms on ${metrics} metrics, $${(metrics / 10).toFixed(2)}`,
    );
  });
});

it('the runbooks have no section for an alarm that does not exist, and each names its alarm and says what to see and do', () => {
  const linked = [...alarmsOf(everything), ...alarmsOf(expecting)].map(({ name, alarmDescription }) => ({
    name: name.replace(new RegExp(`^sluice-dev-((${stages.join('|')})-)?`), '').replace('web-logs', 'sales'),
    anchor: alarmDescription.slice(alarmDescription.lastIndexOf('#') + 1),
  }));
  expect(new Set(anchorsOf(page, '##'))).toEqual(new Set(linked.map(({ anchor }) => anchor)));
  const sections = new Map(
    contentOf(page)
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split('\n', 1)[0]?.toLowerCase().replaceAll(' ', '-'), section]),
  );
  for (const { name, anchor } of linked) expect(sections.get(anchor), name).toContain(`\`…-${name}\``);
  for (const [anchor, section] of sections)
    for (const part of ['See', 'Do', 'Ends'])
      expect(section, anchor).toMatch(new RegExp(`^\\*\\*${part}\\*\\*(?= |$)`, 'm'));
});

it('the runbooks name only commands that exist', () => {
  const named = [...contentOf(page).matchAll(/npx sluice ([a-z]+)/g)].map(([, command]) => `${command}.ts`);
  expect(named.length).toBeGreaterThan(20);
  expect(readdirSync(join(projectDirectory, 'cli/commands'))).toEqual(expect.arrayContaining(named));
});

describe('the alarm of a stalled stage', () => {
  const alarm = alarmsOf(program).find(({ name }) => name === 'sluice-dev-loading-stalled');
  const expression = alarm?.metricQueries.find((query) => query.expression !== undefined)?.expression ?? '';

  it.each([
    ['starts if messages are old and none is finished', { age: 3_601, deleted: 0 }, true],
    ['starts if SQS sends no count of zero', { age: 3_601 }, true],
    ['is quiet while one is finished now and then', { age: 86_400, deleted: 1 }, false],
    ['is quiet if all messages are young', { age: 3_600, deleted: 0 }, false],
    ['is quiet if the queue is empty', { age: 0, deleted: 0 }, false],
  ])('%s', (_what, values: Readonly<Record<string, number>>, starts) => {
    expect(Number(evaluate(expression, (id) => values[id])) > Number(alarm?.threshold)).toBe(starts);
  });

  it('has no value where the age has none, so that a late metric can’t hold it in one state', () => {
    expect(expression).not.toBe('');
    expect(evaluate(expression, () => undefined)).toBeUndefined();
  });

  it('waits for longer than the longest call, and for a quarter of an hour at least', () => {
    const seconds = (of: typeof program, name: string) => [
      ...new Set(
        alarmsOf(of)
          .find((alarm) => alarm.name.endsWith(`-${name}-stalled`))
          ?.metricQueries.flatMap(({ metric }) => metric?.period ?? []),
      ),
    ];
    expect(seconds(program, 'loading')).toEqual([900]);
    expect(seconds(production, 'extraction')).toEqual([1_800]);
  });
});

describe('the alarm of a dataset that expects objects', () => {
  const [sales, logs] = alarmsOf(expecting);
  const [expression = ''] = sales?.metricQueries.flatMap((query) => query.expression ?? []) ?? [];

  it('exists for each such dataset, and the program has none for the others', () => {
    expect(alarmsOf(expecting).map(({ name }) => name)).toEqual([
      'sluice-dev-arrivals-sales',
      'sluice-dev-arrivals-web-logs',
    ]);
    expect(alarmsOf(everything).filter(({ name }) => name.includes('arrivals'))).toEqual([]);
  });

  it('counts the objects that the extraction of this dataset could read', () => {
    const metric = {
      ...{ namespace: 'Sluice', metricName: 'ObjectsDone', period: 3600, stat: 'Sum' },
      dimensions: { dataset: 'web_logs', service: 'extraction', stack: 'dev' },
    };
    expect(logs?.metricQueries.map((query) => query.metric)).toContainEqual(metric);
  });

  it.each<[string, readonly (number | undefined)[], string]>([
    ['starts if nothing arrived', Array(27).fill(undefined), 'ALARM'],
    ['starts if nothing could be read', Array(27).fill(0), 'ALARM'],
    [
      'is quiet if an object arrived a day ago',
      [undefined, undefined, 1, ...Array(24).fill(undefined)],
      'OK',
    ],
    ['starts if the last one arrived before that', [undefined, 1, ...Array(25).fill(undefined)], 'ALARM'],
  ])('%s', (_what, done, state) => {
    const rule = {
      comparison: sales?.comparisonOperator ?? 'GreaterThanThreshold',
      threshold: Number(sales?.threshold),
      evaluationPeriods: Number(sales?.evaluationPeriods),
      datapointsToAlarm: Number(sales?.evaluationPeriods),
      missingData: sales?.treatMissingData ?? 'notBreaching',
    };
    const datapoints = done.map((value, at) => ({ at, value: evaluate(expression, () => value) }));
    expect(datapoints).toHaveLength(rangeOf(rule));
    expect(decide(rule, datapoints).state).toBe(state);
    // Should CloudWatch have no value for a metric that it does not know.
    const unfilled = done.map((value, at) => ({ at, value }));
    if (state === 'ALARM' && done.every((each) => each === undefined))
      expect(decide(rule, unfilled).state).toBe('ALARM');
  });

  it('looks back for a week at most, as CloudWatch does', () => {
    const of = (hours: number) => () => defineDataset({ ...recipes, expectedEvery: { hours } });
    expect(of(167)().expectedEvery).toEqual({ hours: 167 });
    for (const hours of [0, 168, 1.5])
      expect(of(hours)).toThrow('expectedEvery.hours must be a whole number');
  });
});
