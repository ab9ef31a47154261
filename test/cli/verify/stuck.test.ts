import { DisableRuleCommand, EnableRuleCommand, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { ListEventSourceMappingsCommand, UpdateEventSourceMappingCommand } from '@aws-sdk/client-lambda';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { objectState } from '../../../cli/ledger/states/object-state.ts';
import { TroubleFinder } from '../../../cli/ledger/states/trouble.ts';
import type { FaultRequest } from '../../../cli/target/control.ts';
import { queueDepth, queueName } from '../../../cli/target/queue-state.ts';
import type { Finding } from '../../../cli/verify/finding.ts';
import { follow } from '../../../cli/verify/probe/follow.ts';
import { probeObjects } from '../../../cli/verify/probe/objects.ts';
import { Probe } from '../../../cli/verify/probe/probe.ts';
import type { Stage } from '../../../domain/stage.ts';
import { eventually, startTestPipeline, type TestPipeline } from '../../pipeline/running-pipeline.ts';

let pipeline: TestPipeline;
/** Undoes what a test broke. */
const undone: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  pipeline = await startTestPipeline();
});

afterEach(async () => {
  for (const undo of undone.splice(0)) await undo();
  await pipeline.target.control?.clearFaults();
});

afterAll(() => pipeline.close());

const never = new AbortController().signal;

interface Version {
  readonly key: string;
  readonly versionId: string;
}

async function put(): Promise<Version> {
  const { s3, outputs } = pipeline.target;
  const { key, body } = probeObjects().mixed;
  const object = { Bucket: outputs.buckets.raw, Key: key, Body: body };
  const { VersionId = '' } = await s3.send(new PutObjectCommand(object));
  return { key, versionId: VersionId };
}

/** What `follow` says at once of an object that does not move. */
async function verdict(version: Version): Promise<Finding> {
  const ended = await follow(pipeline.target, version, { timeoutMs: 0, signal: never, progress: () => {} });
  if ('state' in ended) throw new Error(`${version.key} is ${ended.state.stage}.`);
  return ended.stuck;
}

const queueArn = (stage: Stage) => {
  const { region, queues } = pipeline.target.outputs;
  return `arn:aws:sqs:${region}:000000000000:${queueName(queues[stage])}`;
};

const inject = async (fault: FaultRequest) => pipeline.target.control?.addFault(fault);

async function disableMapping(stage: Stage): Promise<void> {
  const { lambda } = pipeline.target;
  const asked = new ListEventSourceMappingsCommand({ EventSourceArn: queueArn(stage) });
  const { EventSourceMappings = [] } = await lambda.send(asked);
  const UUID = EventSourceMappings[0]?.UUID;
  const enable = (Enabled: boolean) => lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }));
  await enable(false);
  undone.push(() => enable(true));
}

async function disableRule(stage: Stage): Promise<void> {
  const { events } = pipeline.target;
  const { Rules = [] } = await events.send(new ListRulesCommand({}));
  const Name = Rules.find(({ Name: name = '' }) => name.includes(stage))?.Name;
  await events.send(new DisableRuleCommand({ Name }));
  undone.push(() => events.send(new EnableRuleCommand({ Name })));
}

const reaches = ({ key, versionId }: Version, stage: Stage) =>
  eventually(
    async () => ((await objectState(pipeline.target, key, versionId)).stage === stage ? true : undefined),
    `${key} at the ${stage}`,
  );

const hasTrouble = ({ key, versionId }: Version, stage: Stage, kind: string) =>
  eventually(async () => {
    const { dataset } = await objectState(pipeline.target, key, versionId);
    const finder = new TroubleFinder(pipeline.target);
    const trouble = await finder.troubleOf({ dataset, key, versionId }, stage);
    return trouble?.kind === kind ? true : undefined;
  }, `${kind} of ${key}`);

const depthOf = (url: string, count: 'waiting' | 'inFlight') =>
  eventually(
    async () => ((await queueDepth(pipeline.target, url))[count] > 0 ? true : undefined),
    `a message in ${url}`,
  );

