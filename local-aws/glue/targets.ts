import type * as z from 'zod';
import type { ServiceContext } from '../core/cloud-service.ts';
import { type Asked, operationOf, operationsOn } from '../http/operation.ts';
import { within } from './catalog.ts';
import type { Glue } from './glue.ts';
import type { namedTable, ofTable } from './shapes.ts';

export interface GlueServiceOptions extends Omit<ServiceContext, 'ids'> {
  readonly glue: Pick<
    Glue,
    'catalog' | 'crawler' | 'startCrawler' | 'register' | 'removePartition' | 'changeTable'
  >;
}

export const operation = operationOf<GlueServiceOptions>();

export const onTable = operationsOn(
  ({ service, input }: Asked<GlueServiceOptions, z.infer<typeof ofTable | typeof namedTable>>) =>
    service.glue.catalog.table(input.DatabaseName, 'TableName' in input ? input.TableName : input.Name),
  ({ service, target }) => within(service.glue.catalog.database(target.database), target.name),
);

export const onCrawler = operationsOn(
  ({ service, input }: Asked<GlueServiceOptions, { Name: string } | { CrawlerName: string }>) =>
    service.glue.crawler('Name' in input ? input.Name : input.CrawlerName),
  ({ target }) => target.settings.arn,
);
