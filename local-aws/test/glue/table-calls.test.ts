import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreatePartitionCommand,
  CreateTableCommand,
  DeleteTableCommand,
  GetPartitionsCommand,
  GetTableCommand,
  GetTablesCommand,
  GetTableVersionsCommand,
  GlueClient,
  type TableInput,
  UpdateTableCommand,
  type UpdateTableRequest,
} from '@aws-sdk/client-glue';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { journalsIn } from '../../core/journal.ts';
import { type FaultRequest, Faults, faultRequest } from '../../faults/faults.ts';
import { createGlue } from '../../glue/service.ts';
import type { TableSettings } from '../../glue/settings.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import { account, Credentials } from '../../iam/credentials.ts';
import { createPolicyEngine } from '../../iam/policy-engine.ts';

const region = 'us-east-1';
const arn = (path: string) => `arn:aws:glue:${region}:${account}:${path}`;
const role = `arn:aws:iam::${account}:role/commit`;
const DatabaseName = 'lake';
const Name = 'recipes';
const declared: TableSettings = {
  name: 'places',
  database: DatabaseName,
  location: 's3://processed/places/',
  columns: [],
  partitionKeys: [{ name: 'day', type: 'date' }],
  inputFormat: 'text',
  outputFormat: 'text',
  serde: { serializationLibrary: 'csv', parameters: {} },
  parameters: {},
};

let directory: string;
let faults: Faults;
let glue: ReturnType<typeof createGlue>;
let server: RunningServer;
let client: GlueClient;
/** The resources on which the role may do everything. */
let allowed: string[];
const credentials = new Credentials();

function clientOf(
  keys: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
  maxAttempts = 1,
) {
  return new GlueClient({ region, endpoint: server.endpoint, credentials: keys, maxAttempts });
}

async function start(tables: readonly TableSettings[] = [declared]): Promise<void> {
  const document = { Effect: 'Allow', Action: 'glue:*', Resource: allowed };
  const engine = createPolicyEngine({
    roles: [
      {
        arn: role,
        policies: [{ name: 'p', document: JSON.stringify({ Version: '2012-10-17', Statement: [document] }) }],
      },
    ],
    resourcePolicies: new Map(),
  });
  faults = new Faults();
  glue = createGlue({
    clock: systemClock,
    authorize: async (call) => {
      await engine.authorize(call);
      faults.check(call);
    },
    region,
    accountId: account,
    ids: randomUUID,
    settings: { databases: [{ name: DatabaseName, arn: arn('database/lake') }], tables, crawlers: [] },
    store: undefined as never,
    sqs: undefined as never,
    publish: async () => {},
    openJournal: journalsIn(directory),
  });
  await glue.start();
  server = await startServer({
    port: 0,
    services: { glue: glue.handle },
    credentials,
    interrupts: (request) => faults.interrupts(request),
  });
  client = clientOf({ accessKeyId: 'test', secretAccessKey: 'test' });
}

async function stop(): Promise<void> {
  await server.close();
  await glue.close();
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'local-aws-glue-tables-'));
  allowed = ['arn:aws:glue:*:*:none'];
  await start();
});
afterEach(async () => {
  await stop();
  rmSync(directory, { recursive: true, force: true });
});

const iceberg = (pointer: string): TableInput => ({
  Name,
  TableType: 'EXTERNAL_TABLE',
  Parameters: { table_type: 'ICEBERG', metadata_location: pointer },
});
const create = (TableInput: TableInput = iceberg('v0')) =>
  client.send(new CreateTableCommand({ DatabaseName, TableInput }));
const update = (pointer: string, more: Partial<UpdateTableRequest> = {}, by = client) =>
  by.send(new UpdateTableCommand({ DatabaseName, TableInput: iceberg(pointer), ...more }));
const get = async (name = Name) =>
  (await client.send(new GetTableCommand({ DatabaseName, Name: name }))).Table;
const add = (fault: FaultRequest) => faults.add(faultRequest.parse(fault));

const conflict = {
  name: 'ConcurrentModificationException',
  message: 'Update table failed due to concurrent modifications.',
  $metadata: { httpStatusCode: 400 },
};

