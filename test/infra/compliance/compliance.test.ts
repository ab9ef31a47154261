import { describe, expect, test } from 'vitest';
import { findings } from '../../../infra/compliance/check.ts';
import { checks } from '../../../infra/compliance/checks.ts';
import { everything, program, set } from '../the-program.ts';
import { breakingCatalog } from './breaking-catalog.ts';
import { breakingMysql } from './breaking-mysql.ts';
import { breakingTrail } from './breaking-trail.ts';
import { breakingWorkflows } from './breaking-workflows.ts';

/** Of a stack that has everything, as copies that a test may break. */
const resources = () => structuredClone(everything.resources);
/** A resource beside those of the program. */
const another = (type: string, inputs: Readonly<Record<string, unknown>>) => ({
  urn: 'urn:more',
  type,
  name: 'more',
  inputs,
  outputs: {},
  dependencies: [],
  options: { protect: false },
});

const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const queue = 'aws:sqs/queue:Queue';
const lambda = 'aws:lambda/function:Function';
const target = 'aws:cloudwatch/eventTarget:EventTarget';
const role = 'aws:iam/role:Role';
const rolePolicy = 'aws:iam/rolePolicy:RolePolicy';
const queuePolicy = 'aws:sqs/queuePolicy:QueuePolicy';
const alarm = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const dashboard = 'aws:cloudwatch/dashboard:Dashboard';
const administrator = 'arn:aws:iam::aws:policy/AdministratorAccess';
const bucketSettings = (kind: string) => `aws:s3/bucket${kind}:Bucket${kind}`;
const admitsAnyRule = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:*',
      Resource: '*',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    },
    {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: '*',
    },
  ],
});
const document = (Statement: object) => JSON.stringify({ Version: '2012-10-17', Statement });
const trusts = (Service: string, Condition?: object) =>
  document([{ Effect: 'Allow', Principal: { Service }, Action: 'sts:AssumeRole', Condition }]);
const deniesWithoutTls = document([
  {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: '*',
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  },
]);
const allows = (Action: string, Resource: string) => document([{ Effect: 'Allow', Action, Resource }]);

/** The body of the dashboard with another metric in the place of one. */
const withoutLine = (metric: string) =>
  String(everything.resources.find(({ type }) => type === dashboard)?.inputs['dashboardBody']).replaceAll(
    `"${metric}"`,
    '"Other"',
  );

