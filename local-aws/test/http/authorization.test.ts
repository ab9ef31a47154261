import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import type { Call, Caller } from '../../core/call.ts';
import { systemClock } from '../../core/clock.ts';
import { createEvents } from '../../events/events.ts';
import { controlService } from '../../faults/control.ts';
import { Faults } from '../../faults/faults.ts';
import { createGlue } from '../../glue/service.ts';
import { anyone, type DescribedService } from '../../http/operation.ts';
import type { Service, WireRequest } from '../../http/service.ts';
import { account } from '../../iam/credentials.ts';
import { createPolicyEngine } from '../../iam/policy-engine.ts';
import { stsService } from '../../iam/sts.ts';
import { kmsService } from '../../kms/api.ts';
import { lambdaService } from '../../lambda/api.ts';
import { logsService } from '../../logs/api.ts';
import { Alarms } from '../../metrics/alarms.ts';
import { cloudWatchService } from '../../metrics/api.ts';
import { createS3 } from '../../s3/api/api.ts';
import { keyByKey, routes } from '../../s3/api/routes.ts';
import { schedulerService } from '../../scheduler/api.ts';
import { taskHandle } from '../../sqs/move-tasks.ts';
import { createSqs } from '../../sqs/sqs.ts';
import { bucket, call, machineArn, machineOf, startMachine } from '../stepfunctions/machine.ts';

const region = 'us-east-1';
const arn = (service: string, path: string) => `arn:aws:${service}:${region}:${account}:${path}`;
const nobody: Caller = { kind: 'role', principal: `arn:aws:iam::${account}:role/nobody`, session: 'ASIA' };
const engine = createPolicyEngine({ roles: [], resourcePolicies: new Map() });
const nothing = {} as never;
const unused = { store: nothing, log: () => {} };

/** What was asked for since the test began. */
let asked: string[] = [];
beforeEach(() => {
  asked = [];
});
const authorize = async (made: Call) => {
  asked.push(made.action);
  await engine.authorize(made);
};
const context = { clock: systemClock, authorize, region, accountId: account, ids: randomUUID };

const queue = {
  visibilityTimeoutSeconds: 30,
  messageRetentionSeconds: 345_600,
  delaySeconds: 0,
  receiveWaitSeconds: 0,
  maximumMessageBytes: 1_048_576,
};
const sqs = createSqs({
  ...context,
  queues: [
    { ...queue, name: 'q', redrive: { deadLetterQueue: 'dlq', maxReceiveCount: 2 } },
    { ...queue, name: 'dlq' },
  ],
});
const events = createEvents({
  ...context,
  rules: [
    {
      name: 'rule',
      arn: arn('events', 'rule/rule'),
      enabled: true,
      eventPattern: '{"source":["s"]}',
      targets: [],
    },
  ],
  deliver: async () => {},
  deadLetter: async () => {},
});
const glue = createGlue({
  ...context,
  settings: {
    databases: [{ name: 'lake', arn: arn('glue', 'database/lake') }],
    tables: [
      {
        name: 'lake',
        database: 'lake',
        location: 's3://processed/lake/',
        columns: [],
        partitionKeys: [],
        inputFormat: 'text',
        outputFormat: 'text',
        serde: { serializationLibrary: '', parameters: {} },
        parameters: {},
      },
    ],
    crawlers: [
      {
        name: 'lake',
        arn: arn('glue', 'crawler/lake'),
        roleArn: nobody.principal,
        database: 'lake',
        tables: ['lake'],
        queueArn: arn('sqs', 'q'),
      },
    ],
  },
  store: nothing,
  sqs: nothing,
  publish: async () => {},
});

