import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { ServiceContext } from '../core/cloud-service.ts';
import { badRequest, ServiceError } from '../core/service-error.ts';
import { validationMessage } from '../http/invalid-input.ts';
import { jsonService, page } from '../http/json.ts';
import { type Asked, type DescribedService, operationOf, operationsOn } from '../http/operation.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import type { Partition } from './catalog.ts';
import { type Crawl, catalogArn } from './crawler.ts';
import type { Glue, LiveCrawler } from './glue.ts';
import type { CatalogSettings, TableSettings } from './settings.ts';
import {
  checkDescriptor,
  describeColumn,
  governed,
  inCatalog,
  inDatabase,
  named,
  namedTable,
  ofTable,
  type PartitionInput,
  paging,
  partitionInput,
  storageOf,
  values,
  wholeAnswer,
} from './shapes.ts';

export interface GlueServiceOptions extends Omit<ServiceContext, 'ids'> {
  readonly glue: Pick<Glue, 'catalog' | 'crawler' | 'startCrawler' | 'register' | 'removePartition'>;
}

/** Glue's API: the AWS JSON 1.1 protocol ("AWS Glue Web API Reference"), limited to the needs of the lake. */
export function glueService(service: GlueServiceOptions): DescribedService {
  return jsonService({
    target: 'AWSGlue',
    version: '1.1',
    operations,
    service,
    invalidInput: (invalid) => badRequest('InvalidInputException', validationMessage(invalid)),
  });
}

type Database = CatalogSettings['databases'][number];

const operation = operationOf<GlueServiceOptions>();
// A call on a part of the catalog needs the permission on everything that contains it ("Specifying AWS Glue
// resource ARNs").
const within = (database: Database, table?: TableSettings) => [
  catalogArn(database.arn),
  database.arn,
  ...(table === undefined ? [] : [table.arn]),
];
const onTable = operationsOn(
  ({ service, input }: Asked<GlueServiceOptions, z.infer<typeof ofTable | typeof namedTable>>) =>
    service.glue.catalog.table(input.DatabaseName, 'TableName' in input ? input.TableName : input.Name),
  ({ service, target }) => within(service.glue.catalog.database(target.database), target),
);
const onCrawler = operationsOn(
  ({ service, input }: Asked<GlueServiceOptions, { Name: string } | { CrawlerName: string }>) =>
    service.glue.crawler('Name' in input ? input.Name : input.CrawlerName),
  ({ target }) => target.settings.arn,
);

const operations = {
  GetDatabases: operation({
    input: inCatalog.extend({
      ...paging.shape,
      ResourceShareType: only('ALL'),
      AttributesToGet: wholeAnswer,
    }),
    action: 'glue:GetDatabases',
    resource: ({ service: { region, accountId } }) => `arn:aws:glue:${region}:${accountId}:catalog`,
    run: ({ service: { glue }, input }) =>
      page('DatabaseList', glue.catalog.settings.databases, ({ name }) => ({ Name: name }), input),
  }),

  GetDatabase: operation({
    input: inCatalog.extend(named.shape),
    find: ({ service: { glue }, input: { Name } }) => glue.catalog.database(Name),
    action: 'glue:GetDatabase',
    resource: ({ target }) => within(target),
    run: ({ target }) => ({ Database: { Name: target.name } }),
  }),

  GetTables: operation({
    input: inDatabase.extend({
      ...paging.shape,
      ...governed,
      Expression: notServed,
      ResourceShareType: only('ALL'),
      IncludeStatusDetails: harmless('No table has a status.'),
      AttributesToGet: wholeAnswer,
    }),
    find: ({ service: { glue }, input: { DatabaseName } }) => glue.catalog.database(DatabaseName),
    action: 'glue:GetTables',
    resource: ({ target }) => within(target),
    run: ({ service: { glue }, target, input }) =>
      page('TableList', glue.catalog.tables(target.name), describeTable, input),
  }),

  GetTable: onTable(
    'glue:GetTable',
    namedTable.extend({
      ...governed,
      IncludeStatusDetails: harmless('No table has a status.'),
      AttributesToGet: wholeAnswer,
    }),
    ({ target }) => ({ Table: describeTable(target) }),
  ),

  GetPartitions: onTable(
    'glue:GetPartitions',
    ofTable.extend({
      ...paging.shape,
      ...governed,
      Expression: notServed,
      Segment: notServed,
      ExcludeColumnSchema: wholeAnswer,
    }),
    ({ service, target: table, input }) => {
      const all = service.glue.catalog.partitions({ database: table.database, table: table.name });
      return page('Partitions', all, (each) => describePartition(table, each), input);
    },
  ),

  GetPartition: onTable(
    'glue:GetPartition',
    ofTable.extend({ ...values.shape, AuditContext: governed.AuditContext }),
    ({ service, target: table, input: { PartitionValues } }) => {
      const partition = partitionOf(service, table, PartitionValues);
      if (partition) return { Partition: describePartition(table, partition) };
      throw badRequest('EntityNotFoundException', 'Cannot find partition.');
    },
  ),

  CreatePartition: onTable(
    'glue:CreatePartition',
    ofTable.extend({ PartitionInput: partitionInput }),
    ({ service, target, input }) => create(service, target, input.PartitionInput),
  ),

  BatchCreatePartition: onTable(
    'glue:BatchCreatePartition',
    ofTable.extend({ PartitionInputList: z.array(partitionInput).max(100) }),
    async ({ service, target, input: { PartitionInputList } }) => {
      const Errors: object[] = [];
      for (const each of PartitionInputList) {
        try {
          await create(service, target, each);
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          Errors.push({
            PartitionValues: each.Values,
            ErrorDetail: { ErrorCode: error.code, ErrorMessage: error.message },
          });
        }
      }
      return { Errors };
    },
  ),

  UpdatePartition: onTable(
    'glue:UpdatePartition',
    ofTable.extend({ PartitionValueList: z.array(z.string()).max(100), PartitionInput: partitionInput }),
    async ({ service, target: table, input: { PartitionValueList, PartitionInput } }) => {
      if (!isDeepStrictEqual(PartitionValueList, PartitionInput.Values))
        throw badRequest('InvalidInputException', 'The values of a partition can’t be changed.');
      checkDescriptor(table, PartitionInput.StorageDescriptor);
      const known = partitionOf(service, table, PartitionValueList);
      if (!known) throw badRequest('EntityNotFoundException', 'Partition not found.');
      const location = PartitionInput.StorageDescriptor?.Location ?? known.location;
      await service.glue.register([{ ...known, location }]);
    },
  ),

  DeletePartition: onTable(
    'glue:DeletePartition',
    ofTable.extend(values.shape),
    async ({ service, target: table, input: { PartitionValues } }) => {
      if (!partitionOf(service, table, PartitionValues))
        throw badRequest('EntityNotFoundException', 'Partition not found.');
      await service.glue.removePartition(table.database, table.name, PartitionValues);
    },
  ),

  StartCrawler: onCrawler('glue:StartCrawler', named, async ({ service, input }) =>
    service.glue.startCrawler(input.Name),
  ),

  GetCrawler: onCrawler('glue:GetCrawler', named, ({ service, target }) => ({
    Crawler: describeCrawler(target, service.clock.now()),
  })),

  ListCrawls: onCrawler(
    'glue:ListCrawls',
    paging.extend({ CrawlerName: z.string(), Filters: notServed }),
    ({ target: { running, history }, input }) => {
      const now = running ? [{ State: 'RUNNING', StartTime: running.startedAt / 1000 }] : [];
      return page('Crawls', [...now, ...history.toReversed().map(describeCrawl)], (each) => each, input);
    },
  ),
};

