import { describe, expect, test } from 'vitest';
import { parseSchedule } from '../../events/schedule.ts';

const at = (text: string) => Date.parse(text);
const start = at('2026-11-02T09:00:30Z');

/** The next `count` times, as text. */
function times(schedule: string, count: number, from = start): string[] {
  const next = parseSchedule(schedule, start);
  const found: string[] = [];
  for (let now: number | undefined = from; found.length < count; ) {
    now = next(now);
    if (now === undefined) break;
    found.push(new Date(now).toISOString().replace(':00.000Z', 'Z').replace('.000Z', 'Z'));
  }
  return found;
}

// The examples of "Cron expressions" in "Setting a schedule pattern for scheduled rules in Amazon
// EventBridge"; 2026-11-02 is a Monday.
describe('cron', () => {
  test.each([
    ['cron(0 10 * * ? *)', ['2026-11-02T10:00Z', '2026-11-03T10:00Z']],
    ['cron(15 12 * * ? *)', ['2026-11-02T12:15Z', '2026-11-03T12:15Z']],
    ['cron(0 18 ? * MON-FRI *)', ['2026-11-02T18:00Z', '2026-11-03T18:00Z']],
    ['cron(0 18 ? * 2-6 *)', ['2026-11-02T18:00Z', '2026-11-03T18:00Z']],
    ['cron(0 8 1 * ? *)', ['2026-12-01T08:00Z', '2027-01-01T08:00Z']],
    ['cron(0/15 * * * ? *)', ['2026-11-02T09:15Z', '2026-11-02T09:30Z']],
    ['cron(0/10 * ? * MON-FRI *)', ['2026-11-02T09:10Z', '2026-11-02T09:20Z']],
    ['cron(0/5 8-17 ? * MON-FRI *)', ['2026-11-02T09:05Z', '2026-11-02T09:10Z']],
    ['cron(0 9 ? * 2#1 *)', ['2026-12-07T09:00Z', '2027-01-04T09:00Z']],
    ['cron(0 0 ? * 1 *)', ['2026-11-08T00:00Z', '2026-11-15T00:00Z']],
    ['cron(0 0 ? * 7 *)', ['2026-11-07T00:00Z', '2026-11-14T00:00Z']],
    ['cron(0 0 ? * 6L *)', ['2026-11-27T00:00Z', '2026-12-25T00:00Z']],
    ['cron(0 0 L * ? *)', ['2026-11-30T00:00Z', '2026-12-31T00:00Z']],
    ['cron(0 0 1 1 ? 2030-2031)', ['2030-01-01T00:00Z', '2031-01-01T00:00Z']],
    ['cron(0 0 1 1 ? 2027/50)', ['2027-01-01T00:00Z', '2077-01-01T00:00Z']],
    ['cron(* * * * ? 2199)', ['2199-01-01T00:00Z', '2199-01-01T00:01Z']],
    ['cron(0 0 29 2 ? *)', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
  ])('%s', (schedule, expected) => expect(times(schedule, 2)).toEqual(expected));

  test('ends with the last of its years', () => {
    expect(times('cron(0 0 1 1 ? 2027)', 2)).toEqual(['2027-01-01T00:00Z']);
    expect(times('cron(0 0 1 1 ? 2020)', 1)).toEqual([]);
  });

  test.each([
    ['cron(0 10 * * *)', 'six fields'],
    ['cron(0 10 * * * *)', 'must be ?'],
    ['cron(0 10 ? * ? *)', 'must be ?'],
    ['cron(61 10 * * ? *)', '61'],
    ['cron(0 10 ? * 8 *)', 'ScheduleExpression'],
    ['cron(0 10 ? * 0 *)', 'ScheduleExpression'],
    ['cron(0 10 15W * ? *)', 'does not support W'],
    ['cron(0 10 * * ? 1969)', 'not a year'],
    ['cron(0 10 31 2 ? *)', 'ScheduleExpression'],
    ['0 10 * * ? *', 'neither'],
  ])('%s is refused', (schedule, reason) => {
    expect(() => parseSchedule(schedule, start)).toThrow(reason);
  });
});

// "Rate expressions" of the same page: the unit of 1 is singular, of more it is plural.
describe('rate', () => {
  test.each([
    ['rate(1 minute)', ['2026-11-02T09:01:30Z', '2026-11-02T09:02:30Z']],
    ['rate(5 minutes)', ['2026-11-02T09:05:30Z', '2026-11-02T09:10:30Z']],
    ['rate(1 hour)', ['2026-11-02T10:00:30Z', '2026-11-02T11:00:30Z']],
    ['rate(7 days)', ['2026-11-09T09:00:30Z', '2026-11-16T09:00:30Z']],
  ])('%s', (schedule, expected) => expect(times(schedule, 2)).toEqual(expected));

  test.each(['rate(1 minutes)', 'rate(5 minute)', 'rate(0 minutes)', 'rate(1.5 hours)', 'rate(1 week)'])(
    '%s is refused',
    (schedule) => {
      expect(() => parseSchedule(schedule, start)).toThrowError(
        expect.objectContaining({ code: 'ValidationException' }),
      );
    },
  );
});