describe('a table that a call makes', () => {
  test('is described with its version, its times and all that it was given', async () => {
    const StorageDescriptor = {
      Location: 's3://processed/recipes',
      AdditionalLocations: ['s3://processed/more'],
      Columns: [{ Name: 'id', Type: 'string', Comment: 'Its key', Parameters: { 'iceberg.field.id': '1' } }],
      SerdeInfo: { Name: 'serde', Parameters: { a: 'b' } },
      SortColumns: [{ Column: 'id', SortOrder: 1 }],
    };
    const before = Math.floor(Date.now() / 1000) * 1000;
    const LastAccessTime = new Date(5000);
    await create({ ...iceberg('v0'), Description: 'Cakes', Owner: 'me', LastAccessTime, StorageDescriptor });
    const table = await get();
    expect(table).toMatchObject({
      DatabaseName,
      CatalogId: account,
      VersionId: '0',
      Retention: 0,
      ...iceberg('v0'),
      Description: 'Cakes',
      Owner: 'me',
      LastAccessTime,
      StorageDescriptor,
    });
    expect(table?.CreateTime?.getTime()).toBeGreaterThanOrEqual(before);
    expect(table?.UpdateTime).toEqual(table?.CreateTime);
    const { TableList = [] } = await client.send(new GetTablesCommand({ DatabaseName }));
    expect(TableList.map((each) => each.Name)).toEqual(['places', Name]);
    expect(
      (await client.send(new GetPartitionsCommand({ DatabaseName, TableName: Name }))).Partitions,
    ).toEqual([]);
  });

  test('exists once, also beside the tables of the program', async () => {
    await create();
    const exists = { name: 'AlreadyExistsException', message: 'Table already exists.' };
    await expect(create()).rejects.toMatchObject(exists);
    await expect(create({ Name: 'places' })).rejects.toMatchObject(exists);
    await expect(create({ Name: 'Recipes' })).rejects.toMatchObject(exists);
  });

  test('has its name and its columns in lower case, and is found in any', async () => {
    await create({ Name: 'Soups', StorageDescriptor: { Columns: [{ Name: 'Salt', Type: 'int' }] } });
    expect(await get('SOUPS')).toMatchObject({
      Name: 'soups',
      StorageDescriptor: { Columns: [{ Name: 'salt' }] },
    });
  });

  test('is gone with its versions and partitions when it is deleted', async () => {
    const PartitionKeys = [{ Name: 'day', Type: 'date' }];
    await create({ ...iceberg('v0'), PartitionKeys, StorageDescriptor: { Location: 's3://b/r/' } });
    await client.send(
      new CreatePartitionCommand({
        DatabaseName,
        TableName: Name,
        PartitionInput: { Values: ['2026-01-01'] },
      }),
    );
    await client.send(
      new UpdateTableCommand({ DatabaseName, TableInput: { ...iceberg('v1'), PartitionKeys } }),
    );
    expect(
      (await client.send(new GetPartitionsCommand({ DatabaseName, TableName: Name }))).Partitions,
    ).toHaveLength(1);
    await client.send(new DeleteTableCommand({ DatabaseName, Name }));
    await expect(get()).rejects.toMatchObject({ name: 'EntityNotFoundException' });
    await expect(client.send(new DeleteTableCommand({ DatabaseName, Name }))).rejects.toMatchObject({
      name: 'EntityNotFoundException',
    });
    await create();
    expect(await get()).toMatchObject({ VersionId: '0' });
    expect(
      (await client.send(new GetPartitionsCommand({ DatabaseName, TableName: Name }))).Partitions,
    ).toEqual([]);
  });

  test.each<[string, Partial<TableInput>, string]>([
    ['an empty name', { Name: '' }, 'tableInput.name'],
    ['a name of 256 bytes', { Name: 'ü'.repeat(128) }, 'tableInput.name'],
    ['a name of two lines', { Name: 'a\nb' }, 'tableInput.name'],
    ['a parameter of 512,001 bytes', { Parameters: { a: 'x'.repeat(512_001) } }, 'tableInput.parameters.a'],
    ['a parameter’s name of 256 bytes', { Parameters: { ['k'.repeat(256)]: '' } }, 'tableInput.parameters'],
    ['a location of 2,057 bytes', { StorageDescriptor: { Location: 'x'.repeat(2057) } }, 'location'],
  ])('is refused with %s', async (_what, wrong, where) => {
    await expect(create({ ...iceberg('v0'), ...wrong })).rejects.toMatchObject({
      name: 'InvalidInputException',
      message: expect.stringContaining(where),
    });
  });

  test('may have a name of 255 bytes and a parameter of 512,000', async () => {
    const Parameters = { ['k'.repeat(255)]: 'x'.repeat(512_000) };
    await create({ Name: 'n'.repeat(255), Parameters });
    expect((await get('n'.repeat(255)))?.Parameters).toEqual(Parameters);
  });

  test('needs a database, and no input that the local cloud does not heed', async () => {
    await expect(
      client.send(new CreateTableCommand({ DatabaseName: 'other', TableInput: { Name } })),
    ).rejects.toMatchObject({ name: 'EntityNotFoundException', message: 'Database other not found.' });
    const OpenTableFormatInput = { IcebergInput: { MetadataOperation: 'CREATE' as const } };
    await expect(
      client.send(new CreateTableCommand({ DatabaseName, TableInput: { Name }, OpenTableFormatInput })),
    ).rejects.toMatchObject({
      message: 'The local cloud does not serve OpenTableFormatInput of CreateTable.',
      $metadata: { httpStatusCode: 501 },
    });
    await create();
    await expect(update('v1', { ViewUpdateAction: 'ADD' })).rejects.toMatchObject({
      message: 'The local cloud does not serve ViewUpdateAction of UpdateTable.',
    });
  });

  test('can’t take the place of one that the program describes', async () => {
    const message = expect.stringContaining('of the table lake.places, which the program describes');
    await expect(
      client.send(new UpdateTableCommand({ DatabaseName, TableInput: { Name: 'places' } })),
    ).rejects.toMatchObject({ message });
    await expect(client.send(new DeleteTableCommand({ DatabaseName, Name: 'places' }))).rejects.toMatchObject(
      { message },
    );
  });
});