/** A change to every resource of a type, and the one check that it breaks. */
const breaking: readonly (readonly [check: string, type: string, path: string, value: unknown])[] = [
  ['queue-visibility', queue, 'visibilityTimeoutSeconds', 719],
  ['queue-receives', queue, 'redrivePolicy', undefined],
  ['partial-batches', mapping, 'functionResponseTypes', []],
  ['mapping-concurrency', mapping, 'scalingConfig.maximumConcurrency', undefined],
  ['mapping-concurrency', lambda, 'reservedConcurrentExecutions', 5],
  ['called-by-alias', mapping, 'functionName', 'sluice-dev-extraction-local'],
  ['called-by-alias', lambda, 'publish', undefined],
  ['called-by-alias', 'aws:lambda/alias:Alias', 'functionVersion', '$LATEST'],
  ['mapping-filters-nothing', mapping, 'filterCriteria', { filters: [] }],
  ['dlq-retention', queue, 'messageRetentionSeconds', 1_209_600],
  ['queue-encryption', queue, 'kmsMasterKeyId', undefined],
  ['queue-encryption', 'aws:kms/key:Key', 'policy', allows('kms:*', '*')],
  ['queue-tls', 'aws:sqs/queuePolicy:QueuePolicy', 'policy', undefined],
  ['target-dlq', target, 'deadLetterConfig', undefined],
  ['target-dlq', target, 'retryPolicy', undefined],
  ['target-dlq', target, 'deadLetterConfig.arn', 'arn:aws:sqs:us-east-1:000000000000:shared'],
  ['target-permission', 'aws:sqs/queuePolicy:QueuePolicy', 'policy', admitsAnyRule],
  ['bucket-private', bucketSettings('PublicAccessBlock'), 'blockPublicPolicy', false],
  ['bucket-tls', bucketSettings('Policy'), 'policy', allows('s3:GetObject', '*')],
  [
    'bucket-encryption',
    bucketSettings('ServerSideEncryptionConfiguration'),
    'rules.0.applyServerSideEncryptionByDefault.sseAlgorithm',
    'AES256',
  ],
  [
    'bucket-encryption',
    bucketSettings('ServerSideEncryptionConfiguration'),
    'rules.0.bucketKeyEnabled',
    false,
  ],
  ['bucket-own-key', bucketSettings('Policy'), 'policy', deniesWithoutTls],
  ['bucket-versioning', bucketSettings('Versioning'), 'versioningConfiguration.status', 'Suspended'],
  ['bucket-lifecycle', bucketSettings('LifecycleConfiguration'), 'rules', []],
  [
    'bucket-lifecycle',
    bucketSettings('LifecycleConfiguration'),
    'rules.0.noncurrentVersionExpiration.noncurrentDays',
    14,
  ],
  ['bucket-events', bucketSettings('Notification'), 'eventbridge', false],
  ['function-explicit', lambda, 'memorySize', undefined],
  ['function-explicit', lambda, 'timeout', undefined],
  ['function-explicit', lambda, 'architectures', ['x86_64']],
  ['function-explicit', lambda, 'tracingConfig.mode', 'PassThrough'],
  ['function-logs', lambda, 'loggingConfig', undefined],
  ['function-logs', 'aws:cloudwatch/logGroup:LogGroup', 'retentionInDays', 0],
  ['permissions-in-one-place', role, 'managedPolicyArns', [administrator]],
  ['permissions-in-one-place', role, 'inlinePolicies', [{ name: 'all', policy: allows('*', '*') }]],
  ['receipts-once', bucketSettings('Policy'), 'policy', deniesWithoutTls],
  [
    'key-through-services',
    rolePolicy,
    'policy',
    allows('kms:Decrypt', 'arn:aws:kms:us-east-1:000000000000:key/1'),
  ],
  ['trust-names-whom', role, 'assumeRolePolicy', trusts('rds.amazonaws.com')],
  [
    'trust-names-whom',
    role,
    'assumeRolePolicy',
    trusts('redshift.amazonaws.com', { Bool: { 'aws:SecureTransport': 'true' } }),
  ],
  ['trust-names-whom', role, 'assumeRolePolicy', '{'],
  ['own-role', lambda, 'role', 'arn:aws:iam::000000000000:role/shared'],
  ['default-tags', 'pulumi:providers:aws', 'defaultTags', '{"tags":{"project":"sluice","stack":"dev"}}'],
  ['queue-alarm', alarm, 'metricName', 'ApproximateNumberOfMessagesDelayed'],
  ['queue-alarm', alarm, 'comparisonOperator', 'LessThanThreshold'],
  ['stalled-alarm', alarm, 'metricQueries', undefined],
  ['stalled-alarm', alarm, 'treatMissingData', 'missing'],
  ['dlq-alarm', alarm, 'metricName', 'NumberOfMessagesSent'],
  ['dlq-alarm', alarm, 'treatMissingData', undefined],
  ['dlq-alarm', alarm, 'threshold', 1],
  ['dlq-alarm', alarm, 'dimensions', { QueueName: 'other' }],
  ['scheduled-function-alarm', alarm, 'metricName', 'Invocations'],
  ['scheduled-function-alarm', alarm, 'threshold', 1],
  ['function-alarm', alarm, 'metricQueries', undefined],
  ['function-alarm', alarm, 'statistic', 'Minimum'],
  ['function-alarm', alarm, 'extendedStatistic', 'p50'],
  ['function-alarm', alarm, 'actionsEnabled', false],
  ['function-alarm', lambda, 'timeout', 100],
  ['alarm-end', alarm, 'okActions', []],
  ['alarm-end', alarm, 'okActions', ['arn:aws:sns:us-east-1:000000000000:other']],
  ['alarm-runbook', alarm, 'alarmDescription', 'Messages wait.'],
  ['alarm-runbook', alarm, 'alarmDescription', 'Runbook: docs/runbooks.md#age Messages wait.'],
  ['dashboard-queues', dashboard, 'dashboardBody', withoutLine('ApproximateNumberOfMessagesVisible')],
  ['dashboard-functions', dashboard, 'dashboardBody', withoutLine('Throttles')],
  ['dashboard-mappings', dashboard, 'dashboardBody', withoutLine('DeletedEventCount')],
  ['dashboard-mappings', mapping, 'metricsConfig', undefined],
  ['dashboard-alarms', dashboard, 'dashboardBody', '{"widgets":[]}'],
  ['dashboard-alarms', dashboard, 'dashboardBody', '{'],
  ...[
    '{',
    '{"Statement":"Allow"}',
    undefined,
    allows('s3:*', 'arn:aws:s3:::sluice-dev-raw-local/*'),
    allows('s3:Get?bject', 'arn:aws:s3:::sluice-dev-raw-local/*'),
    allows('s3:GetObject', '*'),
    allows('s3:GetObject', 'arn:aws:s3:::*'),
    allows('s3:GetObject', 'arn:aws:s3:::elsewhere/*'),
    allows('s3:GetObject', 'arn:aws:s3:::sluice-dev-raw-local*'),
    allows('s3:GetObject', 'arn:aws:s3:::sluice-dev-???-local/*'),
    allows('s3:GetObject', 'arn:aws:s3:::sluice-dev-*-local/reports/a.json'),
    document({ Effect: 'Allow', Action: '*', Resource: '*' }),
    document([{ Effect: 'Allow', NotAction: 'iam:*', Resource: 'arn:aws:s3:::sluice-dev-raw-local/*' }]),
    document([{ Effect: 'Allow', Action: 's3:GetObject', NotResource: 'arn:aws:s3:::other/*' }]),
    document([{ Effect: 'Allow', Principal: { AWS: ['1', '2'] }, Action: 's3:*', Resource: '*' }]),
    document([{ Effect: 'Allow', Action: ['xray:PutTraceSegments', 's3:GetObject'], Resource: '*' }]),
  ].map((policy) => ['least-privilege', rolePolicy, 'policy', policy] as const),
  ...breakingMysql,
  ...breakingTrail,
  ...breakingCatalog,
  ...breakingWorkflows,
];

