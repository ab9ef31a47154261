import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { projectDirectory } from '../../cli/target/directories.ts';
import { stages } from '../../domain/stage.ts';
import { stackOutputs } from '../../infra/outputs.ts';
import type { Program } from '../../local-aws/program/program.ts';
import { anchorsOf, contentOf } from '../anchors.ts';
import { evaluate } from './dashboard/metric-math.ts';
import { forProduction, read, withEverything } from './stacks.ts';
import { everything, program } from './the-program.ts';

const shape = z.looseObject({
  alarmDescription: z.string(),
  alarmActions: z.array(z.string()),
  okActions: z.array(z.string()),
  threshold: z.number(),
  evaluationPeriods: z.number(),
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
const elsewhere = await read({
  ...withEverything,
  configuration: { ...withEverything.configuration, 'sluice:runbooks': address },
});

describe('every alarm', () => {
  it('has a description that ends with the link to its section of the runbooks', () => {
    const sections = new Set(anchorsOf(page, '##'));
    for (const { name, alarmDescription } of alarmsOf(everything)) {
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
  const linked = alarmsOf(everything).map(({ name, alarmDescription }) => ({
    name: name.replace(new RegExp(`^sluice-dev-((${stages.join('|')})-)?`), ''),
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
