import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Call } from '../../core/call.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { Reaper } from '../../core/reaper.ts';
import { ServiceError } from '../../core/service-error.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import { Credentials } from '../../iam/credentials.ts';
import { invokeAs, lambdaService } from '../../lambda/api.ts';
import { LambdaFunction } from '../../lambda/function.ts';
import { EventSourceMapping } from '../../lambda/mapping.ts';
import { compileFilter, logsService } from '../../logs/api.ts';
import { FunctionLogs } from '../../logs/logs.ts';

const arn = 'arn:aws:lambda:us-east-1:000000000000:function:echo';
const queueArn = 'arn:aws:sqs:us-east-1:000000000000:echo';
const reaper = new Reaper();
const delays: number[] = [];
/** Retries come at once; the test asks when they were due. */
const clock: Clock = {
  ...systemClock,
  schedule: (delayMs, task) => {
    delays.push(delayMs);
    return systemClock.schedule(0, task);
  },
};
let directory: string;
let echo: LambdaFunction;
let mapping: EventSourceMapping;
let server: RunningServer;
let lambda: LambdaClient;
let logs: FunctionLogs;
let cloudWatch: CloudWatchLogsClient;
let calls: Call[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'local-aws-lambda-wire-'));
  const modulePath = join(directory, 'index.mjs');
  await writeFile(
    modulePath,
    'export const handler = async (event) => { console.log("got", event.say); if (event.fail) throw new Error(event.fail); return event; };',
  );
  const credentials = new Credentials();
  const authorize = async (call: Call) => void calls.push(call);
  logs = new FunctionLogs(join(directory, 'logs'));
  const endpoint = () => server.endpoint;
  echo = new LambdaFunction(
    {
      name: 'echo',
      arn,
      version: '1',
      aliases: ['live'],
      roleArn: 'arn:aws:iam::000000000000:role/echo',
      modulePath,
      handler: 'index.handler',
      runtime: 'nodejs24.x',
      timeoutSeconds: 10,
      memoryMb: 256,
      environment: { A: 'b' },
      logGroup: '/aws/lambda/echo-1',
    },
    { credentials, logs, reaper, authorize, endpoint },
  );
  mapping = new EventSourceMapping(
    {
      uuid: 'mapping-1',
      functionArn: arn,
      queueArn,
      batchSize: 10,
      maximumBatchingWindowSeconds: 0,
      maximumConcurrency: 2,
      reportBatchItemFailures: true,
      enabled: true,
    },
    {
      clock: systemClock,
      invoke: (payload) => echo.invoke(payload).result,
      queue: {
        receive: (_max, _wait, signal) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve([]))),
        delete: async () => {},
      },
    },
  );
  const functions = new Map([['echo', echo]]);
  server = await startServer({
    port: 0,
    credentials,
    services: {
      lambda: lambdaService({ functions, mappings: new Map([['mapping-1', mapping]]), authorize, clock }),
      logs: logsService({
        functions: [echo.settings],
        groups: [
          {
            name: '/aws/lambda/echo-1',
            arn: 'arn:aws:logs:us-east-1:000000000000:log-group:echo',
            retentionDays: 30,
          },
          { name: '/other', arn: 'arn:aws:logs:us-east-1:000000000000:log-group:other' },
        ],
        logs,
        authorize,
      }),
    },
  });
  const client = {
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  };
  lambda = new LambdaClient(client);
  cloudWatch = new CloudWatchLogsClient(client);
});
afterAll(async () => {
  await mapping.disable(0);
  await server.close();
  await echo.close();
  reaper.close();
  await rm(directory, { recursive: true });
});

const invoke = async (event: unknown, name = 'echo') => {
  const { Payload, ...answer } = await lambda.send(
    new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) }),
  );
  return { ...answer, value: JSON.parse(Payload?.transformToString() ?? '') };
};

