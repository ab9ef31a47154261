import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stages } from '../../../domain/stage.ts';
import { bucketPurposes } from '../../../infra/naming.ts';
import { stackOutputs } from '../../../infra/outputs.ts';
import { root } from '../../../test/infra/stacks.ts';
import { program, resources, set } from '../../../test/infra/the-program.ts';
import { readProgram } from '../../program/program.ts';
import { readTopology } from '../../program/topology.ts';

const scratch = mkdtempSync(join(tmpdir(), 'sluice-program-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Writes a Pulumi project with one program file, and reads it. */
function readWritten(code: string, settings: Record<string, string> = {}, endpoint?: string) {
  const directory = mkdtempSync(join(scratch, 'p-'));
  mkdirSync(join(directory, 'infra'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const files = {
    'package.json': '{"type":"module"}',
    'Pulumi.yaml': 'name: small\nruntime: nodejs\nmain: infra/index.ts\n',
    'infra/index.ts': `${code.includes('aws.') ? "import * as aws from '@pulumi/aws';" : ''}\nimport * as pulumi from '@pulumi/pulumi';\n${code}`,
    ...settings,
  };
  for (const [path, content] of Object.entries(files)) writeFileSync(join(directory, path), content);
  return readProgram({ stack: 'dev', directory, ...(endpoint !== undefined && { endpoint }) });
}

describe('the program of this repository', () => {
  it('has the outputs that the command line reads', () => {
    const outputs = stackOutputs.parse(program.outputs);
    expect(outputs.stack).toBe('dev');
    expect(outputs.region).toBe('us-east-1');
    expect(outputs.buckets.raw).toBe('sluice-dev-raw-local');
    expect(outputs.queues.extraction).toBe(
      'https://sqs.us-east-1.amazonaws.com/000000000000/sluice-dev-extraction-local',
    );
  });

  it('is the flow of the README: raw ⇒ extraction ─▶ temp ⇒ transformation ─▶ processed ⇒ loading ─▶ archive', () => {
    const topology = readTopology(program);
    const arrows = stages.map((stage) => {
      const rule = topology.rules.find(({ name }) => name === `sluice-dev-${stage}-local`);
      const target = rule?.targets[0]?.arn;
      const mapping = topology.mappings.find(({ queueArn }) => queueArn === target);
      const lambda = topology.functions.find(({ arn }) => arn === mapping?.functionArn);
      return [JSON.parse(rule?.eventPattern ?? '{}').detail.bucket.name[0], lambda?.name];
    });
    expect(arrows).toEqual([
      ['sluice-dev-raw-local', 'sluice-dev-extraction-local'],
      ['sluice-dev-temp-local', 'sluice-dev-transformation-local'],
      ['sluice-dev-processed-local', 'sluice-dev-loading-local'],
    ]);
  });

  it('has all buckets versioned, encrypted with the stack’s key, and telling EventBridge', () => {
    const { buckets, keys } = readTopology(program);
    expect(buckets.map(({ name }) => name).sort()).toEqual(
      bucketPurposes.map((each) => `sluice-dev-${each}-local`).sort(),
    );
    for (const bucket of buckets)
      expect(bucket).toMatchObject({ versioning: 'Enabled', eventBridge: true, keyArn: keys[0]?.arn });
  });

  it('has functions whose code exists and whose environment names the buckets they may use', () => {
    const { functions, roles } = readTopology(program);
    for (const lambda of functions) {
      const policies = roles
        .find(({ arn }) => arn === lambda.roleArn)
        ?.policies.map(({ document }) => document)
        .join();
      const named = Object.entries(lambda.environment).filter(([name]) => name.endsWith('_BUCKET'));
      expect(named.length).toBeGreaterThanOrEqual(2);
      for (const [, bucket] of named) expect(policies).toContain(`arn:aws:s3:::${bucket}`);
      expect(lambda.modulePath).toMatch(/^\/.*\/dist\/\w+\/index\.mjs$/);
      expect(lambda.environment['CODE_VERSION']).toMatch(/^[0-9a-f]{16}$/);
    }
  });

  it('gives up a message to a DLQ that admits just that queue', () => {
    const { queues } = readTopology(program);
    for (const stage of stages) {
      const queue = queues.find(({ name }) => name === `sluice-dev-${stage}-local`);
      const deadLetters = queues.find(({ name }) => name === queue?.redrive?.deadLetterQueue);
      expect(deadLetters?.name).toBe(`sluice-dev-${stage}-dlq-local`);
      expect(deadLetters?.redriveAllow).toEqual({ permission: 'byQueue', sourceQueueArns: [queue?.arn] });
    }
  });
});

describe('reading a program', () => {
  it('gives the URNs that Pulumi gives, names with a suffix, and the endpoint asked for', async () => {
    const { resources, outputs } = await readWritten(
      `const queue = new aws.sqs.Queue('q', { tags: { region: new pulumi.Config('aws').require('region') } });
       export const url = queue.url;
       export const word = new pulumi.Config().get('word');
       export const hidden = pulumi.secret('seen');`,
      { 'Pulumi.dev.yaml': 'config:\n  aws:region: eu-central-1\n  small:word: hello\n' },
      'http://127.0.0.1:4566',
    );
    expect(resources[0]?.urn).toBe('urn:pulumi:dev::small::aws:sqs/queue:Queue::q');
    expect(resources[0]?.outputs).toMatchObject({ arn: 'arn:aws:sqs:eu-central-1:000000000000:q-local' });
    expect(resources[0]?.inputs).toMatchObject({ tags: { region: 'eu-central-1' } });
    expect(outputs).toEqual({
      url: 'http://127.0.0.1:4566/000000000000/q-local',
      word: 'hello',
      hidden: 'seen',
    });
  });

  it('is in us-east-1 when the stack has no configuration', async () => {
    expect((await readWritten('export const none = 1;')).region).toBe('us-east-1');
  });

  it('leaves nothing out of Pulumi that a program may use', async () => {
    const { outputs } = await readWritten(
      `const { text } = await pulumi.runtime.serializeFunction(() => 'from the program');
       export const written = text.includes('from the program');
       export const packed = [...(await pulumi.runtime.computeCodePaths()).keys()].length > 0;
       export const known = ['Queue' in aws.sqs, 'Cue' in aws.sqs, aws.Region.USEast1];`,
      { 'package.json': '{"type":"module","dependencies":{"yaml":"*"}}' },
    );
    expect(outputs).toEqual({ written: true, packed: true, known: [true, false, 'us-east-1'] });
  });

  it.each([
    [
      'throws',
      "throw new Error('out of order');",
      /failed for stack "dev": out of order\n\s+at .*infra\/index\.ts:3/,
    ],
    [
      'fails in an apply',
      "export const x = pulumi.output(1).apply(() => { throw new Error('applied'); });",
      /applied/,
    ],
    ['ends by itself', 'console.error("last words"); process.exit(3);', /exit code 3.*\n[\s\S]*last words/],
    ['does not parse', 'const = 1;', /failed for stack/],
    ['asks AWS', 'await aws.getRegions();', /can't answer aws:index\/getRegions/],
    [
      'names two alike',
      "new aws.sqs.Queue('q', {}); new aws.sqs.Queue('q', {});",
      /type aws:sqs\/queue:Queue and named "q"/,
    ],
  ])('tells why a program failed that %s', async (_what, code, message) => {
    await expect(readWritten(code)).rejects.toThrow(message);
  });

  it.each([
    [
      'an encrypted value',
      'config:\n  small:word:\n    secure: AAAB\n',
      /small:word in .*Pulumi\.dev\.yaml is encrypted.*--plaintext/,
    ],
    ['no YAML', 'config: [', /Pulumi\.dev\.yaml can't be read/],
    ['something else', 'config: 3', /Pulumi\.dev\.yaml is not what Pulumi writes/],
  ])('refuses settings that hold %s', async (_what, settings, message) => {
    await expect(readWritten('', { 'Pulumi.dev.yaml': settings })).rejects.toThrow(message);
  });

  it('makes up, the same each time, what the provider makes up', async () => {
    const code = `
      const rule = new aws.cloudwatch.EventRule('r', { eventPattern: '{"source":["a"]}' });
      const queue = new aws.sqs.Queue('q');
      for (const name of ['one', 'two']) new aws.cloudwatch.EventTarget(name, { rule: rule.name, arn: queue.arn });
      new aws.scheduler.Schedule('s', {
        scheduleExpression: 'rate(1 hour)',
        flexibleTimeWindow: { mode: 'OFF' },
        target: { arn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler', roleArn: 'r', input: '{}' },
      });`;
    const { rules, schedules } = readTopology(await readWritten(code));
    const ids = rules[0]?.targets.map(({ id }) => id) ?? [];
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[.\-_A-Za-z0-9]{1,64}$/);
    expect(schedules[0]?.groupArn).toBe('arn:aws:scheduler:us-east-1:000000000000:schedule-group/default');
    expect(readTopology(await readWritten(code)).rules).toEqual(rules);
  });

  it('says what to add where something is missing that the local cloud needs', async () => {
    const missing = await readWritten(`new aws.scheduler.Schedule('s', {
      scheduleExpression: 'rate(1 hour)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: { arn: 'arn:aws:scheduler:::aws-sdk:glue:startCrawler', roleArn: 'r' },
    });`);
    expect(() => readTopology(missing)).toThrow(
      /Schedule::s: target\.input: the local cloud needs to know this; add it to the program/,
    );
  });

  it('refuses a resource that the local cloud does not know, by its URN', async () => {
    const unknown = await readWritten("new aws.sns.Topic('t');");
    expect(() => readTopology(unknown)).toThrow(
      /urn:pulumi:dev::small::aws:sns\/topic:Topic::t: .*does not know/,
    );
  });
});

const queue = 'aws:sqs/queue:Queue';
const lambda = 'aws:lambda/function:Function';
const target = 'aws:cloudwatch/eventTarget:EventTarget';
const rule = 'aws:cloudwatch/eventRule:EventRule';
const role = 'aws:iam/role:Role';
const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const bucket = 'aws:s3/bucket:Bucket';
const notification = 'aws:s3/bucketNotification:BucketNotification';
const arn = 'arn:aws:sqs:us-east-1:000000000000:other';

describe('a property', () => {
  /** The program, but with a property of the first resource of a type. */
  function withProperty(type: string, path: string, value: unknown) {
    const changed = resources();
    const one = changed.find((resource) => resource.type === type);
    if (one === undefined) throw new Error(`The program has no ${type}.`);
    set(one.inputs, path, value);
    return { urn: one.urn, read: () => readTopology({ resources: changed }) };
  }

  it.each([
    [mapping, 'filterCriteria', { filters: [{ pattern: '{"body":{"a":[1]}}' }] }],
    [mapping, 'scalingConfig.minimumConcurrency', 2],
    [rule, 'eventBusName', 'orders'],
    [rule, 'isEnabled', false],
    [target, 'eventBusName', 'orders'],
    [target, 'inputPath', '$.detail'],
    [target, 'inputTransformer', { inputTemplate: '"a"' }],
    [target, 'deadLetterConfig.extra', 1],
    [role, 'permissionsBoundary', 'arn:aws:iam::aws:policy/ReadOnlyAccess'],
    [role, 'inlinePolicies', [{ name: 'a', policy: '{}' }]],
    [role, 'managedPolicyArns', ['arn:aws:iam::aws:policy/AdministratorAccess']],
    [role, 'path', '/service/'],
    [queue, 'fifoQueue', true],
    [notification, 'lambdaFunctions', [{ events: ['s3:ObjectCreated:*'] }]],
    [notification, 'topics', [{ topicArn: arn, events: ['s3:ObjectCreated:*'] }]],
    [bucket, 'policy', '{}'],
    [bucket, 'versioning', { enabled: true }],
    [lambda, 'layers', ['arn:aws:lambda:us-east-1:1:layer:a:1']],
    [lambda, 'deadLetterConfig', { targetArn: arn }],
    [lambda, 'loggingConfig.logFormat', 'JSON'],
    ['aws:kms/key:Key', 'isEnabled', false],
  ])(
    'that would do something on AWS and nothing here is refused by its URN and name: %s %s',
    (type, path, value) => {
      const { urn, read } = withProperty(type, path, value);
      expect(read).toThrow(`${urn}: ${path}: `);
    },
  );

  it.each([
    [queue, 'fifoQueue', false],
    [queue, 'tags', { team: 'a' }],
    [rule, 'eventBusName', 'default'],
    [role, 'description', 'Reads.'],
    [lambda, 'ephemeralStorage', { size: 1024 }],
    [bucket, 'forceDestroy', true],
  ])('that says what holds anyway, or makes no difference here, is taken: %s %s', (type, path, value) => {
    const { read } = withProperty(type, path, value);
    expect(read()).toEqual(readTopology(program));
  });

  it('may be constant text for a target', () => {
    const { read } = withProperty(target, 'input', '{"a":1}');
    const inputs = read().rules.flatMap(({ targets }) => targets.map(({ input }) => input));
    expect(inputs.filter((input) => input !== undefined)).toEqual(['{"a":1}']);
  });
});