// The first tests leave their queues empty, the last one a message that nobody processes.
describe('an object is told to be', () => {
  test('never delivered, when its event is still on its way', async () => {
    await inject({ kind: 'delay', of: 'events', delayMs: 900_000, resource: queueArn('extraction') });
    const { code, message, cure, blocking } = await verdict(await put());
    expect({ code, blocking }).toEqual({ code: 'never_delivered', blocking: true });
    expect(message).toContain('no queue has a message for the extraction: its event was never delivered');
    expect(cure).toContain('MatchedEvents');
  });

  test('never delivered, when the rule of a later stage is disabled', async () => {
    await disableRule('loading');
    const version = await put();
    await reaches(version, 'loading');
    const { code, message } = await verdict(version);
    expect(code).toBe('never_delivered');
    expect(message).toContain('for the loading');
  });

  test('not received, when no function reads its queue', async () => {
    await disableMapping('transformation');
    const version = await put();
    await reaches(version, 'transformation');
    await depthOf(pipeline.target.outputs.queues.transformation, 'waiting');
    const { code, message } = await verdict(version);
    expect(code).toBe('not_received');
    expect(message).toContain('1 message of the transformation still waits in its queue');
    expect(message).toContain('its mapping does not poll');
  });

  test('undelivered, when the queue refuses its event', async () => {
    await inject({
      kind: 'answer',
      operation: 'SendMessage',
      status: 403,
      resource: queueArn('loading'),
      times: null,
    });
    const version = await put();
    await reaches(version, 'loading');
    await hasTrouble(version, 'loading', 'undelivered');
    const { code, message, cure } = await verdict(version);
    expect(code).toBe('undelivered');
    expect(message).toContain(
      `it is in ${pipeline.target.outputs.undeliveredQueues.loading}: NO_PERMISSIONS`,
    );
    expect(message).toContain('sqs:SendMessage');
    expect(cure).toContain(`npx sluice redrive loading --key ${version.key}`);
  });

  test('denied, when the function may not write', async () => {
    const archive = `arn:aws:s3:::${pipeline.target.outputs.buckets.archive}`;
    await inject({ kind: 'answer', operation: 'CopyObject', status: 403, resource: archive, times: null });
    const version = await put();
    await reaches(version, 'loading');
    await hasTrouble(version, 'loading', 'retrying');
    const { code, message } = await verdict(version);
    expect(code).toBe('denied');
    expect(message).toContain(`The loading may not s3:PutObject on ${archive}/`);
  });

  test('one at which its stage fails, when each of its attempts does', async () => {
    const temp = `arn:aws:s3:::${pipeline.target.outputs.buckets.temp}`;
    await inject({ kind: 'answer', operation: 'GetObject', status: 500, resource: temp, times: null });
    const version = await put();
    await reaches(version, 'transformation');
    await hasTrouble(version, 'transformation', 'retrying');
    const { code, message, cure } = await verdict(version);
    expect(code).toBe('stage_fails');
    expect(message).toMatch(/The transformation fails at it, attempt 1 of \d+: storage: .*internal error/);
    expect(cure).toContain('npx sluice logs transformation');
  });

  test('dead-lettered, when SQS has moved its message there', async () => {
    const { sqs, outputs } = pipeline.target;
    const [QueueUrl, dlq] = [outputs.queues.extraction, outputs.deadLetterQueues.extraction];
    await disableMapping('extraction');
    const version = await put();
    // Functions that die at once, so that their messages come back.
    const receive = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 0 });
    await eventually(async () => {
      await sqs.send(receive);
      return (await queueDepth(pipeline.target, dlq)).waiting > 0 ? true : undefined;
    }, 'a dead letter');
    const { code, message, cure } = await verdict(version);
    expect(code).toBe('dead_lettered');
    expect(message).toContain(`in the DLQ of the extraction, ${dlq}: no_note`);
    expect(cure).toContain(`npx sluice redrive extraction --key ${version.key}`);
  });

  test('without an end, when its function dies before it can say why', async () => {
    const { outputs } = pipeline.target;
    await inject({ kind: 'kill', operation: 'CopyObject', function: outputs.functions.loading, times: null });
    const version = await put();
    await reaches(version, 'loading');
    await eventually(async () => {
      const [fault] = (await pipeline.target.control?.faults()) ?? [];
      return (fault?.hits ?? 0) > 0 ? true : undefined;
    }, 'the end of the function');
    const { code, message, cure } = await verdict(version);
    expect(code).toBe('no_end');
    expect(message).toContain('in flight at the loading, and no attempt has ended');
    expect(cure).toContain('npx sluice logs loading');
  });
});

test('Every command that the probe objects’ steps advise names the stack', async () => {
  await disableRule('extraction');
  const probe = new Probe({
    target: pipeline.target,
    timeoutMs: 0,
    signal: never,
    progress: () => {},
    onStep: () => {},
    crawl: false,
    mysqlUrl: () => undefined,
    on: ' --stack prod',
  });
  const steps = await probe.run();
  expect(steps.find(({ step }) => step === 'cleanup')?.detail).toContain(
    'npx sluice verify --stack prod --clean',
  );
  const [{ message, cure } = { message: '', cure: '' }] = steps[0]?.findings ?? [];
  expect(cure).toContain('npx sluice logs --stack prod extraction');
  const commands = `${message} ${cure}`.match(/npx sluice [a-z]+ \S+/g) ?? [];
  expect(commands.every((each) => each.endsWith(' --stack'))).toBe(true);
});
