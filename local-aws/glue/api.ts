import * as z from 'zod';
import type { Admit } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { ServiceError } from '../core/service-error.ts';
import { validationMessage } from '../http/invalid-input.ts';
import { jsonService, type Operation, operation, page } from '../http/json.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import type { DescribedService, WireRequest } from '../http/service.ts';
import type { Partition } from './catalog.ts';
import { type Crawl, catalogArn } from './crawler.ts';
import type { Glue } from './glue.ts';
import type { TableSettings } from './settings.ts';
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

export interface GlueServiceOptions {
  readonly glue: Pick<
    Glue,
    'catalog' | 'crawler' | 'crawlers' | 'startCrawler' | 'register' | 'removePartition'
  >;
  readonly clock: Clock;
  readonly admit: Admit;
  readonly region: string;
  readonly accountId: string;
}

/** Glue on the wire: the AWS JSON 1.1 protocol ("AWS Glue Web API Reference"), as far as the lake needs it. */
export function glueService(options: GlueServiceOptions): DescribedService {
  const { glue, clock } = options;
  const { catalog } = glue;
  const arn = (path: string) => `arn:aws:glue:${options.region}:${options.accountId}:${path}`;

  /** A call on a part of the catalog needs the permission on all that it lies in ("Specifying AWS Glue resource ARNs"). */
  const admit = async (request: WireRequest, name: string, resources: readonly string[]) => {
    for (const resource of resources)
      await options.admit({ caller: request.caller, operation: name, action: `glue:${name}`, resource });
  };
  const within = (databaseName: string, table?: TableSettings) => {
    const database = catalog.database(databaseName);
    return [catalogArn(database.arn), database.arn, ...(table === undefined ? [] : [table.arn])];
  };
  const onTable = <Input extends z.infer<typeof ofTable>>(
    name: string,
    schema: z.ZodType<Input>,
    run: (table: TableSettings, input: Input) => Promise<object> | object,
  ): Record<string, Operation> => ({
    [name]: operation(schema, async (input, request) => {
      const table = catalog.table(input.DatabaseName, input.TableName);
      await admit(request, name, within(input.DatabaseName, table));
      return run(table, input);
    }),
  });
  const partitionsOf = (table: TableSettings) =>
    catalog.partitions({ database: table.database, table: table.name });
  const find = (table: TableSettings, wanted: readonly string[]) =>
    catalog.partition({ database: table.database, table: table.name }, wanted);

  async function create(table: TableSettings, input: PartitionInput): Promise<void> {
    if (input.Values.length !== table.partitionKeys.length)
      throw new ServiceError(
        'InvalidInputException',
        400,
        `The number of partition keys do not match the number of partition values: ${input.Values.length}`,
      );
    checkDescriptor(table, input.StorageDescriptor);
    if (find(table, input.Values))
      throw new ServiceError('AlreadyExistsException', 400, 'Partition already exists.');
    const path = table.partitionKeys.map(({ name }, index) => `${name}=${input.Values[index]}/`).join('');
    const partition = {
      database: table.database,
      table: table.name,
      values: input.Values,
      location: input.StorageDescriptor?.Location ?? `${table.location}${path}`,
      createdAt: clock.now(),
    };
    await glue.register([partition]);
  }

  return jsonService({
    target: 'AWSGlue',
    version: '1.1',
    invalidInput: (invalid) => new ServiceError('InvalidInputException', 400, validationMessage(invalid)),
    operations: {
      GetDatabases: operation(
        inCatalog.extend({ ...paging.shape, ResourceShareType: only('ALL'), AttributesToGet: wholeAnswer }),
        async ({ MaxResults, NextToken }, request) => {
          await admit(request, 'GetDatabases', [arn('catalog')]);
          const { items, next } = page(catalog.settings.databases, MaxResults, NextToken);
          return { DatabaseList: items.map(({ name }) => ({ Name: name })), ...next };
        },
      ),

      GetDatabase: operation(inCatalog.extend(named.shape), async ({ Name }, request) => {
        await admit(request, 'GetDatabase', within(Name));
        return { Database: { Name } };
      }),

      GetTables: operation(
        inDatabase.extend({
          ...paging.shape,
          ...governed,
          Expression: notServed,
          ResourceShareType: only('ALL'),
          IncludeStatusDetails: harmless('No table has a status.'),
          AttributesToGet: wholeAnswer,
        }),
        async (input, request) => {
          await admit(request, 'GetTables', within(input.DatabaseName));
          const { items, next } = page(catalog.tables(input.DatabaseName), input.MaxResults, input.NextToken);
          return { TableList: items.map(describeTable), ...next };
        },
      ),

      GetTable: operation(
        namedTable.extend({
          ...governed,
          IncludeStatusDetails: harmless('No table has a status.'),
          AttributesToGet: wholeAnswer,
        }),
        async ({ DatabaseName, Name }, request) => {
          const table = catalog.table(DatabaseName, Name);
          await admit(request, 'GetTable', within(DatabaseName, table));
          return { Table: describeTable(table) };
        },
      ),

      ...onTable(
        'GetPartitions',
        ofTable.extend({
          ...paging.shape,
          ...governed,
          Expression: notServed,
          Segment: notServed,
          ExcludeColumnSchema: wholeAnswer,
        }),
        (table, { MaxResults, NextToken }) => {
          const { items, next } = page(partitionsOf(table), MaxResults, NextToken);
          return { Partitions: items.map((each) => describePartition(table, each)), ...next };
        },
      ),

      ...onTable(
        'GetPartition',
        ofTable.extend({ ...values.shape, AuditContext: governed.AuditContext }),
        (table, { PartitionValues }) => {
          const partition = find(table, PartitionValues);
          if (partition) return { Partition: describePartition(table, partition) };
          throw new ServiceError('EntityNotFoundException', 400, 'Cannot find partition.');
        },
      ),

      ...onTable(
        'CreatePartition',
        ofTable.extend({ PartitionInput: partitionInput }),
        async (table, input) => {
          await create(table, input.PartitionInput);
          return {};
        },
      ),

      ...onTable(
        'BatchCreatePartition',
        ofTable.extend({ PartitionInputList: z.array(partitionInput).max(100) }),
        async (table, { PartitionInputList }) => {
          const Errors: object[] = [];
          for (const input of PartitionInputList) {
            try {
              await create(table, input);
            } catch (error) {
              if (!(error instanceof ServiceError)) throw error;
              Errors.push({
                PartitionValues: input.Values,
                ErrorDetail: { ErrorCode: error.code, ErrorMessage: error.message },
              });
            }
          }
          return { Errors };
        },
      ),

      ...onTable('DeletePartition', ofTable.extend(values.shape), async (table, { PartitionValues }) => {
        if (!find(table, PartitionValues))
          throw new ServiceError('EntityNotFoundException', 400, 'Partition not found.');
        await glue.removePartition(table.database, table.name, PartitionValues);
        return {};
      }),

      StartCrawler: operation(named, async ({ Name }, request) => {
        const { settings } = glue.crawler(Name);
        await admit(request, 'StartCrawler', [settings.arn]);
        glue.startCrawler(Name);
        return {};
      }),

      GetCrawler: operation(named, async ({ Name }, request) => {
        const crawler = glue.crawler(Name);
        await admit(request, 'GetCrawler', [crawler.settings.arn]);
        const last = crawler.history.at(-1);
        const { settings, running } = crawler;
        return {
          Crawler: {
            Name,
            Role: settings.roleArn,
            Targets: {
              CatalogTargets: [
                {
                  DatabaseName: settings.database,
                  Tables: settings.tables,
                  EventQueueArn: settings.queueArn,
                },
              ],
            },
            DatabaseName: settings.database,
            RecrawlPolicy: { RecrawlBehavior: 'CRAWL_EVENT_MODE' },
            SchemaChangePolicy: { UpdateBehavior: 'LOG', DeleteBehavior: 'LOG' },
            State: running ? 'RUNNING' : 'READY',
            CrawlElapsedTime: running ? clock.now() - running.startedAt : 0,
            ...(last && { LastCrawl: describeLastCrawl(last) }),
          },
        };
      }),

      ListCrawls: operation(
        paging.extend({ CrawlerName: z.string(), Filters: notServed }),
        async ({ CrawlerName, MaxResults, NextToken }, request) => {
          const { settings, history, running } = glue.crawler(CrawlerName);
          await admit(request, 'ListCrawls', [settings.arn]);
          const crawls = [
            ...(running ? [{ State: 'RUNNING', StartTime: running.startedAt / 1000 }] : []),
            ...history.toReversed().map(describeCrawl),
          ];
          const { items, next } = page(crawls, MaxResults, NextToken);
          return { Crawls: items, ...next };
        },
      ),
    },
  });
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

/** The summary is what a crawl did to partitions and tables, as JSON text. */
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
