import { expect, test } from 'vitest';
import type { Call, Caller } from '../core/call.ts';
import { ServiceError } from '../core/service-error.ts';
import { Scheduler, type ScheduleSettings } from '../scheduler/scheduler.ts';
import { settled, VirtualClock } from './virtual-clock.ts';

const hourly: ScheduleSettings = {
  name: 'hourly',
  arn: 'arn:aws:scheduler:us-east-1:000000000000:schedule/g/hourly',
  groupArn: 'arn:aws:scheduler:us-east-1:000000000000:schedule-group/g',
  expression: 'cron(0 * * * ? *)',
  enabled: true,
  targetArn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler',
  roleArn: 'arn:aws:iam::000000000000:role/starter',
  input: '{"Name":"crawler"}',
};
const hour = 3_600_000;

function scheduler(schedules: readonly ScheduleSettings[], fails: () => boolean = () => false) {
  const clock = new VirtualClock(Date.parse('2026-01-01T00:30:00Z'));
  const made: { readonly input: string; readonly caller: Caller }[] = [];
  const invoked: { readonly arn: string; readonly input: string; readonly caller: Caller }[] = [];
  const admitted: Call[] = [];
  const lines: string[] = [];
  const it = new Scheduler({
    schedules,
    clock,
    authorize: async (call) => {
      admitted.push(call);
    },
    calls: {
      'glue:startCrawler': async (input, caller) => {
        if (fails()) throw new ServiceError('CrawlerRunningException', 400, 'it is already running');
        made.push({ input, caller });
      },
      'lambda:invoke': async (input, caller, arn) => {
        invoked.push({ arn, input, caller });
      },
    },
    log: (line) => lines.push(line),
  });
  return { it, clock, made, invoked, admitted, lines };
}

test('a schedule makes each call on time, with its own role and for its group', async () => {
  const { it, clock, made, admitted } = scheduler([hourly]);
  it.start();
  await clock.advance(hour / 2 - 1);
  expect(made).toEqual([]);
  await clock.advance(1);
  await clock.advance(2 * hour);
  await settled();
  expect(made).toHaveLength(3);
  expect(made[0]).toEqual({ input: hourly.input, caller: { kind: 'role', principal: hourly.roleArn } });
  expect(admitted[0]).toMatchObject({
    action: 'sts:AssumeRole',
    resource: hourly.roleArn,
    caller: { kind: 'service', principal: 'scheduler.amazonaws.com', sourceArn: hourly.groupArn },
  });
  await it.close();
});

test('a schedule whose target is a function invokes it with its input, by its own role', async () => {
  const targetArn = 'arn:aws:lambda:us-east-1:000000000000:function:maintenance:live';
  const { it, clock, made, invoked } = scheduler([{ ...hourly, targetArn, input: '{"a":1}' }]);
  it.start();
  await clock.advance(hour);
  await settled();
  const caller = { kind: 'role', principal: hourly.roleArn };
  expect(invoked).toEqual([{ arn: targetArn, input: '{"a":1}', caller }]);
  expect(made).toEqual([]);
  await it.close();
});

test('a failed call is reported, and repeated at the schedule’s next time', async () => {
  let failing = true;
  const { it, clock, made, lines } = scheduler([hourly], () => failing);
  it.start();
  await clock.advance(hour);
  await settled();
  expect(lines).toEqual([expect.stringContaining('it is already running')]);
  failing = false;
  await clock.advance(hour);
  await settled();
  expect(made).toHaveLength(1);
  await it.close();
});

test('a disabled schedule makes no call, and neither does any after the scheduler is closed', async () => {
  const off = scheduler([{ ...hourly, enabled: false }]);
  off.it.start();
  await off.clock.advance(3 * hour);
  expect(off.made).toEqual([]);
  const ended = scheduler([hourly]);
  ended.it.start();
  await ended.it.close();
  await ended.clock.advance(3 * hour);
  expect(ended.made).toEqual([]);
});

test('a target that can’t be called is refused at the start', () => {
  const targetArn = 'arn:aws:scheduler:::aws-sdk:ecs:runTask';
  expect(() => scheduler([{ ...hourly, targetArn }])).toThrow(targetArn);
});