const partitionOf = (
  { glue }: GlueServiceOptions,
  { database, name }: TableSettings,
  wanted: readonly string[],
) => glue.catalog.partition({ database, table: name }, wanted);

async function create(
  service: GlueServiceOptions,
  table: TableSettings,
  input: PartitionInput,
): Promise<void> {
  if (input.Values.length !== table.partitionKeys.length)
    throw badRequest(
      'InvalidInputException',
      `The number of partition keys do not match the number of partition values: ${input.Values.length}`,
    );
  checkDescriptor(table, input.StorageDescriptor);
  if (partitionOf(service, table, input.Values))
    throw badRequest('AlreadyExistsException', 'Partition already exists.');
  const path = table.partitionKeys.map(({ name }, index) => `${name}=${input.Values[index]}/`).join('');
  const partition = {
    database: table.database,
    table: table.name,
    values: input.Values,
    location: input.StorageDescriptor?.Location ?? `${table.location}${path}`,
    createdAt: service.clock.now(),
  };
  await service.glue.register([partition]);
}

function describeCrawler({ settings, running, history }: LiveCrawler, now: number): object {
  const { name, roleArn, database, tables, queueArn } = settings;
  const last = history.at(-1);
  return {
    Name: name,
    Role: roleArn,
    Targets: { CatalogTargets: [{ DatabaseName: database, Tables: tables, EventQueueArn: queueArn }] },
    DatabaseName: database,
    RecrawlPolicy: { RecrawlBehavior: 'CRAWL_EVENT_MODE' },
    SchemaChangePolicy: { UpdateBehavior: 'LOG', DeleteBehavior: 'LOG' },
    State: running ? 'RUNNING' : 'READY',
    CrawlElapsedTime: running ? now - running.startedAt : 0,
    ...(last && { LastCrawl: describeLastCrawl(last) }),
  };
}

function describeTable(table: TableSettings): object {
  return {
    Name: table.name,
    DatabaseName: table.database,
    TableType: 'EXTERNAL_TABLE',
    Parameters: table.parameters,
    PartitionKeys: table.partitionKeys.map(describeColumn),
    StorageDescriptor: storageOf(table, table.location),
  };
}

function describePartition(table: TableSettings, { values: given, location, createdAt }: Partition): object {
  return {
    Values: given,
    DatabaseName: table.database,
    TableName: table.name,
    CreationTime: createdAt / 1000,
    StorageDescriptor: storageOf(table, location),
  };
}

function describeLastCrawl({ state, startedAt, error }: Crawl): object {
  return {
    Status: state === 'COMPLETED' ? 'SUCCEEDED' : 'FAILED',
    StartTime: startedAt / 1000,
    LogGroup: '/aws-glue/crawlers',
    ...(error !== undefined && { ErrorMessage: error }),
  };
}

/** The summary lists a crawl's changes of partitions and tables, as JSON text. */
function describeCrawl(crawl: Crawl): object {
  return {
    CrawlId: crawl.id,
    State: crawl.state,
    StartTime: crawl.startedAt / 1000,
    EndTime: crawl.endedAt / 1000,
    DPUHour: 0,
    Summary: JSON.stringify({ PARTITION: { ADD: { Count: crawl.partitionsCreated } } }),
    ...(crawl.error !== undefined && { ErrorMessage: crawl.error }),
  };
}
