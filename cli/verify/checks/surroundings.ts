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
  const { crawlerName, scheduleName } = catalog;
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
        'The crawl schedule is disabled, so new partitions of the archive stay unseen until somebody crawls.',
        `If the configuration does not disable it (sluice:catalog.scheduled), bring it back: ${inspection.redeploy.replace(/^.*: /, '')}`,
      );
    if (schedule.crawler !== crawlerName)
      inspection.fails(
        'schedule_starts_other',
        scheduleName,
        `The crawl schedule starts ${schedule.crawler ?? 'nothing'}, not ${crawlerName}.`,
      );
  }
  checkTables(catalog, inspection);
}

/** The tables: those that the program declares, and the Iceberg tables that commits have made. */
function checkTables({ database, tables, wantedTables }: Facts['catalog'], inspection: Inspection): void {
  const found = inspection.need(tables, 'table_missing', database, 'The catalog’s database');
  if (found === undefined) return;
  for (const { name, isIceberg, madeAt } of wantedTables) {
    const table = found.find((each) => each.name === name);
    if (isIceberg && table?.isIceberg === false)
      inspection.fails(
        'table_not_iceberg',
        name,
        `The catalog's table ${name} is not an Iceberg table, so no version of its dataset can be committed.`,
        `To let the next commit make it: aws glue delete-table --database-name ${database} --name ${name}`,
      );
    if (table !== undefined) continue;
    if (madeAt !== undefined)
      inspection.fails(
        'table_lost',
        name,
        `The catalog has lost the table ${name}, so no query finds its rows, and the next commit begins an empty one.`,
        `To bring it back, before anything is committed, with the newest file of ${madeAt}: aws glue create-table --database-name ${database} --table-input '{"Name":"${name}","TableType":"EXTERNAL_TABLE","Parameters":{"table_type":"ICEBERG","metadata_location":"${madeAt}FILE"}}'`,
      );
    else if (!isIceberg)
      inspection.fails(
        'table_missing',
        name,
        `The catalog has no table ${name}, so no query finds its rows.`,
      );
  }
}
