import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchCreatePartitionCommand,
  CreateDatabaseCommand,
  CreatePartitionCommand,
  DeletePartitionCommand,
  GetCrawlerCommand,
  GetDatabaseCommand,
  GetDatabasesCommand,
  GetPartitionCommand,
  GetPartitionsCommand,
  GetTableCommand,
  GetTablesCommand,
  GlueClient,
  ListCrawlsCommand,
  paginateGetPartitions,
  StartCrawlerCommand,
  UpdatePartitionCommand,
} from '@aws-sdk/client-glue';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Call } from '../../core/call.ts';
import { systemClock } from '../../core/clock.ts';
import { journalsIn } from '../../core/journal.ts';
import { ServiceError } from '../../core/service-error.ts';
import type { BusEvent } from '../../events/rule.ts';
import { createGlue } from '../../glue/service.ts';
import type { CatalogSettings } from '../../glue/settings.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import { account, Credentials } from '../../iam/credentials.ts';
import { createS3, type S3 } from '../../s3/api/api.ts';
import { notifyQueues } from '../../s3/storage/notifications.ts';
import { createSqs, type Sqs } from '../../sqs/sqs.ts';

const region = 'us-east-1';
const arn = (service: string, path: string) => `arn:aws:${service}:${region}:${account}:${path}`;
const role = `arn:aws:iam::${account}:role/crawler`;
const queueArn = arn('sqs', 'crawl');
const csv = {
  inputFormat: 'text',
  outputFormat: 'text',
  serde: { serializationLibrary: 'OpenCSVSerde', parameters: {} },
  parameters: { classification: 'csv' },
};
const settings: CatalogSettings = {
  databases: [{ name: 'lake', arn: arn('glue', 'database/lake') }],
  tables: [
    {
      ...csv,
      name: 'readings',
      database: 'lake',
      location: 's3://processed/readings/',
      columns: [
        { name: 'id', type: 'string' },
        { name: 'celsius', type: 'string' },
      ],
      partitionKeys: [
        { name: 'place', type: 'string' },
        { name: 'day', type: 'date' },
      ],
    },
    {
      ...csv,
      name: 'places',
      database: 'lake',
      location: 's3://processed/places/',
      columns: [{ name: 'id', type: 'string' }],
      partitionKeys: [],
    },
  ],
  crawlers: [
    {
      name: 'crawler',
      arn: arn('glue', 'crawler/crawler'),
      roleArn: role,
      database: 'lake',
      tables: ['readings', 'places'],
      queueArn,
    },
  ],
};
const icebergSettings = {
  ...settings,
  tables: settings.tables.map((each) =>
    each.name === 'readings' ? { ...each, parameters: { table_type: 'iceberg' } } : each,
  ),
};
const table = { DatabaseName: 'lake', TableName: 'readings' };
const good = 'id,celsius\r\na,1\r\n';

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

let calls: Call[];
let refuses: (call: Call) => boolean;
let published: BusEvent[];
let directory: string;
let s3: S3;
let sqs: Sqs;
let glue: ReturnType<typeof createGlue>;
let server: RunningServer;
let client: GlueClient;
let objects: S3Client;