/** An execution that waits behind a map run; what starts it is permitted. */
let isStarting = true;
const { states } = await startMachine({
  clock: systemClock,
  definition: machineOf({
    Map: {
      Type: 'Map',
      Label: 'Things',
      ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2', Arguments: { Bucket: bucket } },
      ItemBatcher: { MaxItemsPerBatch: 1 },
      MaxConcurrency: 1,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Work',
        States: { Work: call({ Output: 1, End: true }) },
      },
      Next: 'Stay',
    },
    Stay: { Type: 'Wait', Seconds: 3_600, End: true },
  }),
  authorize: async (made) => {
    if (!isStarting) await authorize(made);
  },
});
const execution = await states.begin(states.machine(machineArn), 'execution', '{}');
const mapRunArn = await vi.waitUntil(() => execution.maps[0]?.endedAt && execution.maps[0].arn);
isStarting = false;
afterAll(() => states.close());

const settings = { arn: arn('lambda', 'function:f'), functionArn: arn('lambda', 'function:f'), uuid: 'm' };
const lambda = lambdaService({
  ...context,
  functions: new Map([['f', { settings }]]) as never,
  mappings: new Map([['m', { settings }]]) as never,
});

const { ids: _, ...withoutIds } = context;
const s3 = createS3({
  ...withoutIds,
  buckets: [{ name: bucket, eventBridge: false }],
  publish: async () => {},
});
await s3.start();

const scheduler = schedulerService({
  ...context,
  schedules: [
    {
      name: 's',
      arn: arn('scheduler', 'schedule/g/s'),
      groupArn: arn('scheduler', 'schedule-group/g'),
      expression: 'rate(1 hour)',
      enabled: true,
      targetArn: 'x',
      roleArn: 'x',
      input: '{}',
    },
  ],
});

/** Each with the parameters that its operations can't do without. */
const json: [target: string, service: DescribedService, input: object][] = [
  [
    'AmazonSQS',
    sqs.handle,
    {
      QueueUrl: `http://127.0.0.1/${account}/q`,
      QueueName: 'q',
      MessageBody: 'x',
      ReceiptHandle: 'x',
      VisibilityTimeout: 1,
      Entries: [{ Id: 'x', MessageBody: 'x', ReceiptHandle: 'x', VisibilityTimeout: 1 }],
      SourceArn: arn('sqs', 'dlq'),
      TaskHandle: taskHandle('x', arn('sqs', 'dlq')),
    },
  ],
  [
    'AWSEvents',
    events.handle,
    { Name: 'rule', Rule: 'rule', TargetArn: 'x', Entries: [{}], EventPattern: '{}', Event: '{}' },
  ],
  [
    'AWSGlue',
    glue.handle,
    {
      Name: 'lake',
      DatabaseName: 'lake',
      TableName: 'lake',
      PartitionValues: [],
      PartitionValueList: [],
      PartitionInput: { Values: [] },
      PartitionInputList: [],
      TableInput: { Name: 'lake' },
      CrawlerName: 'lake',
    },
  ],
  [
    'AWSStepFunctions',
    states.handle,
    { stateMachineArn: machineArn, executionArn: execution.arn, mapRunArn },
  ],
  [
    'Logs_20140328',
    logsService({
      ...context,
      functions: [{ name: 'f', arn: arn('lambda', 'function:f'), logGroup: 'group' }],
      groups: [],
      logs: nothing,
    }),
    { logGroupName: 'group' },
  ],
  [
    'GraniteServiceVersion20100801',
    cloudWatchService({
      ...context,
      store: nothing,
      alarms: new Alarms({ ...context, alarms: [], ...unused }),
      dashboards: [],
    }),
    {
      MetricDataQueries: [],
      StartTime: 0,
      EndTime: 1,
      Namespace: 'x',
      MetricName: 'x',
      Period: 60,
      AlarmName: 'x',
      DashboardName: 'x',
      StateValue: 'OK',
      StateReason: 'x',
    },
  ],
  [
    'TrentService',
    kmsService({ ...context, keys: [{ arn: arn('kms', 'key/k'), policy: '{}' }] }),
    { KeyId: 'k' },
  ],
  [
    'Cloud',
    controlService({ name: 'Cloud', engine, faults: new Faults() }),
    { kind: 'answer', operation: 'PutObject', status: 500 },
  ],
];