describe('UpdateTable', () => {
  test('is refused with the version of another update, and changes nothing then', async () => {
    await create();
    await update('v1', { VersionId: '0', SkipArchive: true });
    await expect(update('v2', { VersionId: '0', SkipArchive: true })).rejects.toMatchObject(conflict);
    await expect(update('v2', { VersionId: '7' })).rejects.toMatchObject(conflict);
    expect(await get()).toMatchObject({ VersionId: '1', Parameters: { metadata_location: 'v1' } });
    await update('v2', { Force: true });
    expect(await get()).toMatchObject({ VersionId: '2', Parameters: { metadata_location: 'v2' } });
  });

  test('lets exactly one of twenty concurrent calls with the same version win', async () => {
    await create();
    const pointers = Array.from({ length: 20 }, (_, each) => `w${each}`);
    const results = await Promise.allSettled(pointers.map((each) => update(each, { VersionId: '0' })));
    const winners = pointers.filter((_, each) => results[each]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject(conflict);
    expect(await get()).toMatchObject({ VersionId: '1', Parameters: { metadata_location: winners[0] } });
  });

  test('archives the version before unless it is told to skip that', async () => {
    await create();
    await update('v1');
    await update('v2', { SkipArchive: true });
    await update('v3');
    const { TableVersions = [] } = await client.send(
      new GetTableVersionsCommand({ DatabaseName, TableName: Name }),
    );
    expect(
      TableVersions.map(({ VersionId, Table }) => [VersionId, Table?.Parameters?.['metadata_location']]),
    ).toEqual([
      ['3', 'v3'],
      ['2', 'v2'],
      ['0', 'v0'],
    ]);
  });

  test('needs a table', async () => {
    await expect(update('v1')).rejects.toMatchObject({ name: 'EntityNotFoundException' });
  });

  test('takes effect though its answer is lost, so that trying again meets the new version', async () => {
    await create();
    add({ kind: 'close', operation: 'UpdateTable', when: 'after' });
    const patient = clientOf({ accessKeyId: 'test', secretAccessKey: 'test' }, 2);
    await expect(update('v1', { VersionId: '0' }, patient)).rejects.toMatchObject(conflict);
    expect(await get()).toMatchObject({ VersionId: '1', Parameters: { metadata_location: 'v1' } });
  });

  test('is throttled by a fault as Glue throttles, without an effect', async () => {
    await create();
    add({ kind: 'answer', operation: 'UpdateTable', status: 400 });
    await expect(update('v1')).rejects.toMatchObject({
      name: 'ThrottlingException',
      $metadata: { httpStatusCode: 400 },
    });
    expect(await get()).toMatchObject({ VersionId: '0' });
    add({ kind: 'answer', operation: 'UpdateTable', status: 400 });
    await update('v1', {}, clientOf({ accessKeyId: 'test', secretAccessKey: 'test' }, 2));
    expect(await get()).toMatchObject({ VersionId: '1' });
  });
});

describe('the permission', () => {
  const all = [arn('catalog'), arn('database/lake'), arn('table/lake/recipes')];
  const calls = {
    CreateTable: new CreateTableCommand({ DatabaseName, TableInput: iceberg('v0') }),
    UpdateTable: new UpdateTableCommand({ DatabaseName, TableInput: iceberg('v1') }),
    GetTable: new GetTableCommand({ DatabaseName, Name }),
    GetTableVersions: new GetTableVersionsCommand({ DatabaseName, TableName: Name }),
    DeleteTable: new DeleteTableCommand({ DatabaseName, Name }),
  };
  const send = async (operation: keyof typeof calls) => {
    const by = clientOf(credentials.issue(role));
    await by.send(calls[operation] as never);
  };
  const withPermissions = async (resources: string[]) => {
    allowed = resources;
    await stop();
    await start();
  };

  test.each(all)('of every call on a table is needed on %s', async (missing) => {
    await create();
    await withPermissions(all.filter((each) => each !== missing));
    for (const operation of Object.keys(calls) as (keyof typeof calls)[])
      await expect(send(operation)).rejects.toMatchObject({
        name: 'AccessDeniedException',
        message: expect.stringContaining(`glue:${operation} on resource: ${missing}`),
      });
    expect(await get()).toMatchObject({ VersionId: '0' });
  });

  test('on catalog, database and table is enough', async () => {
    await withPermissions(all);
    for (const operation of Object.keys(calls) as (keyof typeof calls)[]) await send(operation);
    await expect(get()).rejects.toMatchObject({ name: 'EntityNotFoundException' });
  });

  test('to list tables is needed on all tables of the database', async () => {
    const list = () => clientOf(credentials.issue(role)).send(new GetTablesCommand({ DatabaseName }));
    await withPermissions(all);
    await expect(list()).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await withPermissions([...all, arn('table/lake/*')]);
    expect((await list()).TableList).toHaveLength(1);
  });
});

describe('a restart', () => {
  test('keeps tables with their versions, and forgets those that were deleted', async () => {
    await create();
    await update('v1');
    await update('v2', { SkipArchive: true });
    await create({ Name: 'gone' });
    await client.send(new DeleteTableCommand({ DatabaseName, Name: 'gone' }));
    const before = await get();
    // Twice, since the first start writes the journal anew.
    for (let each = 0; each < 2; each += 1) {
      await stop();
      await start();
    }
    expect(await get()).toEqual(before);
    const { TableVersions = [] } = await client.send(
      new GetTableVersionsCommand({ DatabaseName, TableName: Name }),
    );
    expect(TableVersions.map(({ VersionId }) => VersionId)).toEqual(['2', '0']);
    await expect(get('gone')).rejects.toMatchObject({ name: 'EntityNotFoundException' });
    await expect(update('v3', { VersionId: '1' })).rejects.toMatchObject(conflict);
    await update('v3', { VersionId: '2' });
  });

  test('with a program that no longer describes a table frees its name, without its partitions', async () => {
    const TableName = 'places';
    const partitions = async () =>
      (await client.send(new GetPartitionsCommand({ DatabaseName, TableName }))).Partitions;
    const PartitionInput = { Values: ['2026-01-01'] };
    await client.send(new CreatePartitionCommand({ DatabaseName, TableName, PartitionInput }));
    expect(await partitions()).toHaveLength(1);
    await stop();
    await start([]);
    await expect(get(TableName)).rejects.toMatchObject({ name: 'EntityNotFoundException' });
    await create({ ...iceberg('v0'), Name: TableName });
    expect(await partitions()).toEqual([]);
    for (let each = 0; each < 2; each += 1) {
      await stop();
      await start([]);
      expect(await partitions()).toEqual([]);
    }
  });

  test('with a program that describes a table that a call made is refused, until that is deleted', async () => {
    await stop();
    await start([]);
    await create({ ...iceberg('v0'), Name: 'places' });
    await stop();
    await expect(start()).rejects.toThrow(
      /The program describes the table lake\.places, but a call of CreateTable made one.*AlreadyExistsException.*aws glue delete-table --database-name lake --name places/,
    );
    await glue.close();
    await start([]);
    await client.send(new DeleteTableCommand({ DatabaseName, Name: 'places' }));
    await stop();
    await start();
    expect(await get('places')).toMatchObject({ StorageDescriptor: { Location: declared.location } });
  });
});