describe('Invoke', () => {
  test('answers with the handler’s return value', async () => {
    calls = [];
    expect(await invoke({ a: 'é' })).toMatchObject({
      StatusCode: 200,
      ExecutedVersion: '1',
      value: { a: 'é' },
    });
    expect(calls[0]).toMatchObject({ action: 'lambda:InvokeFunction', resource: arn });
    expect(await invoke({}, arn)).toMatchObject({ StatusCode: 200 });
    expect(await invoke({}, '000000000000:function:echo:$LATEST')).toMatchObject({ StatusCode: 200 });
  });

  test('answers a function error with status 200 and the error header', async () => {
    expect(await invoke({ fail: 'broken' })).toMatchObject({
      StatusCode: 200,
      FunctionError: 'Unhandled',
      value: { errorType: 'Error', errorMessage: 'broken' },
    });
  });

  test('answers with the end of the log if requested', async () => {
    const Payload = JSON.stringify({ say: 'é' });
    const { LogResult = '' } = await lambda.send(
      new InvokeCommand({ FunctionName: 'echo', LogType: 'Tail', Payload }),
    );
    expect(Buffer.from(LogResult, 'base64').toString()).toMatch(
      /^START .*\n(.*\n)*.*got é\nEND .*\nREPORT .*\n$/,
    );
    expect(await invoke({ say: 'é' })).not.toHaveProperty('LogResult');
  });

  test('as an event answers immediately and retries twice, after one and two minutes', async () => {
    const invocations = vi.spyOn(echo, 'invoke');
    const Payload = JSON.stringify({ fail: 'always' });
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: 'echo', InvocationType: 'Event', Payload }),
    );
    expect(answer.StatusCode).toBe(202);
    await expect.poll(() => invocations.mock.calls.length).toBe(3);
    expect(delays).toEqual([60_000, 120_000]);
  });

  test('on behalf of a role is authorized for the alias that is called', async () => {
    const invocations = vi.spyOn(echo, 'invoke');
    invocations.mockClear();
    const caller = { kind: 'role', principal: 'arn:aws:iam::000000000000:role/starter' } as const;
    const asked: Call[] = [];
    let refuses = true;
    const authorize = async (call: Call) => {
      asked.push(call);
      if (refuses) throw new ServiceError('AccessDeniedException', 403, 'no');
    };
    const service = { functions: new Map([['echo', echo]]), mappings: new Map(), authorize, clock };
    await expect(invokeAs(service, caller, arn, '{"say":"a"}')).rejects.toThrow('no');
    expect(invocations).not.toHaveBeenCalled();
    refuses = false;
    await invokeAs(service, caller, arn, '{"say":"b"}');
    expect(invocations.mock.calls).toEqual([['{"say":"b"}']]);
    const call = { caller, operation: 'Invoke', action: 'lambda:InvokeFunction', resource: arn };
    expect(asked).toEqual([call, call]);
    await expect(invokeAs(service, caller, `${arn}-other`, '{}')).rejects.toThrow('Function not found');
  });

  test('refuses an unknown function, a payload that is not JSON or nested too deep, and one above 6 MB', async () => {
    await expect(invoke({}, 'nobody')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    const send = (Payload: string) => lambda.send(new InvokeCommand({ FunctionName: 'echo', Payload }));
    await expect(send('{')).rejects.toMatchObject({ name: 'InvalidRequestContentException' });
    await expect(send('['.repeat(60_000) + ']'.repeat(60_000))).rejects.toMatchObject({
      name: 'InvalidRequestContentException',
    });
    await expect(send(JSON.stringify('x'.repeat(6 * 1024 * 1024)))).rejects.toMatchObject({
      name: 'RequestTooLargeException',
    });
  });
});

test('GetFunction returns the function’s configuration', async () => {
  const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: 'echo' }));
  expect(Configuration).toMatchObject({
    FunctionArn: arn,
    Runtime: 'nodejs24.x',
    Timeout: 10,
    MemorySize: 256,
    Environment: { Variables: { A: 'b' } },
    LoggingConfig: { LogGroup: '/aws/lambda/echo-1' },
    State: 'Active',
  });
  expect(await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: 'echo' }))).toMatchObject({
    CodeSha256: Configuration?.CodeSha256,
  });
  expect((await lambda.send(new ListFunctionsCommand({}))).Functions).toEqual([Configuration]);
});

test('a function is found by its aliases and versions, and calls are authorized for the ARN that they name', async () => {
  const get = (FunctionName: string, Qualifier?: string) =>
    lambda.send(new GetFunctionConfigurationCommand({ FunctionName, ...(Qualifier && { Qualifier }) }));
  calls = [];
  for (const [name, qualifier] of [['echo', 'live'], [`${arn}:live`], ['echo', '1']] as const)
    expect(await get(name, qualifier)).toMatchObject({ Version: '1', FunctionName: 'echo' });
  expect(calls.map(({ resource }) => resource)).toEqual([`${arn}:live`, `${arn}:live`, `${arn}:1`]);
  expect(await get('echo')).toMatchObject({ Version: '$LATEST', FunctionArn: arn });
  expect(await invoke({ say: 'hi' }, `${arn}:live`)).toMatchObject({ ExecutedVersion: '1' });
  await expect(get('echo', 'old')).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: 'Function not found: echo:old',
  });
  await expect(get(`${arn}:live`, '1')).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
});

