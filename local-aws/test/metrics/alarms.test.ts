import { DescribeAlarmsCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../core/clock.ts';
import type { AlarmSettings } from '../../metrics/alarms.ts';
import { decide, type Rule } from '../../metrics/decision.ts';
import { createMetrics } from '../../metrics/service.ts';
import { MetricStore } from '../../metrics/store.ts';
import { begin, minute, queue, startCloudWatch } from './cloudwatch.ts';

/** Data points of the documentation: 0 does not breach, X does, - is missing. The newest is the last. */
const datapoints = (signs: string) =>
  signs.split(' ').map((sign, index) => ({
    at: begin + index * minute,
    value: sign === '-' ? undefined : sign === 'X' ? 1 : 0,
  }));

describe('missing data', () => {
  const rule = { comparison: 'GreaterThanThreshold', threshold: 0, evaluationPeriods: 3 } as const;
  const treatments = ['missing', 'ignore', 'breaching', 'notBreaching'] as const;

  /** "Configuring how CloudWatch alarms treat missing data", both tables; `kept` is the present state. */
  test.each([
    [3, '0 - X - X', 'OK', 'OK', 'OK', 'OK'],
    [3, '- - - - 0', 'OK', 'OK', 'OK', 'OK'],
    [3, '- - - - -', 'INSUFFICIENT_DATA', 'kept', 'ALARM', 'OK'],
    [3, '0 X X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    [3, '- - X - -', 'ALARM', 'kept', 'ALARM', 'OK'],
    [3, '- - - - X', 'INSUFFICIENT_DATA', 'kept', 'ALARM', 'OK'],
    [3, '- - - X -', 'INSUFFICIENT_DATA', 'kept', 'ALARM', 'OK'],
    [2, '0 - X - X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    [2, '0 0 X 0 X', 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
    [2, '0 - X - -', 'OK', 'OK', 'ALARM', 'OK'],
    [2, '- - - - 0', 'OK', 'OK', 'ALARM', 'OK'],
    [2, '- - - X -', 'ALARM', 'kept', 'ALARM', 'OK'],
  ])('with %d of 3 breaching: %s', (datapointsToAlarm, signs, ...states) => {
    const found = treatments.map(
      (missingData) =>
        decide({ ...rule, datapointsToAlarm, missingData } satisfies Rule, datapoints(signs)).state ?? 'kept',
    );
    expect(found).toEqual(states);
  });
});

test.each([
  ['GreaterThanThreshold', [1, 2, 3], ['OK', 'OK', 'ALARM']],
  ['GreaterThanOrEqualToThreshold', [1, 2, 3], ['OK', 'ALARM', 'ALARM']],
  ['LessThanThreshold', [1, 2, 3], ['ALARM', 'OK', 'OK']],
  ['LessThanOrEqualToThreshold', [1, 2, 3], ['ALARM', 'ALARM', 'OK']],
] as const)('an alarm compares by %s', (comparison, values, states) => {
  const rule = {
    comparison,
    threshold: 2,
    evaluationPeriods: 1,
    datapointsToAlarm: 1,
    missingData: 'missing',
  } as const;
  expect(values.map((value) => decide(rule, [{ at: begin, value }]).state)).toEqual(states);
});

const depth = { namespace: 'AWS/SQS', name: 'Depth', dimensions: queue, period: 60, stat: 'Maximum' };
const alarm = (name: string, given: Partial<Omit<AlarmSettings, 'rule'>> & { rule?: Partial<Rule> } = {}) =>
  ({
    name,
    arn: `arn:aws:cloudwatch:us-east-1:000000000000:alarm:${name}`,
    queries: [{ id: 'm1', metric: depth }],
    actionsEnabled: true,
    actions: { OK: [], ALARM: ['arn:aws:sns:us-east-1:000000000000:topic'], INSUFFICIENT_DATA: [] },
    ...given,
    rule: {
      comparison: 'GreaterThanThreshold',
      threshold: 0,
      evaluationPeriods: 1,
      datapointsToAlarm: 1,
      missingData: 'notBreaching',
      ...given.rule,
    },
  }) satisfies AlarmSettings;

async function started(...alarms: AlarmSettings[]) {
  const cloud = await startCloudWatch(alarms);
  let messages: number | undefined;
  const metric = cloud.store.metric('AWS/SQS', 'Depth', queue, 'Count');
  cloud.store.watch((at) => {
    if (messages !== undefined) metric.set(messages, at);
  });
  const describeAlarms = async (input: object = {}) =>
    (await cloud.client.send(new DescribeAlarmsCommand(input))).MetricAlarms ?? [];
  const state = async (name: string) => (await describeAlarms({ AlarmNames: [name] }))[0]?.StateValue;
  const holds = (count: number | undefined) => {
    messages = count;
  };
  return { ...cloud, describeAlarms, state, holds };
}

describe('an alarm', () => {
  test('starts and ends with its metric, at the end of a minute, and says why', async () => {
    const { clock, holds, describeAlarms, state, logged } = await started(
      alarm('dlq', { description: 'Look at the DLQ.' }),
    );
    expect((await describeAlarms())[0]).toMatchObject({
      StateValue: 'INSUFFICIENT_DATA',
      StateReason: 'Unchecked: Initial alarm creation',
      StateUpdatedTimestamp: new Date(begin),
    });
    await clock.advance(minute);
    expect((await describeAlarms())[0]).toMatchObject({
      StateValue: 'OK',
      StateReason:
        'Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].',
    });
    expect(logged).toEqual([]);

    holds(7);
    await clock.advance(minute - 1);
    expect(await state('dlq')).toBe('OK');
    await clock.advance(1);
    const [rung] = await describeAlarms();
    expect(rung).toMatchObject({
      AlarmName: 'dlq',
      AlarmDescription: 'Look at the DLQ.',
      Namespace: 'AWS/SQS',
      MetricName: 'Depth',
      Dimensions: [{ Name: 'QueueName', Value: 'q' }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      DatapointsToAlarm: 1,
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
      StateValue: 'ALARM',
      StateReason:
        'Threshold Crossed: 1 out of the last 1 datapoint [7 (2026-11-02T09:01Z)] was greater than the threshold (0) (minimum 1 datapoint for ALARM).',
      StateTransitionedTimestamp: new Date(begin + 2 * minute),
    });

    await clock.advance(minute);
    expect((await describeAlarms())[0]).toEqual(rung);
    holds(0);
    await clock.advance(minute);
    expect(await state('dlq')).toBe('OK');
    expect(logged).toEqual([
      `The alarm dlq went from OK to ALARM. ${rung?.StateReason}`,
      'The alarm dlq went from ALARM to OK. Threshold Crossed: 1 out of the last 1 datapoint [0 (2026-11-02T09:03Z)] was not greater than the threshold (0) (minimum 1 datapoint for ALARM).',
    ]);
  });

  test('watches an expression, whose periods end with the minute', async () => {
    const { clock, store, state, describeAlarms } = await started(
      alarm('errors', {
        queries: [
          { id: 'rate', expression: '100 * errors / calls', returnData: true, label: 'Errors' },
          { id: 'errors', returnData: false, metric: { ...depth, name: 'Errors', stat: 'Sum', period: 300 } },
          { id: 'calls', returnData: false, metric: { ...depth, name: 'Calls', stat: 'Sum', period: 300 } },
        ],
        rule: { threshold: 5 },
      }),
    );
    const [errors, calls] = ['Errors', 'Calls'].map((name) => store.metric('AWS/SQS', name, queue, 'Count'));
    for (let index = 0; index < 20; index += 1) calls?.record(1);
    errors?.record(1);
    await clock.advance(minute);
    expect(await state('errors')).toBe('OK');
    errors?.record(1);
    await clock.advance(minute);
    expect(await state('errors')).toBe('ALARM');
    expect((await describeAlarms())[0]).toMatchObject({
      Metrics: [
        { Id: 'rate', Expression: '100 * errors / calls', Label: 'Errors', ReturnData: true },
        { Id: 'errors', MetricStat: { Period: 300, Stat: 'Sum', Metric: { MetricName: 'Errors' } } },
        { Id: 'calls' },
      ],
    });
    // The last data point counts as long as it is in the range of three periods.
    await clock.advance(12 * minute);
    expect(await state('errors')).toBe('ALARM');
    await clock.advance(4 * minute);
    expect(await state('errors')).toBe('OK');
  });

  test('needs as many breaching data points as it says', async () => {
    const { clock, holds, state } = await started(
      alarm('steady', { rule: { evaluationPeriods: 3, datapointsToAlarm: 2 } }),
    );
    const states: unknown[] = [];
    for (const count of [0, 1, 0, 1, 0, 0]) {
      holds(count);
      await clock.advance(minute);
      states.push(await state('steady'));
    }
    expect(states).toEqual(['OK', 'OK', 'OK', 'ALARM', 'OK', 'OK']);
  });

  test('on metrics of AWS that nothing here records is never evaluated, however it treats missing data', async () => {
    const { clock, describeAlarms, logged } = await started(
      alarm('storage', {
        queries: [{ id: 'm1', metric: { ...depth, namespace: 'AWS/RDS' } }],
        rule: { missingData: 'breaching' },
      }),
    );
    await clock.advance(5 * minute);
    expect((await describeAlarms())[0]).toMatchObject({
      StateValue: 'INSUFFICIENT_DATA',
      StateReason: 'Insufficient Data: The local cloud has no metrics of AWS/RDS.',
    });
    expect(logged).toEqual([]);
  });

  test('can be set to a state, until the next minute ends', async () => {
    const { clock, client, state, holds, describeAlarms } = await started(alarm('dlq'));
    holds(0);
    await clock.advance(minute);
    const set = { StateValue: 'ALARM', StateReason: 'A trial', StateReasonData: '{}' } as const;
    await client.send(new SetAlarmStateCommand({ AlarmName: 'dlq', ...set }));
    expect((await describeAlarms())[0]).toMatchObject(set);
    await clock.advance(minute);
    expect(await state('dlq')).toBe('OK');
    await expect(client.send(new SetAlarmStateCommand({ AlarmName: 'other', ...set }))).rejects.toMatchObject(
      { name: 'ResourceNotFound' },
    );
  });

  test('is found by names, prefix, state and action, in pages', async () => {
    const { clock, client, describeAlarms } = await started(
      ...['b', 'a2', 'a1'].map((name) => alarm(name)),
      alarm('quiet', { actions: { OK: [], ALARM: [], INSUFFICIENT_DATA: [] } }),
    );
    const names = async (input: object) => (await describeAlarms(input)).map(({ AlarmName }) => AlarmName);
    await clock.advance(minute);
    expect(await names({})).toEqual(['a1', 'a2', 'b', 'quiet']);
    expect(await names({ AlarmNamePrefix: 'a' })).toEqual(['a1', 'a2']);
    expect(await names({ AlarmNames: ['b', 'none'] })).toEqual(['b']);
    expect(await names({ StateValue: 'ALARM' })).toEqual([]);
    expect(await names({ ActionPrefix: 'arn:aws:sns' })).toEqual(['a1', 'a2', 'b']);
    expect(await names({ AlarmTypes: ['CompositeAlarm'] })).toEqual([]);
    const { NextToken } = await client.send(new DescribeAlarmsCommand({ MaxRecords: 3 }));
    expect(await names({ MaxRecords: 3, NextToken })).toEqual(['quiet']);
    await expect(names({ AlarmNames: ['a1'], AlarmNamePrefix: 'a' })).rejects.toMatchObject({
      name: 'ValidationException',
    });
  });
});

test.each([
  ['a moment late, the minute ends with what is seen then', 50, [5, undefined]],
  ['hours late, since the machine slept, what is seen belongs to the present', 3 * 3_600_000, [undefined, 5]],
])('when its timer comes %s', async (_what, late, values) => {
  let now = begin;
  let ring = () => {};
  const clock: Clock = {
    now: () => now,
    schedule(_delay, task) {
      ring = task;
      return () => {};
    },
  };
  const store = new MetricStore(clock);
  const depth = store.metric('AWS/SQS', 'Depth', queue, 'Count');
  store.watch((at) => depth.set(5, at));
  const context = { clock, region: 'us-east-1', accountId: '000000000000', authorize: async () => {} };
  await createMetrics({ ...context, store, alarms: [], dashboards: [], log: () => {} }).start();
  now = begin + minute + late;
  ring();
  const present = Math.floor(now / minute) * minute;
  const found = [begin, present].map(
    (at) => store.find('AWS/SQS', 'Depth', queue)?.between(at, at + minute)?.max,
  );
  expect(found).toEqual(values);
});