async function start(catalog = settings): Promise<void> {
  const authorize = async (call: Call) => {
    calls.push(call);
    if (refuses(call)) throw new ServiceError('AccessDeniedException', 403, `no ${call.action}`);
  };
  const common = { clock: systemClock, authorize, region, accountId: account };
  sqs = createSqs({
    ...common,
    ids: randomUUID,
    queues: [
      {
        name: 'crawl',
        visibilityTimeoutSeconds: 30,
        messageRetentionSeconds: 345_600,
        delaySeconds: 0,
        receiveWaitSeconds: 0,
        maximumMessageBytes: 262_144,
      },
    ],
    openJournal: journalsIn(directory),
  });
  s3 = createS3({
    ...common,
    buckets: [{ name: 'processed', versioning: 'Enabled', eventBridge: true }],
    directory: join(directory, 's3'),
    publish: (event) =>
      notifyQueues(event, [{ queueArn, events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'] }], sqs),
  });
  glue = createGlue({
    ...common,
    ids: randomUUID,
    settings: catalog,
    store: s3.store,
    sqs,
    publish: async (event) => {
      published.push(event);
    },
    compare: async ({ columns, format }, size, read) => {
      const [first = ''] = Buffer.from((await read(0, size)) ?? '')
        .toString()
        .split('\r\n');
      return first === columns.map(({ name }) => name).join() ? [] : [`its ${format} begins with ${first}`];
    },
    openJournal: journalsIn(directory),
  });
  await sqs.start();
  await s3.start();
  await glue.start();
  server = await startServer({
    port: 0,
    services: { s3: s3.handle, sqs: sqs.handle, glue: glue.handle },
    credentials: new Credentials(),
  });
  const options = {
    region,
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  };
  client = new GlueClient(options);
  objects = new S3Client(options);
}

async function stop(): Promise<void> {
  await server.close();
  await glue.close();
  await s3.close();
  await sqs.close();
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'local-aws-glue-'));
  directories.push(directory);
  calls = [];
  published = [];
  refuses = () => false;
  await start();
});
afterEach(() => stop());

const put = (Key: string, Body = good) =>
  objects.send(new PutObjectCommand({ Bucket: 'processed', Key, Body }));

async function crawled() {
  const before = published.length;
  await client.send(new StartCrawlerCommand({ Name: 'crawler' }));
  await expect.poll(() => published.length, { interval: 5 }).toBe(before + 1);
  await expect
    .poll(async () => (await client.send(new GetCrawlerCommand({ Name: 'crawler' }))).Crawler?.State, {
      interval: 5,
    })
    .toBe('READY');
  return published.at(-1)?.detail as Record<string, string>;
}

async function partitions(): Promise<string[][]> {
  const pages = paginateGetPartitions({ client, pageSize: 1 }, { ...table });
  const all = await Array.fromAsync(pages, ({ Partitions = [] }) => Partitions);
  return all.flat().map(({ Values = [] }) => Values);
}