test('an event source mapping can be paused and resumed', async () => {
  const list = async (filter = {}) =>
    (await lambda.send(new ListEventSourceMappingsCommand(filter))).EventSourceMappings?.map(
      ({ State }) => State,
    );
  mapping.enable();
  expect(await list({ FunctionName: 'echo' })).toEqual(['Enabled']);
  expect(await list({ EventSourceArn: `${queueArn}-2` })).toEqual([]);
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: 'mapping-1', Enabled: false }));
  expect(await list()).toEqual(['Disabled']);
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID: 'mapping-1', Enabled: true }));
  expect(await list()).toEqual(['Enabled']);
  await expect(
    lambda.send(new UpdateEventSourceMappingCommand({ UUID: 'mapping-1', BatchSize: 1 })),
  ).rejects.toMatchObject({
    message: 'The local cloud does not serve BatchSize of UpdateEventSourceMapping.',
    $metadata: { httpStatusCode: 501 },
  });
});

test('an unsupported operation is refused by name', async () => {
  const create = new CreateFunctionCommand({ FunctionName: 'new', Role: 'r', Code: {} });
  await expect(lambda.send(create)).rejects.toMatchObject({
    message: 'The local cloud does not serve POST /2015-03-31/functions of Lambda.',
  });
});

describe('FilterLogEvents', () => {
  const filter = (input: object = {}) =>
    cloudWatch.send(new FilterLogEventsCommand({ logGroupName: '/aws/lambda/echo-1', ...input }));

  test('reads a function’s log page by page, each event once', async () => {
    for (let index = 0; index < 5; index += 1) await invoke({ say: `line ${index}` });
    const { events: all = [] } = await filter();
    const paged: typeof all = [];
    let nextToken: string | undefined;
    do {
      const page: Awaited<ReturnType<typeof filter>> = await filter({ limit: 3, nextToken });
      paged.push(...(page.events ?? []));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    expect(paged).toEqual(all);
    expect(new Set(all.map(({ eventId }) => eventId)).size).toBe(all.length);
    expect(
      all.filter(({ message }) => message?.includes('got line')).map(({ message }) => message?.slice(-6)),
    ).toEqual(['line 0', 'line 1', 'line 2', 'line 3', 'line 4']);
  });

  test('filters by time, stream and pattern', async () => {
    await invoke({ say: 'needle' });
    const { events = [] } = await filter({ filterPattern: '"got needle"' });
    expect(events).toHaveLength(1);
    const [{ timestamp = 0, logStreamName = '' } = {}] = events;
    expect((await filter({ filterPattern: 'needle', startTime: timestamp + 1 })).events).toEqual([]);
    expect((await filter({ filterPattern: 'needle', endTime: timestamp - 1 })).events).toEqual([]);
    expect((await filter({ filterPattern: 'needle', logStreamNames: [logStreamName] })).events).toEqual(
      events,
    );
    expect((await filter({ filterPattern: 'needle', logStreamNames: ['other'] })).events).toEqual([]);
    const day = logStreamName.slice(0, 10);
    expect((await filter({ filterPattern: 'needle', logStreamNamePrefix: day })).events).toEqual(events);
    expect((await filter({ filterPattern: 'needle', logStreamNamePrefix: 'other' })).events).toEqual([]);
  });

  test('refuses an unknown group and an unsupported pattern', async () => {
    await expect(filter({ logGroupName: '/other' })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
    await expect(filter({ filterPattern: '{ $.level = "ERROR" }' })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 501 },
    });
  });
});

test.each([
  ['', 'anything', true],
  ['ERROR', 'an ERROR here', true],
  ['ERROR', 'an error here', false],
  ['one two', 'two and one', true],
  ['one two', 'one', false],
  ['"one two"', 'two one', false],
  ['?one ?two', 'two', true],
  ['?one ?two', 'three', false],
  ['one -two', 'one two', false],
  ['"say \\"hi\\""', 'they say "hi" often', true],
])('the filter pattern %j matches %j: %s', (pattern, message, matches) => {
  expect(compileFilter(pattern)(message)).toBe(matches);
});

describe('the log file', () => {
  test('keeps its newest lines within its size limit, in order and without duplicates', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 60 }), { minLength: 1, maxLength: 40 }),
        async (messages) => {
          const small = new FunctionLogs(await mkdtemp(join(directory, 'rotated-')), { rotateAt: 500 });
          for (const message of messages) {
            small.append('f', 's', message);
            await small.flush();
          }
          const kept = (await small.read('f')).map(({ message }) => message);
          expect(kept).toEqual(messages.slice(messages.length - kept.length));
          expect(kept.length).toBeGreaterThanOrEqual(Math.min(messages.length, 4));
        },
      ),
      { numRuns: 20 },
    );
  });

  test('continues after a restart', async () => {
    const first = new FunctionLogs(join(directory, 'restarted'));
    first.append('f', 's', 'one');
    await first.flush();
    const second = new FunctionLogs(join(directory, 'restarted'));
    second.append('f', 's', 'two');
    const events = await second.read('f');
    expect(events.map(({ message }) => message)).toEqual(['one', 'two']);
    expect(await second.read('f', { after: events[0]?.id ?? '' })).toEqual([events[1]]);
  });
});
