import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { alarmText } from '../../../cli/commands/alarms.ts';
import { alarmStates } from '../../../cli/target/alarm-state.ts';
import { localTarget } from '../../../cli/target/target.ts';
import { width } from '../../../cli/terminal/terminal.ts';
import { stackOutputs } from '../../../infra/outputs.ts';
import { program } from '../../infra/the-program.ts';
import { sluice } from '../sluice.ts';

const outputs = stackOutputs.parse(program.outputs);
const request = z.strictObject({
  AlarmNames: z.array(z.string()).min(1).max(100),
  MaxRecords: z.number().max(100),
  NextToken: z.string().optional(),
});
const changed = Date.parse('2026-11-26T12:00:00Z');

/** What CloudWatch has, by name: of a state, or nothing. */
let states: Map<string, 'ALARM' | 'OK' | 'INSUFFICIENT_DATA'>;
let asked: z.infer<typeof request>[];
let endpoint: string;
let directory: string;

/** CloudWatch's DescribeAlarms, which gives seven alarms a page, and of the asked ones alone. */
const server = createServer(async (incoming, answer) => {
  if (incoming.url?.startsWith('/_sluice')) return answer.end('{}');
  expect(incoming.headers['x-amz-target']).toBe('GraniteServiceVersion20100801.DescribeAlarms');
  const input = request.parse(JSON.parse(await text(incoming)));
  asked.push(input);
  const at = Number(input.NextToken ?? 0);
  const names = [...states.keys()].filter((name) => input.AlarmNames.includes(name));
  const MetricAlarms = names.slice(at, at + 7).map((name) => ({
    AlarmName: name,
    AlarmDescription: `It is about ${name}. Runbook: docs/runbooks.md#${name
      .replace(/-local$/, '')
      .split('-')
      .at(-1)}`,
    StateValue: states.get(name),
    StateReason:
      'Threshold Crossed: 1 datapoint [5.0 (26/11/26 11:58:00)] was greater than the threshold (0.0).',
    StateTransitionedTimestamp: changed / 1_000,
    StateUpdatedTimestamp: changed / 1_000 + 3_600,
  }));
  answer.setHeader('content-type', 'application/x-amz-json-1.0');
  answer.end(JSON.stringify({ MetricAlarms, ...(at + 7 < names.length && { NextToken: String(at + 7) }) }));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  directory = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  writeFileSync(
    join(directory, 'instance.json'),
    JSON.stringify({ endpoint, pid: process.pid, outputs, mysql: 'none' }),
  );
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  asked = [];
  states = new Map(Object.values(outputs.alarmNames).map((name) => [name, 'OK']));
});

const set = (name: string, state: 'ALARM' | 'INSUFFICIENT_DATA') =>
  states.set(outputs.alarmNames[name] ?? '', state);
const read = () => alarmStates(localTarget({ endpoint, outputs }, directory));

test('all alarms of the stack are read, page by page, by their names, and those of other stacks are not asked for', async () => {
  states.set('sluice-dev-2-extraction-age-local', 'ALARM');
  const { alarms, missing } = await read();
  expect(new Set(alarms.map(({ nameOnAws }) => nameOnAws))).toEqual(
    new Set(Object.values(outputs.alarmNames)),
  );
  expect(missing).toEqual([]);
  expect(asked.length).toBe(Math.ceil(alarms.length / 7));
});

test('more alarms than CloudWatch takes names in a call are read in several', async () => {
  const many = Array.from({ length: 150 }, (_, n) => [`a${n}`, `sluice-dev-a${n}-local`] as const);
  for (const [, nameOnAws] of many) states.set(nameOnAws, 'OK');
  const target = localTarget(
    { endpoint, outputs: { ...outputs, alarmNames: Object.fromEntries(many) } },
    directory,
  );
  expect((await alarmStates(target)).alarms.map(({ name }) => name)).toEqual(many.map(([name]) => name));
  expect(new Set(asked.map(({ AlarmNames }) => AlarmNames.length))).toEqual(new Set([100, 50]));
});

