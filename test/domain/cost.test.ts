import { describe, expect, it } from 'vitest';
import { costOfUsage, type Usage } from '../../domain/cost/actual.ts';
import { atRest, type Billed, crawlsAMonth, limits } from '../../domain/cost/at-rest.ts';
import { costOfLoad, type Load, totalsOf, workOf } from '../../domain/cost/load.ts';
import { type Position, totalOf } from '../../domain/cost/position.ts';
import { costOf, instancePrice, prices } from '../../domain/cost/prices.ts';
import { instanceClasses } from '../../infra/configuration/instance-classes.ts';
import { contentOf } from '../anchors.ts';

const page = contentOf('docs/cost.md').replaceAll(/\s+/g, ' ');
const memory = { extraction: 512, transformation: 512, commit: 512, loading: 512 };
const dev: Billed = { alarmMetrics: 47, datasets: 2, memory, crawlSchedule: 'cron(0 * * * ? *)' };
const database = {
  instanceClass: 'db.t4g.medium',
  vcpus: 2,
  storage: 20,
  multiAz: true,
  proxy: false,
};

const usdOf = (positions: readonly Position[], ...items: readonly string[]) =>
  totalOf(positions.filter(({ item }) => items.some((each) => item.startsWith(each))));
const cents = (usd: number) => `$${usd.toFixed(2)}`;
const whole = (usd: number) => `$${usd.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',')}`;
/** A line of a table of the page, by the beginning of its first cell. */
const lineOf = (start: string) =>
  contentOf('docs/cost.md')
    .split('\n')
    .find((line) => line.startsWith(`| ${start}`)) ?? '';

describe('the page’s figures are those of the command', () => {
  it.each([
    ['S3 requests', ['PUT', 'GET'], whole],
    ['Lambda, duration', ['duration'], cents],
    ['Lambda, invocations', ['calls'], cents],
    ['CloudWatch Logs', ['logs'], cents],
    ['SQS', ['requests'], cents],
    ['X-Ray', ['traces'], cents],
    ['**together**', ['PUT', 'GET', 'duration', 'calls', 'logs', 'requests', 'traces'], whole],
  ] as const)('of a million small objects: %s', (line, items, shown) => {
    const positions = costOfLoad({ objects: 1e6, records: 1, bytes: 1_200, partitions: 1 }, dev);
    expect(lineOf(line)).toContain(shown(usdOf(positions, ...items)));
  });

  it('of a million objects, by the table of requests', () => {
    const requests = [...contentOf('docs/cost.md').matchAll(/\| (\d+) \| (\d+) \| \$([\d.]+) \|/g)];
    expect(requests).toHaveLength(6);
    for (const [, writes, reads, shown] of requests) {
      const usd = costOf(Number(writes) * 1e6, prices.s3Write) + costOf(Number(reads) * 1e6, prices.s3Read);
      expect(`$${shown}`).toBe((usd < 1 ? cents : whole)(usd));
    }
  });

  it('of a billion records in large objects, and in small ones', () => {
    const load: Load = { objects: 1_000, records: 1e6, bytes: 1.2e9, partitions: 3 };
    const positions = costOfLoad(load, dev);
    const { requests } = totalsOf(workOf(load, false), memory);
    expect(page).toContain(
      `${requests.writes.toLocaleString('en-US')} and ${(requests.reads / 1e6).toFixed(2)} M`,
    );
    expect(page).toContain(`**${cents(usdOf(positions, 'PUT', 'GET'))}**`);
    expect(page).toContain(`a billion cost **${cents(usdOf(positions, 'duration'))}**`);
    expect(page).toContain(`add ${cents(usdOf(positions, 'calls', 'logs', 'requests', 'traces'))}.`);
    expect(page).toContain(`${cents(usdOf(positions, 'raw'))} for these raw objects`);
    const small = costOfLoad({ objects: 1e8, records: 10, bytes: 12_000, partitions: 1 }, dev);
    const stored = usdOf(small, 'raw');
    expect(page).toContain(`objects of ten records each would cost ${whole(totalOf(small) - stored)}.`);
  });

  it('of the data events of a million small objects', () => {
    const load = { objects: 1e6, records: 1, bytes: 1_200, partitions: 1 };
    const more = totalOf(costOfLoad(load, { ...dev, dataEvents: true })) - totalOf(costOfLoad(load, dev));
    const { requests } = totalsOf(workOf(load, false), memory);
    const all = (requests.writes + requests.reads) / 1e6;
    expect(page).toContain(`record of these ${all} M requests at $0.10 per 100,000 adds **${whole(more)}**`);
    expect(contentOf('docs/infrastructure.md')).toContain(`[${whole(more)} for a million small objects]`);
  });

  it('of a month at rest', () => {
    expect(page).toContain(`Together **${cents(totalOf(atRest(dev)))}**`);
    const more = (of: Partial<typeof database>) =>
      totalOf(atRest({ ...dev, database: { ...database, ...of } })) - totalOf(atRest(dev));
    expect(lineOf('`sluice:mysql`, with its defaults')).toContain(`| ${cents(more({}))} |`);
    expect(lineOf('`sluice:mysql` in a stack')).toContain(`| ${cents(more({ multiAz: false }))} |`);
    expect(lineOf('`sluice:database.proxy`')).toContain(`| ${cents(more({ proxy: true }) - more({}))} |`);
  });

  it('of storage, and of a query of a million versions', () => {
    expect(page).toContain(`$${prices.s3Storage.usd} a month for each GB`);
    expect(page).toContain(`a GB costs $${prices.s3Archive.usd} a month`);
    expect(page).toContain(`the move of a thousand files $${prices.s3Transition.usd}.`);
    expect(page).toContain(
      `4 M GETs and 4,000 LISTs, **${cents(costOf(4e6, prices.s3Read) + costOf(4_000, prices.s3Write))}**`,
    );
  });

  it('are also those of the README', () => {
    const small = costOfLoad({ objects: 1e6, records: 1, bytes: 1_200, partitions: 1 }, dev);
    const most = limits(dev).filter(({ service }) => service === 'CloudWatch');
    expect(contentOf('README.md')).toContain(
      `some ${whole(totalOf(atRest(dev)))} a month at rest and ${whole(totalOf(most))} more while data comes, ${whole(totalOf(small))} for`,
    );
  });

  it('of what use can add', () => {
    const most = (of: Partial<Billed>, service: string) =>
      totalOf(limits({ ...dev, ...of }).filter((each) => each.service === service));
    expect(lineOf('the stages')).toContain(`up to ${cents(most({}, 'CloudWatch'))}`);
    expect(lineOf('the crawler, hourly')).toContain(`up to ${whole(most({}, 'Glue'))}`);
    const quarterly = { crawlSchedule: 'cron(0/15 * * * ? *)' };
    expect(lineOf('the crawler, each quarter')).toContain(`up to ${whole(most(quarterly, 'Glue'))}`);
    const warehouse = { usageLimit: 8, usagePeriod: 'daily' } as const;
    expect(lineOf('`sluice:warehouse`')).toContain(`up to ${whole(most({ warehouse }, 'Redshift'))}`);
    expect(page).toContain(`at most ${cents(most({ crawlSchedule: 'cron(0 6 * * ? *)' }, 'Glue'))}`);
    for (const document of ['docs/infrastructure.md', 'Pulumi.prod.yaml.example'])
      for (const schedule of [{}, quarterly])
        expect(contentOf(document)).toContain(whole(most(schedule, 'Glue')));
  });
});