describe('the checks', () => {
  test.each([
    ['a stack for development', program],
    ['a stack with everything', everything],
  ])('all pass for %s', (_which, { resources }) => {
    expect(findings(checks, resources)).toEqual([]);
  });

  test.each(breaking)('%s fails when every %s has %s = %j', (check, type, path, value) => {
    const broken = resources();
    const changed = broken.filter((resource) => resource.type === type);
    for (const { inputs } of changed) set(inputs, path, value);
    expect(changed.length).toBeGreaterThan(0);

    const found = findings(checks, broken).filter((each) => each.check === check);

    expect(found.length).toBeGreaterThan(0);
    expect(found[0]?.message).toMatch(/\(.+\)$/);
    expect(found.every(({ urn }) => broken.some((resource) => resource.urn === urn))).toBe(true);
  });

  test.each([
    ['aws:iam/rolePolicyAttachment:RolePolicyAttachment', { policyArn: administrator }],
    ['aws:iam/policyAttachment:PolicyAttachment', { policyArn: administrator, roles: ['a'] }],
    [
      'aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive',
      { policyArns: [administrator] },
    ],
  ])('permissions-in-one-place fails for any %s', (type, inputs) => {
    const more = another(type, inputs);
    expect(findings(checks, [...resources(), more])).toMatchObject([
      { urn: 'urn:more', check: 'permissions-in-one-place' },
    ]);
  });

  test.each([
    ['aws:ec2/internetGateway:InternetGateway', { vpcId: 'vpc-1' }],
    ['aws:ec2/natGateway:NatGateway', { subnetId: 'subnet-1' }],
    ['aws:ec2/eip:Eip', {}],
  ])('no-internet fails for any %s', (type, inputs) => {
    const more = another(type, inputs);
    expect(findings(checks, [...resources(), more])).toMatchObject([
      { urn: 'urn:more', check: 'no-internet' },
    ]);
  });

  test('database-durable fails for a database that Pulumi does not protect as it does the buckets', () => {
    const all = resources();
    for (const { type, options } of all) if (type === 'aws:rds/instance:Instance') options.protect = false;
    expect(findings(checks, all).map(({ check }) => check)).toEqual(['database-durable']);
  });

  test('trust-names-whom passes for a crawler’s role in the form of Glue’s own pages', () => {
    const all = resources();
    const trusts = all.flatMap(({ type, inputs }) =>
      type === role && String(inputs['assumeRolePolicy']).includes('glue.amazonaws.com')
        ? [JSON.parse(String(inputs['assumeRolePolicy'])).Statement]
        : [],
    );
    expect(trusts).toEqual([
      [
        {
          Sid: 'Glue',
          Effect: 'Allow',
          Principal: { Service: 'glue.amazonaws.com' },
          Action: ['sts:AssumeRole'],
        },
      ],
    ]);
  });

  test.each([
    [
      'one statement without brackets',
      { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::a/b' },
    ],
    [
      'everything within a bucket of the stack',
      [{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::sluice-dev-raw-local/*'] }],
    ],
    ['a Deny of everything', [{ Effect: 'Deny', NotAction: 's3:*', Resource: '*' }]],
  ])('least-privilege passes for %s', (_what, statement) => {
    const all = resources();
    for (const { inputs } of all.filter(({ type }) => type === rolePolicy))
      set(inputs, 'policy', document(statement));
    expect(findings(checks, all).filter(({ check }) => check === 'least-privilege')).toEqual([]);
  });

  test.each([
    ['another service', { Service: ['events.amazonaws.com', 'sns.amazonaws.com'] }],
    ['everybody', '*'],
  ])('target-permission fails for a statement that also allows %s', (_who, Principal) => {
    const all = resources();
    for (const { inputs } of all.filter(({ type }) => type === queuePolicy)) {
      const policy = JSON.parse(String(inputs['policy']));
      for (const each of policy.Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Allow'))
        each.Principal = Principal;
      set(inputs, 'policy', JSON.stringify(policy));
    }
    expect(new Set(findings(checks, all).map(({ check }) => check))).toEqual(new Set(['target-permission']));
  });

  test.each([
    ['dashboard-queues', queue, { name: 'new' }],
    ['dashboard-functions', lambda, { name: 'new' }],
    ['dashboard-alarms', alarm, { arn: 'arn:new' }],
  ])('%s is broken by one more resource of type %s that no row shows', (check, type, outputs) => {
    const more = {
      urn: 'urn:more',
      type,
      name: 'more',
      inputs: {},
      outputs,
      dependencies: [],
      options: { protect: false },
    };
    expect(findings(checks, [...resources(), more])).toContainEqual(
      expect.objectContaining({ urn: 'urn:more', check }),
    );
  });

  test('queue-encryption passes for a key that allows EventBridge among others', () => {
    const all = resources();
    for (const { inputs } of all.filter(({ type }) => type === 'aws:kms/key:Key'))
      set(
        inputs,
        'policy',
        String(inputs['policy']).replace(
          '"events.amazonaws.com"',
          '["sns.amazonaws.com","events.amazonaws.com"]',
        ),
      );
    expect(findings(checks, all)).toEqual([]);
  });

  test('each have a program that violates them', () => {
    expect(new Set(breaking.map(([check]) => check))).toEqual(new Set(checks.map(({ name }) => name)));
  });
});
