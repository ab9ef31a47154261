import { VERIFICATION } from '../../../domain/dataset.ts';
import { knownOf } from '../fact.ts';
import type { Facts } from '../facts.ts';
import type { Inspection } from '../finding.ts';

/** The alarms: there, able to tell somebody, and silent. */
export function checkAlarms({ alarms }: Facts, inspection: Inspection): void {
  const known = inspection.need(alarms, 'alarm_missing', 'CloudWatch', 'The alarms');
  if (known === undefined) return;
  inspection.looked += known.found.length + known.missing.length - 1;
  for (const name of known.missing)
    inspection.fails(
      'alarm_missing',
      name,
      `The alarm ${name} was deleted, so what it watches can fail unseen.`,
    );
  for (const { name, nameOnAws, state, reason, description, actionsEnabled } of known.found) {
    if (!actionsEnabled)
      inspection.fails(
        'alarm_silent',
        nameOnAws,
        `The actions of the alarm ${name} are disabled, so it tells nobody.`,
        `To enable them: aws cloudwatch enable-alarm-actions --alarm-names ${nameOnAws}`,
      );
    if (state === 'ALARM')
      inspection.fails(
        'alarm_rings',
        nameOnAws,
        `The alarm ${name} rings: ${reason} ${description}`.trim(),
        'To see all: npx sluice alarms',
      );
  }
}

/** The crawler, its schedule and its tables. */
export function checkCatalog({ catalog }: Facts, inspection: Inspection): void {
  const { crawlerName, scheduleName, wantedTables } = catalog;
  const crawler = inspection.need(catalog.crawler, 'crawler_missing', crawlerName, 'The crawler', false);
  if (crawler !== undefined) {
    if (crawler.lastStatus !== undefined && crawler.lastStatus !== 'SUCCEEDED')
      inspection.fails(
        'crawl_failed',
        crawlerName,
        `The last crawl ended as ${crawler.lastStatus}: ${crawler.lastMessage ?? 'Glue gives no reason.'}`,
        'To try again: npx sluice crawl --wait. Its log is in the group /aws-glue/crawlers.',
      );
    const queue = knownOf(catalog.queue);
    if (queue !== undefined && crawler.queueArn !== queue.arn)
      inspection.fails(
        'crawler_reads_other',
        crawlerName,
        `The crawler reads ${crawler.queueArn ?? 'no queue'}, not the crawl queue ${queue.name}.`,
      );
  }
  const schedule = inspection.need(
    catalog.schedule,
    'schedule_missing',
    scheduleName,
    'The crawl schedule',
    false,
  );
  if (schedule !== undefined) {
    if (!schedule.enabled)
      inspection.warns(
        'schedule_disabled',
        scheduleName,
        'The crawl schedule is disabled, so new partitions stay unseen until somebody crawls.',
        `If the configuration does not disable it (sluice:catalog.scheduled), bring it back: ${inspection.redeploy.replace(/^.*: /, '')}`,
      );
    if (schedule.crawler !== crawlerName)
      inspection.fails(
        'schedule_starts_other',
        scheduleName,
        `The crawl schedule starts ${schedule.crawler ?? 'nothing'}, not ${crawlerName}.`,
      );
  }
  const tables = inspection.need(catalog.tables, 'table_missing', crawlerName, 'The catalog’s database');
  if (tables === undefined) return;
  const lacking = wantedTables.filter((name) => !tables.includes(name));
  for (const name of lacking)
    inspection.fails(
      'table_missing',
      name,
      `The catalog has no table ${name}${name === VERIFICATION ? ', which the probe objects need' : ', so no query finds its rows'}.`,
    );
}