/** Of the parameters, those that the operation can't do without. */
function needed(schema: unknown, input: object): object {
  if (!(schema instanceof z.ZodObject)) return input;
  const isNeeded = (name: string) => schema.shape[name]?.safeParse(undefined).success === false;
  return Object.fromEntries(Object.entries(input).filter(([name]) => isNeeded(name)));
}

const deletion = '<Delete><Object><Key>key</Key></Object></Delete>';

interface Served {
  readonly name: string;
  readonly action: string | symbol;
  readonly service: Service;
  readonly request: Partial<Omit<WireRequest, 'body'>> & { readonly body?: string };
}
const served: Served[] = [
  ...json.flatMap(([target, service, input]) =>
    Object.entries(service.operations).map(([operation, { action, input: schema }]) => ({
      name: `${target}.${operation}`,
      action,
      service,
      request: {
        headers: { 'x-amz-target': `${target}.${operation}` },
        body: JSON.stringify(needed(schema, input)),
      },
    })),
  ),
  ...Object.entries(lambda.operations).map(([operation, { action, at }]) => {
    const [method = '', path = ''] = at
      .replace('{FunctionName}', 'f')
      .replace(/\{(UUID|Name)\}/, 'm')
      .split(' ');
    return { name: `Lambda.${operation}`, action, service: lambda, request: { method, path } };
  }),
  ...Object.entries(scheduler.operations).map(([operation, { action, at }]) => {
    const [method = '', path = ''] = at.replace('{Name}', 's').split(' ');
    const query = new URLSearchParams({ groupName: 'g' });
    return { name: `Scheduler.${operation}`, action, service: scheduler, request: { method, path, query } };
  }),
  ...Object.entries(stsService.operations).map(([operation, { action }]) => ({
    name: `STS.${operation}`,
    action,
    service: stsService,
    request: { body: `Action=${operation}` },
  })),
  ...routes.map(({ operation, method, scope, query = [], copies, action }) => ({
    name: `S3.${operation}`,
    action,
    service: s3.handle,
    request: {
      method,
      path: { account: '/', bucket: `/${bucket}`, object: `/${bucket}/key` }[scope],
      query: new URLSearchParams(query.map((each): [string, string] => [each, '1'])),
      headers: {
        'content-length': `${deletion.length}`,
        'content-md5': createHash('md5').update(deletion).digest('base64'),
        ...(copies && { 'x-amz-copy-source': `/${bucket}/other` }),
      },
      body: deletion,
    },
  })),
];

const send = async ({ service, request }: Served) => {
  const { status, body = '' } = await service({
    method: 'POST',
    path: '/',
    query: new URLSearchParams(),
    headers: {},
    caller: nobody,
    requestId: randomUUID(),
    sourceIp: '127.0.0.1',
    endpoint: 'http://127.0.0.1',
    signal: new AbortController().signal,
    ...request,
    body: Readable.from([Buffer.from(request.body ?? '')]),
  });
  return { status, body: body instanceof Readable ? await text(body) : `${body}` };
};

describe('a caller without any permission is refused', () => {
  test.each(served.filter(({ action }) => typeof action === 'string'))('$name', async (operation) => {
    expect(await send(operation)).toMatchObject({ status: 403 });
    for (const action of asked) expect(action).toBe(operation.action);
  });

  test('each key of DeleteObjects', async () => {
    const operations = served.filter(({ action }) => action === keyByKey);
    expect(operations.map(({ name }) => name)).toEqual(['S3.DeleteObjects']);
    for (const operation of operations)
      expect((await send(operation)).body).toContain('<Key>key</Key><Code>AccessDenied</Code>');
  });
});

test('an operation without an action is explicitly marked as open to everybody', async () => {
  const open = served.filter(({ action }) => typeof action !== 'string' && action !== keyByKey);
  expect(open.map(({ name, action }) => [name, action])).toEqual([['STS.GetCallerIdentity', anyone]]);
  for (const operation of open) expect(await send(operation)).toMatchObject({ status: 200 });
});
