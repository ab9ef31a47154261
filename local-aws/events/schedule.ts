import { type CronExpression, CronExpressionParser } from 'cron-parser';
import { badRequest, errorText, type ServiceError } from '../core/service-error.ts';

/**
 * The schedule's next time strictly after `now` (milliseconds since the epoch); undefined if there is none.
 */
export type Schedule = (now: number) => number | undefined;

/**
 * Parses `rate(…)` or `cron(…)` ("Setting a schedule pattern for scheduled rules in Amazon EventBridge"). A
 * rate counts from `start`; cron is in UTC, to the minute.
 * @throws ServiceError ValidationException
 */
export function parseSchedule(text: string, start: number): Schedule {
  const rate = /^rate\((\d+) (minute|minutes|hour|hours|day|days)\)$/.exec(text);
  if (rate) return rateSchedule(Number(rate[1]), rate[2] ?? '', start, text);
  const cron = /^cron\(([^()]+)\)$/.exec(text);
  if (cron?.[1] !== undefined) return cronSchedule(cron[1], start, text);
  throw invalid(text, 'it is neither rate(value unit) nor cron(six fields)');
}

const unitMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

function rateSchedule(value: number, unit: string, start: number, text: string): Schedule {
  if (value < 1) throw invalid(text, 'the value of a rate must be positive');
  if ((value === 1) === unit.endsWith('s'))
    throw invalid(text, `the unit of ${value} must be ${value === 1 ? 'singular' : 'plural'}`);
  const period = value * (unitMs[unit.replace(/s$/, '')] ?? 0);
  return (now) => start + (Math.floor(Math.max(0, now - start) / period) + 1) * period;
}

function cronSchedule(fields: string, start: number, text: string): Schedule {
  const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = '', year, ...more] =
    fields.split(' ');
  if (year === undefined || more.length > 0) throw invalid(text, 'a cron expression must have six fields');
  if ((dayOfMonth === '?') === (dayOfWeek === '?'))
    throw invalid(text, 'one of day-of-month and day-of-week must be ?, and the other must not');
  // cron-parser does not support W; a schedule on the wrong day would be worse than none.
  if (/W/i.test(dayOfMonth)) throw invalid(text, 'the local cloud does not support W');
  const inYears = yearTest(year, text);
  const expression = `0 ${minutes} ${hours} ${dayOfMonth} ${month} ${sundayIsZero(dayOfWeek)}`;
  const next = (from: number) => parseCron(expression, from, text).next().getTime();
  // Reports an invalid expression now, not when it first falls due.
  parseCron(expression, start, text);
  return (now) => {
    for (let from = now; ; ) {
      const due = next(from);
      const year = new Date(due).getUTCFullYear();
      if (year > lastYear) return undefined;
      if (inYears(year)) return due;
      from = Date.UTC(year + 1, 0, 1) - 1;
    }
  };
}

function parseCron(expression: string, now: number, text: string): CronExpression {
  try {
    return CronExpressionParser.parse(expression, { currentDate: new Date(now), tz: 'UTC' });
  } catch (cause) {
    throw invalid(text, errorText(cause));
  }
}

/**
 * AWS counts days of the week from 1 (Sunday) to 7; cron counts from 0, with 7 for Sunday too. A number after
 * `/` or `#` is no day.
 */
function sundayIsZero(field: string): string {
  return field.replace(/(?<![/#\d])\d+/g, (day) => (Number(day) > 7 ? day : `${Number(day) - 1}`));
}

const [firstYear, lastYear] = [1970, 2199];

function yearTest(field: string, text: string): (year: number) => boolean {
  const ranges = field.split(',').map((part) => {
    const [, from = '', to, step = '1'] = /^(\*|\d{4})(?:-(\d{4}))?(?:\/(\d+))?$/.exec(part) ?? [];
    const first = from === '*' ? firstYear : Number(from);
    const last = to !== undefined ? Number(to) : from === '*' || part.includes('/') ? lastYear : first;
    if (from === '' || first < firstYear || last > lastYear || first > last || Number(step) < 1)
      throw invalid(text, `${part} is not a year from ${firstYear} to ${lastYear}`);
    return { first, last, step: Number(step) };
  });
  return (year) =>
    ranges.some(({ first, last, step }) => year >= first && year <= last && (year - first) % step === 0);
}

function invalid(text: string, reason: string): ServiceError {
  return badRequest('ValidationException', `Parameter ScheduleExpression is not valid: ${text}; ${reason}.`);
}
