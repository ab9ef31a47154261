import { GetCrawlerCommand } from '@aws-sdk/client-glue';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { archiveTableName } from '../../../domain/dataset.ts';
import { ledgerTables } from '../../../domain/tables/ledger-tables.ts';
import { glueTables, icebergMetadata } from '../../lake/catalog.ts';
import type { Target } from '../../target/target.ts';
import { lookUp } from '../fact.ts';
import type { CatalogFacts, TableFacts, WantedTable } from '../facts.ts';
import { fedQueue, queueFacts } from './queues.ts';

export async function catalogFacts(target: Target): Promise<CatalogFacts> {
  const { glue, scheduler, outputs } = target;
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
      const found: TableFacts[] = [];
      for await (const { Name = '', Parameters } of glueTables(target))
        found.push({ name: Name, isIceberg: icebergMetadata(Parameters) !== undefined });
      return found;
    }),
    queueFacts(target, of.crawlQueue),
    queueFacts(target, of.crawlDeadLetterQueue),
    fedQueue(target, of.findingsQueue, of.findingsUndeliveredQueue, [
      { source: 'aws.glue', type, detail: failed },
    ]),
  ]);
  return {
    database: of.database,
    crawlerName: of.crawler,
    crawler,
    schedule,
    scheduleName: of.schedule,
    tables,
    wantedTables: await wantedTables(target),
    queue,
    deadLetters,
    findings,
  };
}

async function wantedTables(target: Target): Promise<WantedTable[]> {
  const { processed } = target.outputs.buckets;
  const ofDatasets = target.registry.all.map(async ({ name, processedAs }) => {
    if (processedAs === 'csv') return { name, isIceberg: false, madeAt: undefined };
    const folder = { Bucket: processed, Prefix: `${name}/metadata/` };
    const { KeyCount = 0 } = await target.s3.send(new ListObjectsV2Command({ ...folder, MaxKeys: 1 }));
    const madeAt = KeyCount > 0 ? `s3://${folder.Bucket}/${folder.Prefix}` : undefined;
    return { name, isIceberg: true, madeAt };
  });
  const others = [
    ...target.registry.all.map(({ name }) => archiveTableName(name)),
    ...Object.values(ledgerTables).map(({ name }) => name),
  ].map((name) => ({ name, isIceberg: false, madeAt: undefined }));
  return [...(await Promise.all(ofDatasets)), ...others];
}