describe('the catalog', () => {
  test('describes databases and tables as the program declares them', async () => {
    expect((await client.send(new GetDatabasesCommand({}))).DatabaseList).toMatchObject([{ Name: 'lake' }]);
    const { TableList = [] } = await client.send(new GetTablesCommand({ DatabaseName: 'lake' }));
    expect(TableList.map(({ Name }) => Name)).toEqual(['places', 'readings']);
    const { Table } = await client.send(new GetTableCommand({ DatabaseName: 'lake', Name: 'readings' }));
    expect(Table).toMatchObject({
      TableType: 'EXTERNAL_TABLE',
      Parameters: { classification: 'csv' },
      PartitionKeys: [
        { Name: 'place', Type: 'string' },
        { Name: 'day', Type: 'date' },
      ],
      StorageDescriptor: {
        Location: 's3://processed/readings/',
        Columns: [
          { Name: 'id', Type: 'string' },
          { Name: 'celsius', Type: 'string' },
        ],
        SerdeInfo: { SerializationLibrary: 'OpenCSVSerde' },
      },
    });
  });

  test('has a partition once, from its creation until its deletion', async () => {
    await client.send(
      new CreatePartitionCommand({ ...table, PartitionInput: { Values: ['Ulm', '2026-01-01'] } }),
    );
    const again = client.send(
      new BatchCreatePartitionCommand({
        ...table,
        PartitionInputList: [
          { Values: ['Ulm', '2026-01-01'] },
          { Values: ['Köln', '2026-01-01'] },
          { Values: ['x'] },
        ],
      }),
    );
    expect((await again).Errors).toMatchObject([
      { ErrorDetail: { ErrorCode: 'AlreadyExistsException' } },
      { ErrorDetail: { ErrorCode: 'InvalidInputException' } },
    ]);
    const PartitionValues = ['Ulm', '2026-01-01'];
    const { Partition } = await client.send(new GetPartitionCommand({ ...table, PartitionValues }));
    expect(Partition?.StorageDescriptor).toMatchObject({
      Location: 's3://processed/readings/place=Ulm/day=2026-01-01/',
      Columns: [{ Name: 'id' }, { Name: 'celsius' }],
    });
    // As clients do that make a partition of the table's own descriptor.
    const createBonn = (StorageDescriptor: object) =>
      client.send(
        new CreatePartitionCommand({
          ...table,
          PartitionInput: { Values: ['Bonn', '2026-01-01'], StorageDescriptor },
        }),
      );
    await expect(createBonn({ ...Partition?.StorageDescriptor, InputFormat: 'other' })).rejects.toMatchObject(
      {
        message: 'The local cloud does not serve a partition with another InputFormat than its table has.',
      },
    );
    await createBonn({
      ...Partition?.StorageDescriptor,
      Location: 's3://processed/bonn/',
      Compressed: false,
    });
    await client.send(new DeletePartitionCommand({ ...table, PartitionValues: ['Bonn', '2026-01-01'] }));
    await client.send(new DeletePartitionCommand({ ...table, PartitionValues }));
    expect(await partitions()).toEqual([['Köln', '2026-01-01']]);
  });

  test('shows a partition at its new location after an update, which changes no values, also after a restart', async () => {
    const PartitionValueList = ['Ulm', '2026-01-01'];
    const update = (Location: string, Values = PartitionValueList) =>
      client.send(
        new UpdatePartitionCommand({
          ...table,
          PartitionValueList,
          PartitionInput: { Values, StorageDescriptor: { Location } },
        }),
      );
    await expect(update('s3://processed/new/')).rejects.toMatchObject({ name: 'EntityNotFoundException' });
    await client.send(
      new CreatePartitionCommand({ ...table, PartitionInput: { Values: PartitionValueList } }),
    );
    await expect(update('s3://processed/new/', ['Bonn', '2026-01-01'])).rejects.toMatchObject({
      name: 'InvalidInputException',
    });
    await update('s3://processed/new/');
    await stop();
    await start();
    const { Partitions = [] } = await client.send(new GetPartitionsCommand(table));
    expect(Partitions.map(({ StorageDescriptor }) => StorageDescriptor?.Location)).toEqual([
      's3://processed/new/',
    ]);
  });

  test('answers missing entities in Glue’s words, and unsupported operations with 501', async () => {
    await expect(client.send(new GetDatabaseCommand({ Name: 'other' }))).rejects.toMatchObject({
      name: 'EntityNotFoundException',
    });
    await expect(client.send(new GetTableCommand({ DatabaseName: 'lake', Name: 'x' }))).rejects.toMatchObject(
      {
        name: 'EntityNotFoundException',
      },
    );
    await expect(client.send(new StartCrawlerCommand({ Name: 'x' }))).rejects.toMatchObject({
      name: 'EntityNotFoundException',
    });
    await expect(
      client.send(new CreateDatabaseCommand({ DatabaseInput: { Name: 'x' } })),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 501 } });
  });

  test('requires the permission on the catalog, the database and the table', async () => {
    await client.send(new GetTableCommand({ DatabaseName: 'lake', Name: 'readings' }));
    expect(calls.filter(({ action }) => action === 'glue:GetTable').map(({ resource }) => resource)).toEqual([
      arn('glue', 'catalog'),
      arn('glue', 'database/lake'),
      arn('glue', 'table/lake/readings'),
    ]);
    refuses = ({ action, resource }) => action === 'glue:GetTable' && resource.includes(':table/');
    await expect(
      client.send(new GetTableCommand({ DatabaseName: 'lake', Name: 'readings' })),
    ).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });
});

