import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { RedshiftDataClient } from '@aws-sdk/client-redshift-data';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { queryWarehouse } from '../../../cli/lake/warehouse.ts';

/** The requests to the stand-in for the Data API, and its answers, in the JSON 1.1 protocol. */
let asked: { readonly operation: string; readonly input: Record<string, unknown> }[];
let statuses: Record<string, unknown>[];
let pages: Record<string, unknown>[];
let server: Server;
let client: RedshiftDataClient;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const operation = String(request.headers['x-amz-target']).replace('RedshiftData.', '');
    const input = JSON.parse(await text(request)) as Record<string, unknown>;
    asked.push({ operation, input });
    const answers: Record<string, () => unknown> = {
      ExecuteStatement: () => ({ Id: 'statement-1' }),
      DescribeStatement: () => ({ Id: 'statement-1', ...statuses.shift() }),
      GetStatementResult: () => pages[Number(input['NextToken'] ?? 0)],
      CancelStatement: () => ({ Status: true }),
    };
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(answers[operation]?.() ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = new RedshiftDataClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
  });
});
beforeEach(() => {
  asked = [];
});
afterAll(() => {
  client.destroy();
  server.close();
});

const warehouse = { workgroup: 'sluice-dev-warehouse', database: 'sluice' };
const query = (sql: string) => queryWarehouse(client, warehouse, sql, () => {});

test('a query waits for its statement, and returns all pages as one result of JSON values', async () => {
  statuses = [{ Status: 'SUBMITTED' }, { Status: 'STARTED' }, { Status: 'FINISHED', HasResultSet: true }];
  const ColumnMetadata = [
    { name: 'title', typeName: 'varchar' },
    { name: 'n', typeName: 'int8' },
    { name: 'share', typeName: 'float8' },
    { name: 'ok', typeName: 'bool' },
    { name: 'exact', typeName: 'numeric' },
  ];
  const nothing = { isNull: true };
  pages = [
    {
      ColumnMetadata,
      Records: [
        [
          { stringValue: '' },
          { longValue: 0 },
          { doubleValue: 0.5 },
          { booleanValue: false },
          { stringValue: '1.10' },
        ],
      ],
      NextToken: '1',
    },
    { ColumnMetadata, Records: [[nothing, nothing, nothing, nothing, nothing]] },
  ];

  expect(await query('select 1')).toEqual({
    columns: [
      { name: 'title', numeric: false },
      { name: 'n', numeric: true },
      { name: 'share', numeric: true },
      { name: 'ok', numeric: false },
      { name: 'exact', numeric: true },
    ],
    rows: [
      ['', 0, 0.5, false, '1.10'],
      [null, null, null, null, null],
    ],
  });
  expect(asked.map(({ operation }) => operation)).toEqual([
    'ExecuteStatement',
    'DescribeStatement',
    'DescribeStatement',
    'DescribeStatement',
    'GetStatementResult',
    'GetStatementResult',
  ]);
  expect(asked[0]?.input).toMatchObject({
    WorkgroupName: 'sluice-dev-warehouse',
    Database: 'sluice',
    Sql: 'select 1',
  });
});

test('a failed statement reports Redshift’s message', async () => {
  statuses = [{ Status: 'FAILED', Error: 'ERROR: relation "lake.soup" does not exist' }];
  await expect(query('select * from lake.soup')).rejects.toThrow(
    'The query failed: ERROR: relation "lake.soup" does not exist',
  );
});

test('a statement without a result returns no rows', async () => {
  statuses = [{ Status: 'FINISHED', HasResultSet: false }];
  expect(await query('set timezone to utc')).toEqual({ columns: [], rows: [] });
  expect(asked.some(({ operation }) => operation === 'GetStatementResult')).toBe(false);
});

test('Ctrl-C cancels the statement', async () => {
  const more = { Status: 'STARTED' };
  statuses = [more, more, more, more, more, more];
  const running = queryWarehouse(client, warehouse, 'select 1', () => process.emit('SIGINT'));
  await expect(running).rejects.toThrow('The query was cancelled.');
  expect(asked.at(-1)).toMatchObject({ operation: 'CancelStatement', input: { Id: 'statement-1' } });
});