describe('an object', () => {
  const messagesOf = (load: Partial<Load>) =>
    workOf({ objects: 1, records: 1, bytes: 1, partitions: 1, ...load }, false).messages;

  it('has a part at least, and one for each 20,000 records or 16 MiB', () => {
    expect(messagesOf({ bytes: 512 * 1024 + 1 }).transformation).toBe(1);
    expect(messagesOf({ records: 20_000, bytes: 512 * 1024 + 1 }).transformation).toBe(1);
    expect(messagesOf({ records: 20_001 }).transformation).toBe(2);
    expect(messagesOf({ bytes: 16 * 1024 * 1024 + 1 }).transformation).toBe(2);
  });

  it('has no message of the transformation if it is small', () => {
    expect(messagesOf({ bytes: 512 * 1024 })).toEqual({
      extraction: 1,
      transformation: 0,
      commit: 1,
      loading: 1,
    });
  });

  it('has a message of each stage for each of its parts, but is extracted and committed as one', () => {
    expect(messagesOf({ records: 60_000, partitions: 3 })).toEqual({
      extraction: 1,
      transformation: 3,
      commit: 1,
      loading: 3,
    });
  });

  it('has a file of the lake for each partition of each part', () => {
    expect(workOf({ objects: 2, records: 60_000, bytes: 1, partitions: 3 }, false).files).toBe(18);
  });

  it('is read once more for MySQL', () => {
    const reads = (mysql: boolean) =>
      totalsOf(workOf({ objects: 1, records: 1, bytes: 1, partitions: 1 }, mysql), memory).requests.reads;
    expect(reads(true) - reads(false)).toBe(1);
  });
});

