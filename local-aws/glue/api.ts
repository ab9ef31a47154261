import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { badRequest, ServiceError } from '../core/service-error.ts';
import { validationMessage } from '../http/invalid-input.ts';
import { jsonService, page } from '../http/json.ts';
import type { DescribedService } from '../http/operation.ts';
import { notServed, only } from '../http/parameters.ts';
import { type Partition, within } from './catalog.ts';
import type { Crawl } from './crawler.ts';
import type { LiveCrawler } from './glue.ts';
import {
  checkDescriptor,
  governed,
  inCatalog,
  named,
  namedDatabase,
  ofTable,
  type PartitionInput,
  paging,
  partitionInput,
  values,
  wholeAnswer,
} from './shapes.ts';
import { tableOperations } from './table-operations.ts';
import type { Table } from './tables.ts';
import { type GlueServiceOptions, onCrawler, onTable, operation } from './targets.ts';

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
    input: namedDatabase,
    find: ({ service: { glue }, input: { Name } }) => glue.catalog.database(Name),
    action: 'glue:GetDatabase',
    resource: ({ target }) => within(target),
    run: ({ target }) => ({ Database: { Name: target.name } }),
  }),

  ...tableOperations,

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

const partitionOf = ({ glue }: GlueServiceOptions, { database, name }: Table, wanted: readonly string[]) =>
  glue.catalog.partition({ database, table: name }, wanted);

async function create(service: GlueServiceOptions, table: Table, input: PartitionInput): Promise<void> {
  const { PartitionKeys = [], StorageDescriptor } = table.definition;
  if (input.Values.length !== PartitionKeys.length)
    throw badRequest(
      'InvalidInputException',
      `The number of partition keys do not match the number of partition values: ${input.Values.length}`,
    );
  checkDescriptor(table, input.StorageDescriptor);
  if (partitionOf(service, table, input.Values))
    throw badRequest('AlreadyExistsException', 'Partition already exists.');
  const path = PartitionKeys.map(({ Name }, index) => `${Name}=${input.Values[index]}/`).join('');
  const partition = {
    database: table.database,
    table: table.name,
    values: input.Values,
    location: input.StorageDescriptor?.Location ?? `${StorageDescriptor?.Location}${path}`,
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

function describePartition(table: Table, { values: given, location, createdAt }: Partition): object {
  return {
    Values: given,
    DatabaseName: table.database,
    TableName: table.name,
    CreationTime: createdAt / 1000,
    StorageDescriptor: { ...table.definition.StorageDescriptor, Location: location },
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
