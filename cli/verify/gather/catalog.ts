import { GetCrawlerCommand, paginateGetTables } from '@aws-sdk/client-glue';
import { GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { ledgerTables } from '../../../domain/tables/ledger-tables.ts';
import type { Target } from '../../target/target.ts';
import { lookUp } from '../fact.ts';
import type { CatalogFacts } from '../facts.ts';
import { fedQueue, queueFacts } from './queues.ts';

export async function catalogFacts(target: Target): Promise<CatalogFacts> {
  const { glue, scheduler, registry, outputs } = target;
  const of = outputs.catalog;
  // The form of Glue's own events (EventBridge reference, events-ref-glue).
  const failed = { crawlerName: of.crawler, state: 'Failed', warningMessage: 'N/A', errorMessage: 'a' };
  const type = 'Glue Crawler State Change';
  const [crawler, schedule, tables, queue, deadLetters, findings] = await Promise.all([
    lookUp(async () => {
      const { Crawler } = await glue.send(new GetCrawlerCommand({ Name: of.crawler }));
      return {
        queueArn: Crawler?.Targets?.CatalogTargets?.[0]?.EventQueueArn,
        lastStatus: Crawler?.LastCrawl?.Status,
        lastMessage: Crawler?.LastCrawl?.ErrorMessage,
      };
    }),
    lookUp(async () => {
      const [GroupName, Name = ''] = of.schedule.split('/');
      const { State, Target: called } = await scheduler.send(new GetScheduleCommand({ GroupName, Name }));
      const input: { Name?: string } = JSON.parse(called?.Input ?? '{}');
      return { enabled: State === 'ENABLED', crawler: input.Name };
    }),
    lookUp(async () => {
      const names: string[] = [];
      for await (const { TableList = [] } of paginateGetTables(
        { client: glue },
        { DatabaseName: of.database },
      ))
        for (const { Name = '' } of TableList) names.push(Name);
      return names;
    }),
    queueFacts(target, of.crawlQueue),
    queueFacts(target, of.crawlDeadLetterQueue),
    fedQueue(target, of.findingsQueue, of.findingsUndeliveredQueue, [
      { source: 'aws.glue', type, detail: failed },
    ]),
  ]);
  const wantedTables = [...registry.all, ...Object.values(ledgerTables)].map(({ name }) => name);
  return {
    crawlerName: of.crawler,
    crawler,
    schedule,
    scheduleName: of.schedule,
    tables,
    wantedTables,
    queue,
    deadLetters,
    findings,
  };
}