describe('what the last days cost', () => {
  const used = (logs: number | undefined) => ({
    sent: 100,
    received: 100,
    deleted: 90,
    emptyReceives: 10,
    calls: 50,
    duration: 4_000,
    logs,
  });
  const bill = (logs: number | undefined, stored?: Usage['stored'], more: Partial<Billed> = {}) =>
    costOfUsage(
      {
        hours: 73,
        stages: {
          extraction: used(logs),
          transformation: used(logs),
          commit: used(logs),
          loading: used(logs),
        },
        stored,
      },
      { ...dev, database, ...more },
    );
  const of = (positions: readonly Position[], item: string) =>
    positions.find((each) => each.item.startsWith(item));

  it('counts messages, calls and durations as CloudWatch does', () => {
    const positions = bill(undefined);
    expect(of(positions, 'requests')).toMatchObject({ quantity: 1200, basis: 'measured' });
    expect(of(positions, 'calls')).toMatchObject({ quantity: 200, basis: 'measured' });
    // Four functions of half a gigabyte, four seconds each.
    expect(of(positions, 'duration')).toMatchObject({ quantity: 8, basis: 'measured' });
  });

  it('takes the bytes of logs and of buckets from CloudWatch if it has them', () => {
    expect(of(bill(undefined), 'logs')?.basis).toBe('estimated');
    expect(of(bill(2e9), 'logs')).toMatchObject({ quantity: 8, usd: 4, basis: 'measured' });
    expect(of(bill(2e9), 'storage, GB')).toBeUndefined();
    // A tenth of a month.
    const positions = bill(2e9, { standard: 100, archived: 1_000 });
    expect(of(positions, 'storage, GB')).toMatchObject({ quantity: 10, basis: 'measured' });
    expect(of(positions, 'storage in Glacier')).toMatchObject({ quantity: 100, basis: 'measured' });
  });

  it('estimates the S3 requests of the messages that were done, with MySQL’s', () => {
    expect(of(bill(undefined), 'PUT')).toMatchObject({ quantity: 90 * 15, basis: 'estimated' });
    expect(of(bill(undefined), 'GET')).toMatchObject({ quantity: 90 * 7, basis: 'estimated' });
  });

  it('has an event for each of these requests if CloudTrail records them', () => {
    expect(of(bill(undefined), 'events')).toBeUndefined();
    expect(of(bill(undefined, undefined, { dataEvents: true }), 'events')).toMatchObject({
      service: 'CloudTrail',
      quantity: 90 * (15 + 7),
      basis: 'estimated',
    });
  });

  it('has the days’ share of what is there all the time, and no empty receive twice', () => {
    const positions = bill(undefined);
    expect(of(positions, 'db.t4g.medium')).toMatchObject({ quantity: 146, basis: 'configured' });
    expect(of(positions, 'the key')?.usd).toBeCloseTo(0.1, 6);
    expect(positions.filter(({ service }) => service === 'SQS')).toHaveLength(1);
  });
});

describe('a schedule', () => {
  it.each([
    ['rate(15 minutes)', 2_920],
    ['rate(1 hour)', 730],
    ['rate(2 days)', 730 / 48],
    ['cron(0 * * * ? *)', 730],
    ['cron(0/15 * * * ? *)', 2_920],
    ['cron(5,35 8-17 * * ? *)', (20 * 730) / 24],
    ['cron(0 6 * * ? *)', 730 / 24],
    ['cron(0 6 ? * MON-FRI *)', (5 * 730) / 24 / 7],
    ['cron(0 6 ? * SAT-MON *)', (3 * 730) / 24 / 7],
    ['cron(0 6 1,15 * ? *)', 2],
    ['cron(0 6 L * ? *)', 1],
  ])('%s runs %d times a month', (schedule, times) => {
    expect(crawlsAMonth(schedule)).toBeCloseTo(times, 6);
  });
});

describe('the prices', () => {
  it('have a page of AWS each', () => {
    for (const { source } of Object.values(prices))
      expect(source).toMatch(/^https:\/\/aws\.amazon\.com\/.*pricing\/$/);
  });

  it('are known of each instance class, and the larger of a family costs more', () => {
    for (const [name, { memory: size }] of Object.entries(instanceClasses)) {
      const usd = instancePrice(name)?.usd ?? 0;
      expect(usd, name).toBeGreaterThan(0);
      const family = name.slice(0, name.lastIndexOf('.'));
      for (const [other, { memory: less }] of Object.entries(instanceClasses))
        if (other.startsWith(`${family}.`) && less < size)
          expect(instancePrice(other)?.usd, `${other}, ${name}`).toBeLessThan(usd);
    }
  });

  it('of a larger class are as many times that of an xlarge', () => {
    expect(instancePrice('db.m7g.xlarge')?.usd).toBe(0.337);
    expect(instancePrice('db.m7g.4xlarge')?.usd).toBeCloseTo(4 * 0.337, 6);
    expect(instancePrice('db.r7g.16xlarge')?.usd).toBeCloseTo(16 * 0.478, 6);
  });

  it('are unknown of a class that no list has', () => {
    expect(instancePrice('db.x2g.large')).toBeUndefined();
    expect(instancePrice('db.x2g.4xlarge')).toBeUndefined();
  });
});
