import * as z from 'zod';
import { stages } from '../stage.ts';
import { type Position, positions } from './position.ts';
import { instancePrice, month, prices } from './prices.ts';

/** What a stack's bill depends on besides its load: an output of the program (infra/outputs.ts). */
export const billed = z.strictObject({
  /** Metrics that the alarms look at. */
  alarmMetrics: z.int(),
  datasets: z.int(),
  /** MB of the stages' functions. */
  memory: z.record(z.enum(stages), z.int()),
  /** The crawler's schedule; missing if it is off. */
  crawlSchedule: z.string().optional(),
  database: z
    .strictObject({
      instanceClass: z.string(),
      vcpus: z.int(),
      /** GiB. */
      storage: z.int(),
      multiAz: z.boolean(),
      proxy: z.boolean(),
    })
    .optional(),
  /** Whether CloudTrail records the requests to objects. */
  dataEvents: z.boolean().optional(),
  /** RPU-hours that the warehouse may use in a period. */
  warehouse: z
    .strictObject({ usageLimit: z.int(), usagePeriod: z.enum(['daily', 'weekly', 'monthly']) })
    .optional(),
});

export type Billed = z.infer<typeof billed>;

const configured = positions('configured');
const limit = positions('limit');

/** Of each mapping, one poll after the other of up to 20 seconds (Lambda guide, "services-sqs-scaling"). */
const pollers = 5;
const pollSeconds = 20;

/** What a month costs, whether or not anything is uploaded. */
export function atRest({ alarmMetrics, database }: Billed): Position[] {
  const polls = (stages.length * pollers * month.seconds) / pollSeconds;
  return [
    configured('KMS', 'the key of buckets and queues', 1, prices.key),
    configured('CloudWatch', 'alarms, by the metrics that they look at', alarmMetrics, prices.alarmMetric),
    configured('CloudWatch', 'the dashboard', 1, prices.dashboard),
    configured('SQS', 'empty receives of the pollers, at most', polls, prices.queueRequest),
    ...(database === undefined ? [] : ofDatabase(database)),
  ];
}

function ofDatabase({
  instanceClass,
  vcpus,
  storage,
  multiAz,
  proxy,
}: NonNullable<Billed['database']>): Position[] {
  const copies = multiAz ? 2 : 1;
  const standby = multiAz ? ', with a standby' : '';
  return [
    configured('RDS', `${instanceClass}${standby}`, copies * month.hours, instancePrice(instanceClass)),
    configured('RDS', `storage${standby}`, copies * storage, prices.databaseStorage),
    // Two processors are the least (RDS Proxy's pricing page).
    ...(proxy ? [configured('RDS', 'the proxy', Math.max(2, vcpus) * month.hours, prices.proxyHour)] : []),
    configured('Secrets Manager', 'the administrator’s secret', 1, prices.secret),
    configured('VPC', 'the endpoint of Secrets Manager', month.hours, prices.endpointHour),
  ];
}

/** A crawl that finds changes takes two DPUs, and is billed for ten minutes at least (Glue's prices). */
const crawlHours = (2 * 10) / 60;

/** Metrics that a stage sends of each dataset, and of all keys of none; and of itself. */
export const metricsByDataset = 10;
export const metricsByStage = 3;

/** The most that a month of use can add, whatever the amount of data. */
export function limits({ crawlSchedule, datasets, warehouse }: Billed): Position[] {
  const metrics = stages.length * (metricsByDataset * (datasets + 1) + metricsByStage);
  return [
    limit('CloudWatch', 'metrics of the stages, while data keeps coming', metrics, prices.customMetric),
    ...(crawlSchedule === undefined
      ? []
      : [
          limit(
            'Glue',
            'crawls, while data keeps coming',
            crawlsAMonth(crawlSchedule) * crawlHours,
            prices.crawlerHour,
          ),
        ]),
    ...(warehouse === undefined
      ? []
      : [
          limit(
            'Redshift',
            'queries, up to the usage limit',
            warehouse.usageLimit * periods[warehouse.usagePeriod],
            prices.warehouseHour,
          ),
        ]),
  ];
}

const days = month.hours / 24;
const periods = { daily: days, weekly: days / 7, monthly: 1 } as const;

const unitHours: Readonly<Record<string, number>> = { minute: 1 / 60, hour: 1, day: 24 };

/**
 * How often a schedule runs in a month: `rate(15 minutes)` or `cron(0 * * * ? *)` (Scheduler guide,
 * "Schedule types"). Of a cron expression it counts minutes, hours, and days of the month or of the week.
 */
export function crawlsAMonth(schedule: string): number {
  const [, kind, body = ''] = /^(rate|cron)\((.*)\)$/.exec(schedule) ?? [];
  if (kind === 'rate') {
    const [, every, unit = ''] = /^(\d+) (minute|hour|day)s?$/.exec(body) ?? [];
    return month.hours / (Number(every) * (unitHours[unit] ?? Number.NaN));
  }
  const [minutes = '*', hours = '*', dates = '*', , weekdays = '*'] = body.split(' ');
  const ofDays = isAny(dates) ? (days / 7) * fieldSize(weekdays, [1, 7]) : fieldSize(dates, [1, 31]);
  return fieldSize(minutes, [0, 59]) * fieldSize(hours, [0, 23]) * ofDays;
}

const isAny = (field: string) => field === '*' || field === '?';

/** How many values a field of a cron expression has: `*`, `5`, `1-5`, `0/15`, or several with commas. */
function fieldSize(field: string, [least, most]: readonly [number, number]): number {
  if (isAny(field)) return most - least + 1;
  const sizes = field.split(',').map((part) => {
    const [range = '', step = '1'] = part.split('/');
    const [first = '', last = first] = range.split('-');
    // A day by name, or `L` and its like, is one day.
    if (range !== '*' && !/^\d+$/.test(first)) return last === first ? 1 : weekdaysBetween(first, last);
    const from = range === '*' ? least : Number(first);
    const to = range === '*' || (part.includes('/') && last === first) ? most : Number(last);
    return Math.floor((to - from) / Number(step)) + 1;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

const weekdayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const weekdaysBetween = (first: string, last: string) =>
  ((weekdayNames.indexOf(last) - weekdayNames.indexOf(first) + 7) % 7) + 1;
