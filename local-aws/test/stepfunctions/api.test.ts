import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  ListStateMachinesCommand,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { ServiceError } from '../../core/service-error.ts';
import { type RunningServer, startServer } from '../../http/server.ts';
import { account, Credentials } from '../../iam/credentials.ts';
import type { createStepFunctions } from '../../stepfunctions/service.ts';
import { bucket, call, machineArn, machineOf, roleArn, startMachine } from './machine.ts';

const definition = machineOf({
  Map: {
    Type: 'Map',
    Label: 'Things',
    ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2', Arguments: { Bucket: bucket } },
    ItemBatcher: { MaxItemsPerBatch: 2 },
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: 'Work',
      States: { Work: call({ Output: 1, End: true }) },
    },
    MaxConcurrency: 5,
    Next: 'Stay?',
  },
  'Stay?': {
    Type: 'Choice',
    Choices: [{ Condition: '{% $states.context.Execution.Input.stay = true %}', Next: 'Stay' }],
    Default: 'Done',
  },
  Stay: { Type: 'Wait', Seconds: 3_600, End: true },
  Done: { Type: 'Succeed' },
});

let states: ReturnType<typeof createStepFunctions>;
let server: RunningServer;
let client: SFNClient;
const denied = new Set<string>();

beforeEach(async () => {
  denied.clear();
  const authorize = async ({ action, resource }: { action: string; resource: string }) => {
    if (denied.has(`${action} ${resource}`)) throw new ServiceError('AccessDeniedException', 403, 'No.');
  };
  ({ states } = await startMachine({ clock: systemClock, definition, keys: ['a', 'b', 'c'], authorize }));
  server = await startServer({
    port: 0,
    services: { states: states.handle },
    credentials: new Credentials(),
  });
  client = new SFNClient({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
});
afterEach(async () => {
  client.destroy();
  await server.close();
  await states.close();
});

const start = (name: string, input: object) =>
  client.send(new StartExecutionCommand({ stateMachineArn: machineArn, name, input: JSON.stringify(input) }));

async function ended(executionArn: string | undefined) {
  for (;;) {
    const described = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (described.status !== 'RUNNING') return described;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('an execution is started, described, and listed with its map runs and its history', async () => {
  const { executionArn, startDate } = await start('one', {});
  expect(executionArn).toBe(`${machineArn.replace(':stateMachine:', ':execution:')}:one`);
  expect(startDate).toBeInstanceOf(Date);
  expect(await ended(executionArn)).toMatchObject({
    status: 'SUCCEEDED',
    name: 'one',
    stateMachineArn: machineArn,
    input: '{}',
    output: '[1,1]',
  });

  const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
  expect(mapRuns).toMatchObject([
    { executionArn, mapRunArn: expect.stringContaining(':mapRun:machine/Things:') },
  ]);
  const { mapRunArn } = mapRuns[0] ?? {};
  expect(await client.send(new DescribeMapRunCommand({ mapRunArn }))).toMatchObject({
    status: 'SUCCEEDED',
    itemCounts: { succeeded: 3, failed: 0, running: 0, total: 3 },
    executionCounts: { succeeded: 2, total: 2 },
  });

  const { events = [], nextToken } = await client.send(
    new GetExecutionHistoryCommand({
      executionArn,
      reverseOrder: true,
      maxResults: 2,
      includeExecutionData: false,
    }),
  );
  expect(events).toMatchObject([
    { type: 'ExecutionSucceeded' },
    { type: 'SucceedStateExited', stateExitedEventDetails: { name: 'Done' } },
  ]);
  expect(events[1]?.stateExitedEventDetails).not.toHaveProperty('output');
  const more = await client.send(
    new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, nextToken, maxResults: 1000 }),
  );
  expect(more.events?.at(-1)).toMatchObject({ id: 1, type: 'ExecutionStarted' });
});

test('a waiting execution is listed as running, and can be stopped', async () => {
  await start('first', {});
  const { executionArn } = await start('second', { stay: true });
  const list = async (statusFilter?: 'RUNNING' | 'ABORTED') => {
    const { executions = [] } = await client.send(
      new ListExecutionsCommand({ stateMachineArn: machineArn, ...(statusFilter && { statusFilter }) }),
    );
    return executions.map(({ name }) => name);
  };
  await ended(`${machineArn.replace(':stateMachine:', ':execution:')}:first`);
  expect(await list()).toEqual(['second', 'first']);
  expect(await list('RUNNING')).toEqual(['second']);
  await client.send(new StopExecutionCommand({ executionArn, error: 'E', cause: 'C' }));
  expect(await ended(executionArn)).toMatchObject({ status: 'ABORTED', error: 'E', cause: 'C' });
  expect(await list('ABORTED')).toEqual(['second']);
});

test('state machines are described as the program has them', async () => {
  expect(await client.send(new ListStateMachinesCommand({}))).toMatchObject({
    stateMachines: [{ name: 'machine', stateMachineArn: machineArn, type: 'STANDARD' }],
  });
  const described = await client.send(new DescribeStateMachineCommand({ stateMachineArn: machineArn }));
  expect(JSON.parse(described.definition ?? '')).toEqual(definition);
  expect(described.roleArn).toBe(roleArn);
});

test('invalid requests are refused with AWS’s error codes', async () => {
  const elsewhere = `arn:aws:states:us-east-1:${account}:stateMachine:other`;
  const running = { stay: true };
  await start('taken', running);
  for (const [command, name] of [
    [new StartExecutionCommand({ stateMachineArn: elsewhere }), 'StateMachineDoesNotExist'],
    [new StartExecutionCommand({ stateMachineArn: machineArn, input: '{' }), 'InvalidExecutionInput'],
    [
      new StartExecutionCommand({ stateMachineArn: machineArn, input: '['.repeat(6000) + ']'.repeat(6000) }),
      'InvalidExecutionInput',
    ],
    [
      new StartExecutionCommand({ stateMachineArn: machineArn, name: 'taken', input: '{}' }),
      'ExecutionAlreadyExists',
    ],
    [new StartExecutionCommand({ stateMachineArn: machineArn, name: 'a b' }), 'ValidationException'],
  ] as const)
    await expect(client.send(command)).rejects.toMatchObject({ name });
  const executionArn = `${machineArn}:none`;
  await expect(client.send(new DescribeExecutionCommand({ executionArn }))).rejects.toMatchObject({
    name: 'ExecutionDoesNotExist',
  });
  await expect(client.send(new RedriveExecutionCommand({ executionArn }))).rejects.toMatchObject({
    message: expect.stringContaining('does not serve AWSStepFunctions.RedriveExecution'),
  });
});

test('a caller without permission can’t start or read an execution', async () => {
  denied.add(`states:StartExecution ${machineArn}`);
  await expect(start('no', {})).rejects.toMatchObject({ name: 'AccessDeniedException' });
  denied.add(`states:ListExecutions ${machineArn}`);
  await expect(client.send(new ListExecutionsCommand({ stateMachineArn: machineArn }))).rejects.toMatchObject(
    { name: 'AccessDeniedException' },
  );
});
