import { describe, expect, test } from 'vitest';
import { stages } from '../../domain/stage.ts';
import { bucketPurposes, stackOutputs } from '../../infra/outputs.ts';
import { createPolicyEngine } from '../../local-aws/iam/policy-engine.ts';
import { readTopology } from '../../local-aws/program/topology.ts';
import { program, resources, set } from './the-program.ts';

describe('the program of this repository', () => {
  test('has the outputs that the command line reads', () => {
    const outputs = stackOutputs.parse(program.outputs);
    expect(outputs.stack).toBe('dev');
    expect(outputs.region).toBe('us-east-1');
    expect(outputs.buckets.raw).toBe('sluice-dev-raw-local');
    expect(outputs.queues.extraction).toBe(
      'https://sqs.us-east-1.amazonaws.com/000000000000/sluice-dev-extraction-local',
    );
  });

  test('has the flow of the README: raw ⇒ extraction ─▶ temp ⇒ transformation ─▶ ledger ⇒ commit and loading', () => {
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
      ['sluice-dev-ledger-local', 'sluice-dev-commit-local'],
      ['sluice-dev-ledger-local', 'sluice-dev-loading-local'],
    ]);
  });

  test('has versioned buckets, encrypted with the stack’s key, that notify EventBridge', () => {
    const { buckets, keys } = readTopology(program);
    expect(buckets.map(({ name }) => name).sort()).toEqual(
      bucketPurposes.map((each) => `sluice-dev-${each}-local`).sort(),
    );
    for (const bucket of buckets)
      expect(bucket).toMatchObject({ versioning: 'Enabled', eventBridge: true, keyArn: keys[0]?.arn });
  });

  test('has functions with existing code and with the names of the buckets that they may use', () => {
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
      expect(lambda.files['index.mjs']).toBe(lambda.modulePath);
      expect(Object.keys(lambda.files).length).toBeGreaterThan(2);
      expect(lambda.environment['CODE_VERSION']).toMatch(/^[0-9a-f]{16}$/);
    }
  });

  test('lets the maintenance read, write and remove in the lake, and its schedule call it, and nothing else', async () => {
    const { functions, roles, schedules } = readTopology(program);
    const { authorize } = createPolicyEngine({ roles, resourcePolicies: new Map() });
    const lambda = functions.find(({ name }) => name === 'sluice-dev-maintenance-local');
    const starter = schedules.find(({ targetArn }) => targetArn === `${lambda?.arn}:live`);
    expect(starter).toMatchObject({ expression: 'cron(30 * * * ? *)', enabled: true, input: '{}' });
    const may = (principal: string | undefined, action: string, resource: string) =>
      authorize({
        caller: { kind: 'role', principal: principal ?? '' },
        operation: action.slice(action.indexOf(':') + 1),
        action,
        resource,
      }).then(
        () => true,
        () => false,
      );
    const table = 'arn:aws:glue:us-east-1:000000000000:table/sluice_dev_catalog/recipes';
    const [lake, ledger, raw] = ['processed', 'ledger', 'raw'].map(
      (purpose) => `arn:aws:s3:::sluice-dev-${purpose}-local`,
    );
    for (const [action, resource] of [
      ['s3:ListBucket', `${lake}`],
      ['s3:GetObject', `${lake}/a`],
      ['s3:PutObject', `${lake}/a`],
      ['s3:DeleteObject', `${lake}/a`],
      ['s3:GetObject', `${ledger}/heads/a`],
      ['glue:GetTable', table],
      ['glue:UpdateTable', table],
    ] as const)
      expect(await may(lambda?.roleArn, action, resource), `${action} ${resource}`).toBe(true);
    for (const [action, resource] of [
      ['s3:PutObject', `${ledger}/heads/a`],
      ['s3:DeleteObject', `${ledger}/heads/a`],
      ['s3:DeleteObjectVersion', `${lake}/a`],
      ['s3:GetObject', `${raw}/a`],
      ['glue:DeleteTable', table],
    ] as const)
      expect(await may(lambda?.roleArn, action, resource), `${action} ${resource}`).toBe(false);
    expect(await may(starter?.roleArn, 'lambda:InvokeFunction', `${lambda?.arn}:live`)).toBe(true);
    expect(await may(starter?.roleArn, 'lambda:InvokeFunction', `${lambda?.arn}`)).toBe(false);
  });

  test('moves failed messages to a DLQ that accepts only their queue', () => {
    const { queues } = readTopology(program);
    for (const stage of stages) {
      const queue = queues.find(({ name }) => name === `sluice-dev-${stage}-local`);
      const deadLetters = queues.find(({ name }) => name === queue?.redrive?.deadLetterQueue);
      expect(deadLetters?.name).toBe(`sluice-dev-${stage}-dlq-local`);
      expect(deadLetters?.redriveAllow).toEqual({ permission: 'byQueue', sourceQueueArns: [queue?.arn] });
    }
  });
});

test('S3 tells the queue of the crawler of every change in the archive, and of no others', () => {
  const { buckets, queues } = readTopology(program);
  const crawl = queues.find(({ name }) => name === 'sluice-dev-crawl-local');
  const told = buckets.flatMap(({ name, notifications }) =>
    notifications.map((notification) => ({ name, ...notification })),
  );
  expect(told).toEqual([
    {
      name: 'sluice-dev-archive-local',
      id: 'changes',
      queueArn: crawl?.arn,
      events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'],
      prefix: undefined,
      suffix: undefined,
    },
  ]);
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

  test.each([
    [mapping, 'filterCriteria', { filters: [{ pattern: '{"body":{"a":[1]}}' }] }],
    [mapping, 'scalingConfig.minimumConcurrency', 2],
    [rule, 'eventBusName', 'orders'],
    [rule, 'isEnabled', false],
    [target, 'eventBusName', 'orders'],
    [target, 'inputPath', '$.detail'],
    [target, 'inputTransformer', { inputTemplate: '"a"' }],
    [target, 'deadLetterConfig.extra', 1],
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

  test.each([
    [queue, 'fifoQueue', false],
    [queue, 'tags', { team: 'a' }],
    [rule, 'eventBusName', 'default'],
    [role, 'description', 'Reads.'],
    [lambda, 'ephemeralStorage', { size: 1024 }],
    [bucket, 'forceDestroy', true],
  ])('that states a default, or has no effect here, is accepted: %s %s', (type, path, value) => {
    const { read } = withProperty(type, path, value);
    expect(read()).toEqual(readTopology(program));
  });

  test('may be constant input for a target', () => {
    const { read } = withProperty(target, 'input', '{"a":1}');
    const inputs = read().rules.flatMap(({ targets }) => targets.map(({ input }) => input));
    expect(inputs.filter((input) => input !== undefined)).toEqual(['{"a":1}']);
  });
});