test('an alarm tells since when it is in its state, its stage, and the section of its runbook', async () => {
  set('loading-dlq', 'ALARM');
  set('crawl-age', 'INSUFFICIENT_DATA');
  const { alarms } = await read();
  expect(alarms[0]).toMatchObject({
    name: 'loading-dlq',
    nameOnAws: 'sluice-dev-loading-dlq-local',
    stage: 'loading',
    state: 'ALARM',
    since: changed,
    runbook: 'docs/runbooks.md#dlq',
  });
  expect(alarms[1]).toMatchObject({ name: 'crawl-age', state: 'INSUFFICIENT_DATA' });
  expect(alarms[1]?.stage).toBeUndefined();
  expect(alarms.slice(2).every(({ state }) => state === 'OK')).toBe(true);
});

test('an alarm that somebody deleted is missing', async () => {
  states.delete(outputs.alarmNames['extraction-age'] ?? '');
  expect((await read()).missing).toEqual(['extraction-age']);
});

test('the table fits into 80 columns, and what rings is explained below it', async () => {
  set('transformation-undelivered', 'ALARM');
  set('catalog-findings-undelivered', 'ALARM');
  const all = await read();
  const lines = alarmText(all, all.alarms, 80, changed + 90 * 60_000).split('\n');
  for (const line of lines) expect(width(line)).toBeLessThanOrEqual(80);
  expect(lines[1]).toMatch(/^ALARM +90 min {2}transformation {2}undelivered +5 > 0$/);
  const below = lines.slice(lines.indexOf('')).join(' ');
  expect(below).toContain('transformation-undelivered: It is about');
  expect(below).toContain('docs/runbooks.md#undelivered');
  expect(below).toContain(`2 alarms ring, ${all.alarms.length - 2} OK, 0 without data.`);
});

test.each([
  [
    'Threshold Crossed: 3 out of the last 3 datapoints [1.5 (26/11/26 11:58:00), 5400.0 (26/11/26 11:57:00)] were greater than the threshold (3600.0) (minimum 3 datapoints for OK -> ALARM transition).',
    '1.5, 5,400 > 3,600',
  ],
  [
    'Threshold Crossed: 1 out of the last 1 datapoints [0.0 (26/11/26 11:58:00)] was not greater than the threshold (3600.0) (minimum 1 datapoint for ALARM -> OK transition).',
    '0 ≤ 3,600',
  ],
  [
    'Threshold Crossed: 1 datapoint [1.0E9 (26/11/26 11:58:00)] was less than the threshold (1.7179869184E9).',
    '1,000,000,000 < 1,717,986,918.4',
  ],
  [
    'Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].',
    'no data',
  ],
  ['Unchecked: Initial alarm creation', 'Unchecked: Initial alarm creation'],
  ['A person set it\u0007 to see who is called', 'A person set it\\u0007 to see who is called'],
])('the reason %j is shown as %j', async (reason, shown) => {
  const [alarm] = (await read()).alarms;
  if (alarm === undefined) throw new Error('The stack has no alarm.');
  const told = { ...alarm, reason };
  const [, row] = alarmText({ alarms: [told], missing: [] }, [told], 120, changed).split('\n');
  expect(row?.split(/ {2,}/).at(-1)).toBe(shown);
});

test('the exit status is 0 while an alarm rings, and 1 with --check', async () => {
  expect((await sluice(directory, ['alarms', '--check'])).status).toBe(0);
  set('loading-age', 'ALARM');
  const shown = await sluice(directory, ['alarms']);
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  expect(shown.stdout).toMatch(/^ALARM .* loading +age +5 > 0$/m);
  expect((await sluice(directory, ['alarms', '--check', '--state', 'OK'])).status).toBe(1);
});

test('--check fails if CloudWatch does not have an alarm, and names it', async () => {
  states.delete(outputs.alarmNames['extraction-age'] ?? '');
  const { status, stdout } = await sluice(directory, ['alarms', '--check']);
  expect(status).toBe(1);
  expect(stdout).toContain('CloudWatch does not have extraction-age.');
});

test('--state chooses the alarms that --json prints', async () => {
  set('loading-age', 'ALARM');
  const { stdout } = await sluice(directory, ['alarms', '--state', 'ALARM', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    alarms: [{ name: 'loading-age', state: 'ALARM' }],
    missing: [],
  });
  expect((await sluice(directory, ['alarms', '--state', 'loud'])).status).toBe(2);
});

test('an alarm that rings is red on a terminal', async () => {
  set('loading-age', 'ALARM');
  const { stdout } = await sluice(directory, ['alarms'], { environment: { FORCE_COLOR: '1' } });
  expect(stdout).toContain('\u001b[31mALARM');
});