describe('a crawl', () => {
  test('lists everything the first time, and registers each partition', async () => {
    await put('readings/place=Ulm/day=2026-01-01/a.csv');
    await put('readings/place=a%2Fb c/day=__HIVE_DEFAULT_PARTITION__/a.csv');
    await put('places/a.csv', 'id\r\nUlm\r\n');
    expect(await partitions()).toEqual([]);

    expect(await crawled()).toMatchObject({
      state: 'Succeeded',
      partitionsCreated: '2',
      warningMessage: 'N/A',
    });

    expect(await partitions()).toEqual([
      ['Ulm', '2026-01-01'],
      ['a/b c', '__HIVE_DEFAULT_PARTITION__'],
    ]);
  });

  test('lists only the changed folders afterwards, and nothing without a change', async () => {
    await put('readings/place=Ulm/day=2026-01-01/a.csv');
    await crawled();
    // The first crawl lists and leaves the messages to the second.
    await crawled();
    calls = [];
    expect(await crawled()).toMatchObject({ partitionsCreated: '0' });
    expect(calls.filter(({ action }) => action.startsWith('s3:'))).toEqual([]);

    await put('readings/place=Ulm/day=2026-01-02/a+b c.csv');
    calls = [];
    expect(await crawled()).toMatchObject({ partitionsCreated: '1' });
    expect(calls.filter(({ action }) => action === 's3:ListBucket').map(({ context }) => context)).toEqual([
      { 's3:prefix': 'readings/place=Ulm/day=2026-01-02/' },
    ]);
    expect(sqs.counts('crawl')).toMatchObject({ visible: 0, inFlight: 0 });
  });

  test('lists everything once more when the crawler has other tables than before', async () => {
    await put('readings/place=Ulm/day=2026-01-01/a.csv');
    await stop();
    const [crawler] = settings.crawlers;
    if (crawler === undefined) throw new Error('There is no crawler.');
    await start({ ...settings, crawlers: [{ ...crawler, tables: ['places'] }] });
    // The second one takes the change, which is of none of its tables.
    for (const _ of [1, 2]) expect(await crawled()).toMatchObject({ partitionsCreated: '0' });
    await stop();
    await start();
    expect(await crawled()).toMatchObject({ partitionsCreated: '1' });
  });

  test('keeps a partition whose files were deleted, as LOG requires', async () => {
    const Key = 'readings/place=Ulm/day=2026-01-01/a.csv';
    await put(Key);
    await crawled();
    await objects.send(new DeleteObjectCommand({ Bucket: 'processed', Key }));
    expect(await crawled()).toMatchObject({ partitionsDeleted: '0', warningMessage: 'N/A' });
    expect(await partitions()).toEqual([['Ulm', '2026-01-01']]);
  });

  test.each([
    ['a file outside of every partition', 'readings/a.csv', good, 'it lies in no partition of readings'],
    [
      'a partition by other columns',
      'readings/day=1/place=U/a.csv',
      good,
      'it lies in no partition of readings',
    ],
    [
      'a folder in a table without partitions',
      'places/x=1/a.csv',
      'id\r\n',
      'it lies in no partition of places',
    ],
  ])('reports %s and changes no table', async (_what, key, body, message) => {
    await put(key, body);
    expect((await crawled())['warningMessage']).toContain(`${key}: ${message}`);
    const { Table } = await client.send(new GetTableCommand({ DatabaseName: 'lake', Name: 'readings' }));
    expect(Table?.StorageDescriptor?.Columns).toHaveLength(2);
    const { Crawler } = await client.send(new GetCrawlerCommand({ Name: 'crawler' }));
    expect(Crawler?.LastCrawl?.Status).toBe('SUCCEEDED');
  });

  test('touches no Iceberg table, whose files lie in no partitions', async () => {
    await stop();
    await start(icebergSettings);
    await put('readings/data/a.parquet');
    await put('readings/place=Ulm/day=2026-01-01/a.csv');
    await put('places/a.csv', 'id\r\nUlm\r\n');
    for (const listed of ['everything', 'changes']) {
      calls = [];
      const crawl = { state: 'Succeeded', partitionsCreated: '0', warningMessage: 'N/A' };
      expect([listed, await crawled()]).toMatchObject([listed, crawl]);
      const prefixes = calls.flatMap(({ context }) => context?.['s3:prefix'] ?? []);
      expect([listed, new Set(prefixes)]).toEqual([listed, new Set(['places/'])]);
    }
    expect(await partitions()).toEqual([]);
  });

  test('reports how a new file differs from its table, and reads it with the crawler’s role', async () => {
    await put('readings/place=U/day=1/a.csv');
    await put('readings/place=U/day=1/b.csv', 'id,more\r\n');
    expect((await crawled())['warningMessage']).toBe(
      'readings/place=U/day=1/b.csv: its csv begins with id,more',
    );
    const read = calls.filter(({ action }) => action === 's3:GetObject');
    expect(new Set(read.map(({ caller }) => caller.principal))).toEqual(new Set([role]));
    expect(await partitions()).toEqual([['U', '1']]);
  });

  test('uses the crawler’s role for everything, and fails with the name of a missing permission', async () => {
    await put('readings/place=Ulm/day=2026-01-01/a.csv');
    refuses = ({ action }) => action === 'glue:BatchCreatePartition';
    expect(await crawled()).toMatchObject({ state: 'Failed', errorMessage: 'no glue:BatchCreatePartition' });
    expect(calls[calls.length - 1]?.caller.kind).not.toBe('service');
    const own = calls.filter(({ caller }) => caller.principal === role).map(({ action }) => action);
    expect(new Set(own)).toEqual(new Set(['s3:ListBucket', 'glue:BatchCreatePartition']));
    expect(calls).toContainEqual(
      expect.objectContaining({
        action: 'sts:AssumeRole',
        caller: { kind: 'service', principal: 'glue.amazonaws.com', sourceArn: settings.crawlers[0]?.arn },
      }),
    );
    refuses = () => false;
    expect(await crawled()).toMatchObject({ state: 'Succeeded', partitionsCreated: '1' });
    const { Crawls = [] } = await client.send(new ListCrawlsCommand({ CrawlerName: 'crawler' }));
    expect(Crawls.map(({ State }) => State)).toEqual(['COMPLETED', 'FAILED']);
  });

  test('deletes no message before its partition is stored', async () => {
    await crawled();
    await put('readings/place=Ulm/day=2026-01-01/a.csv');
    refuses = ({ action }) => action === 'glue:BatchCreatePartition';
    await crawled();
    expect(sqs.counts('crawl')).toMatchObject({ inFlight: 1 });
  });

  test('can’t be started while it is running', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const running = glue.crawler('crawler');
    running.running = { startedAt: 0, done: held };
    await expect(client.send(new StartCrawlerCommand({ Name: 'crawler' }))).rejects.toMatchObject({
      name: 'CrawlerRunningException',
    });
    const { Crawler } = await client.send(new GetCrawlerCommand({ Name: 'crawler' }));
    expect(Crawler?.State).toBe('RUNNING');
    running.running = undefined;
    release();
  });

  test('keeps its partitions and the history of crawls across a restart', async () => {
    await put('readings/place=Ulm/day=2026-01-01/a.csv');
    await crawled();
    await stop();
    await start();
    expect(await partitions()).toEqual([['Ulm', '2026-01-01']]);
    const { Crawls = [] } = await client.send(new ListCrawlsCommand({ CrawlerName: 'crawler' }));
    expect(Crawls).toHaveLength(1);
    calls = [];
    await crawled();
    expect(calls.some(({ action }) => action === 'sqs:ReceiveMessage')).toBe(true);
  });
});
