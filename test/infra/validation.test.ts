import { describe, expect, test } from 'vitest';
import { stages } from '../../domain/stage.ts';
import { validate } from '../../local-aws/program/validation/validation.ts';
import { resources, set } from './the-program.ts';

const bucket = 'aws:s3/bucket:Bucket';
const settings = (kind: string) => `aws:s3/bucket${kind}:Bucket${kind}`;
const queue = 'aws:sqs/queue:Queue';
const queuePolicy = 'aws:sqs/queuePolicy:QueuePolicy';
const rule = 'aws:cloudwatch/eventRule:EventRule';
const target = 'aws:cloudwatch/eventTarget:EventTarget';
const lambda = 'aws:lambda/function:Function';
const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const role = 'aws:iam/role:Role';
const rolePolicy = 'aws:iam/rolePolicy:RolePolicy';
const key = 'aws:kms/key:Key';
const alarm = 'aws:cloudwatch/metricAlarm:MetricAlarm';
const dashboard = 'aws:cloudwatch/dashboard:Dashboard';
const table = 'aws:glue/catalogTable:CatalogTable';
const crawler = 'aws:glue/crawler:Crawler';
const stateMachine = 'aws:sfn/stateMachine:StateMachine';

const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
const noSuchArn = 'arn:aws:sqs:us-east-1:000000000000:none';

const boardOf = (...widgets: readonly object[]) => JSON.stringify({ widgets });
const graphOf = (...metrics: readonly unknown[]) => ({
  type: 'metric',
  properties: { region: 'us-east-1', metrics },
});

/** One property of the first resource of a type, set to what AWS refuses, and what is said of it. */
const wrong: readonly (readonly [
  type: string,
  path: string,
  value: unknown,
  rule: RegExp,
  property?: string,
])[] = [
  [bucket, 'bucket', 'Raw_Bucket', /lower-case letters/],
  [bucket, 'bucket', '192.168.0.1', /lower-case letters/],
  [bucket, 'bucket', 'b'.repeat(64), /at most 63 characters/],
  [bucket, 'bucketPrefix', 'b'.repeat(60), /at most 63 characters/, 'bucket'],
  [settings('Versioning'), 'versioningConfiguration.status', 'enabled', /one of Enabled, Suspended/],
  [settings('Versioning'), 'bucket', 'elsewhere', /bucket of a Bucket of this program, not "elsewhere"/],
  [settings('Notification'), 'bucket', undefined, /is required/],
  [
    settings('Notification'),
    'queues',
    [{ queueArn: noSuchArn, events: ['s3:ObjectCreated:*'] }],
    /arn of a Queue of this program/,
    'queues.0.queueArn',
  ],
  [settings('OwnershipControls'), 'rule.objectOwnership', 'Mine', /one of BucketOwnerEnforced/],
  [settings('Policy'), 'policy', '{', /must be JSON/],
  [
    settings('Policy'),
    'policy',
    document({ Effect: 'Deny', Action: 's3:*', Resource: '*' }),
    /must name a Principal/,
  ],
  [
    settings('Policy'),
    'policy',
    document({ Effect: 'Deny', Principal: '*', Action: 's3:*' }),
    /must name a Resource/,
  ],
  [settings('LifecycleConfiguration'), 'rules.0.id', 'incomplete-uploads', /ids that differ/, 'rules'],
  [settings('LifecycleConfiguration'), 'rules.0.noncurrentVersionExpiration.noncurrentDays', 0, /at least 1/],
  [stateMachine, 'roleArn', noSuchArn, /arn of a Role of this program/],
  [stateMachine, 'definition', '{', /must be JSON/],
  [stateMachine, 'definition', '{"StartAt":"A","States":{}}', /can't run the state machine/],
  [stateMachine, 'loggingConfiguration.level', 'SOME', /one of ALL, ERROR/],
  [stateMachine, 'loggingConfiguration.logDestination', noSuchArn, /arn of a LogGroup of this program/],
  [table, 'storageDescriptor.columns.0.type', 'set<int>', /a type of the catalog, not "set<int>"/],
  [table, 'storageDescriptor.columns.0.type', 'array<int', /a type of the catalog/],
  [table, 'storageDescriptor.columns.0.type', 'map<int>', /a type of the catalog/],
  [table, 'storageDescriptor.columns.0.type', 'struct<a:int,b>', /a type of the catalog/],
  [table, 'storageDescriptor.columns.0.type', 'struct<>', /a type of the catalog/],
  [table, 'storageDescriptor.columns.0.type', 'int bigint', /a type of the catalog/],
  [crawler, 'catalogTargets.0.eventQueueArn', undefined, /required in event mode/],
  [crawler, 'catalogTargets.0.tables', ['none'], /name of a CatalogTable of this program, not "none"/],
  [crawler, 'catalogTargets.0.tables', [], /at least one table/],
  [
    crawler,
    'catalogTargets.0.tables',
    ['passengers', 'passengers_archive'],
    /one bucket in event mode, not in sluice-dev-processed-local, sluice-dev-archive-local/,
  ],
  [queue, 'name', 'a queue', /letters, digits, hyphens/],
  [queue, 'name', 'q'.repeat(81), /at most 80/],
  [queue, 'visibilityTimeoutSeconds', 43_201, /from 0 to 43200/],
  [queue, 'messageRetentionSeconds', 59, /from 60 to 1209600/],
  [queue, 'delaySeconds', 901, /from 0 to 900/],
  [queue, 'receiveWaitTimeSeconds', 21, /from 0 to 20/],
  [queue, 'maxMessageSize', 1_023, /from 1024 to 1048576/],
  [queue, 'kmsDataKeyReusePeriodSeconds', 59, /from 60 to 86400/],
  [
    queue,
    'redrivePolicy',
    '{"deadLetterTargetArn":"none","maxReceiveCount":5}',
    /queue of this program.*"none"/,
  ],
  [queue, 'policy', '[]', /policy document/],
  [queuePolicy, 'queueUrl', 'https://elsewhere', /url of a Queue/],
  [
    queuePolicy,
    'policy',
    document({ Effect: 'Maybe', Principal: '*', Action: 'sqs:*', Resource: '*' }),
    /Effect/,
  ],
  [
    'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy',
    'redriveAllowPolicy',
    `{"redrivePermission":"byQueue","sourceQueueArns":["${noSuchArn}"]}`,
    /queues of this program/,
  ],
  [rule, 'name', 'r'.repeat(65), /at most 64/],
  [rule, 'state', 'ON', /one of ENABLED, DISABLED/],
  [rule, 'eventPattern', undefined, /needs an eventPattern or a scheduleExpression/],
  [rule, 'eventPattern', '{"source":"aws.s3"}', /valid EventBridge pattern/],
  [rule, 'eventPattern', `{"source":["${'s'.repeat(2_040)}"]}`, /longer than 2048/],
  [rule, 'scheduleExpression', 'rate(1 minutes)', /rate\(…\) or cron\(…\)/],
  [target, 'input', '{', /must be JSON/],
  [target, 'rule', 'none', /name of an EventRule/],
  [target, 'arn', noSuchArn, /arn of a Queue or the arn of a Function/],
  [target, 'deadLetterConfig.arn', noSuchArn, /arn of a Queue/],
  [target, 'retryPolicy.maximumRetryAttempts', 186, /from 0 to 185/],
  [target, 'retryPolicy.maximumEventAgeInSeconds', 59, /from 60 to 86400/],
  [lambda, 'name', 'f'.repeat(65), /at most 64/],
  [lambda, 'role', 'arn:aws:iam::000000000000:role/none', /arn of a Role/],
  [lambda, 'handler', undefined, /is required/],
  [lambda, 'runtime', 'nodejs18.x', /one of .*nodejs24\.x/],
  [lambda, 'architectures', ['arm'], /one of arm64, x86_64/],
  [lambda, 'memorySize', 127, /from 128 to 10240/],
  [lambda, 'memorySize', 512.5, /whole number/],
  [lambda, 'timeout', 901, /from 1 to 900/],
  [lambda, 'ephemeralStorage', { size: 511 }, /from 512 to 10240/, 'ephemeralStorage.size'],
  [lambda, 'reservedConcurrentExecutions', -2, /from -1/],
  [lambda, 'tracingConfig.mode', 'active', /one of Active/],
  [lambda, 'loggingConfig.logFormat', 'text', /one of JSON, Text/],
  [lambda, 'loggingConfig.logGroup', 'none', /name of a LogGroup/],
  [lambda, 'environment.variables.AWS_REGION', 'us-east-1', /set by Lambda itself/],
  [lambda, 'environment.variables.1ST', 'x', /a letter first/],
  [lambda, 'environment.variables.NUMBER', 1, /must be text/],
  [lambda, 'environment.variables.LONG', 'x'.repeat(4_096), /at most 4096 bytes/, 'environment.variables'],
  [mapping, 'eventSourceArn', noSuchArn, /arn of a Queue/],
  [mapping, 'functionName', 'none', /name of a Function/],
  [mapping, 'batchSize', 0, /from 1 to 10000/],
  [mapping, 'maximumBatchingWindowInSeconds', 301, /from 0 to 300/],
  [mapping, 'scalingConfig.maximumConcurrency', 1, /from 2 to 1000/],
  [mapping, 'functionResponseTypes', ['ReportFailures'], /ReportBatchItemFailures/],
  [mapping, 'batchSize', 11, /at least 1 when batchSize is above 10/, 'maximumBatchingWindowInSeconds'],
  [role, 'name', 'a role', /letters, digits and/],
  [
    role,
    'assumeRolePolicy',
    document({ Effect: 'Allow', Action: 'sts:AssumeRole' }),
    /must name a Principal/,
  ],
  [
    role,
    'assumeRolePolicy',
    document({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole', Resource: '*' }),
    /must not name a Resource/,
  ],
  [rolePolicy, 'role', 'none', /name of a Role/],
  [
    rolePolicy,
    'policy',
    document({ Effect: 'Allow', Principal: '*', Action: 'a:B', Resource: '*' }),
    /must not name a Principal/,
  ],
  [rolePolicy, 'policy', document({ Effect: 'Allow', Resource: '*' }), /either Action or NotAction/],
  [
    rolePolicy,
    'policy',
    document({ Effect: 'Allow', Action: 'a:B', Resource: 'r'.repeat(10_240) }),
    /at most 10240 characters/,
  ],
  [key, 'deletionWindowInDays', 6, /from 7 to 30/],
  [key, 'policy', '{}', /policy document/],
  ['aws:kms/alias:Alias', 'name', 'sluice', /alias\/ and a name/],
  ['aws:cloudwatch/logGroup:LogGroup', 'name', 'a group', /letters, digits and/],
  ['aws:cloudwatch/logGroup:LogGroup', 'retentionInDays', 8, /one of 0, 1, 3, 5, 7/],
  [dashboard, 'dashboardName', 'a board', /letters, digits, hyphens/],
  [dashboard, 'dashboardBody', undefined, /is required/],
  [dashboard, 'dashboardBody', '{', /must be JSON/],
  [dashboard, 'dashboardBody', '{}', /widgets/],
  [dashboard, 'dashboardBody', boardOf({ type: 'graph', properties: {} }), /type/],
  [dashboard, 'dashboardBody', boardOf(...Array(501).fill(graphOf(['A', 'B']))), /<=500 items/],
  [dashboard, 'dashboardBody', boardOf({ ...graphOf(['A', 'B']), x: 20 }), /within the 24 columns/],
  [dashboard, 'dashboardBody', boardOf({ ...graphOf(['A', 'B']), width: 25 }), /<=24/],
  [dashboard, 'dashboardBody', boardOf(graphOf(['A', 'B', 'C'])), /a value for each dimension/],
  [dashboard, 'dashboardBody', boardOf(graphOf(['A', 'B', { stat: 'Total' }])), /metrics\[0\]\[2\].stat/],
  [dashboard, 'dashboardBody', boardOf(graphOf(['A', 'B', { id: 'Total' }])), /metrics\[0\]\[2\].id/],
  [
    dashboard,
    'dashboardBody',
    boardOf(graphOf(['A', 'B', { id: 'a' }], ['A', 'C', { id: 'a' }])),
    /a is there twice/,
  ],
  [
    dashboard,
    'dashboardBody',
    boardOf(graphOf(['A', 'B', { id: 'a' }], [{ expression: 'a / b' }])),
    /must name ids of the same graph, not b/,
  ],
  [
    dashboard,
    'dashboardBody',
    boardOf(graphOf(...Array(501).fill(['A', 'B']))),
    /at most 500 metrics, not 501/,
  ],
  [
    dashboard,
    'dashboardBody',
    boardOf(...Array(6).fill(graphOf(...Array(420).fill(['A', 'B'])))),
    /at most 2500 metrics, not 2520/,
  ],
  [
    dashboard,
    'dashboardBody',
    boardOf(graphOf(['AWS/SQS', 'B', 'QueueName', 'none'])),
    /QueueName must be the name of .*"none"/,
  ],
  [dashboard, 'dashboardBody', boardOf({ type: 'alarm', properties: { alarms: [] } }), />=1 items/],
  [
    dashboard,
    'dashboardBody',
    boardOf({ type: 'alarm', properties: { alarms: ['arn:none'] } }),
    /alarms of this program, not "arn:none"/,
  ],
  [alarm, 'name', 'a'.repeat(256), /at most 255/],
  [alarm, 'alarmDescription', 'a'.repeat(1_025), /at most 1024 characters/],
  [alarm, 'comparisonOperator', undefined, /is required/],
  [alarm, 'comparisonOperator', '>', /one of GreaterThanOrEqualToThreshold/],
  [alarm, 'evaluationPeriods', 0, /from 1/],
  [alarm, 'evaluationPeriods', 1_441, /at most a day of periods of 60 s/],
  [alarm, 'treatMissingData', 'notbreaching', /one of breaching, notBreaching/],
  [alarm, 'statistic', 'Max', /one of SampleCount/],
  [alarm, 'statistic', undefined, /either statistic or extendedStatistic/],
  [alarm, 'period', 90, /10, 20, 30 or a multiple of 60/],
  [alarm, 'namespace', undefined, /needs a namespace/, 'metricName'],
  [alarm, 'dimensions.QueueName', 'none', /name of a Queue/],
  [alarm, 'metricName', undefined, /either metricName or metricQueries/],
  [
    alarm,
    'metricQueries',
    [{ id: 'a', returnData: true }],
    /either metricName or metricQueries/,
    'metricName',
  ],
];

describe('validation', () => {
  test.each(['struct<a:decimal(10, 2),b:map<string,array<struct<c:int>>>>', 'array<timestamp>', 'char(3)'])(
    'is not the column type %s',
    (type) => {
      const all = resources();
      set(all.find((each) => each.type === table)?.inputs ?? {}, 'storageDescriptor.columns.0.type', type);
      expect(validate(all)).toEqual([]);
    },
  );

  test('accepts the real program', () => {
    expect(validate(resources())).toEqual([]);
  });

  const cases = wrong.map(([type, path, value, expected, property = path]) => ({
    type,
    path,
    value,
    expected,
    property,
  }));
  test.each(cases)(
    '$type with a wrong $path is named with the rule $expected',
    ({ type, path, value, expected, property }) => {
      const all = resources();
      const ofType = all.filter((resource) => resource.type === type);
      // Extraction's timeouts leave room for each wrong value, and it takes one message per call.
      const first = ofType.find(({ urn }) => urn.endsWith('-extraction')) ?? ofType[0];
      if (first === undefined) throw new Error(`The program has no ${type}.`);
      set(first.inputs, path, value);

      const [finding, ...others] = validate(all);

      expect(finding).toMatchObject({ urn: first.urn, property });
      expect(finding?.rule).toMatch(expected);
      expect(others).toEqual([]);
    },
  );

  test('refuses a mapping whose function has a longer timeout than the queue’s visibility timeout', () => {
    const all = resources();
    for (const resource of all.filter(({ type }) => type === queue))
      resource.inputs['visibilityTimeoutSeconds'] = 119;
    const findings = validate(all);
    expect(findings.map(({ property }) => property)).toEqual(stages.map(() => 'eventSourceArn'));
    expect(findings[0]?.rule).toMatch(/visibility timeout, 119 s, must not be below the function's timeout/);
  });

  test.each([
    ['returnData', [{ id: 'a' }, { id: 'b' }]],
    ['ids of their own', [{ id: 'a', returnData: true }, { id: 'a' }]],
    ['a lower-case letter first', [{ id: 'A', returnData: true }]],
  ])('requires %s for an alarm on an expression', (expected, metricQueries) => {
    const all = resources();
    const one = all.find(({ type, inputs }) => type === alarm && inputs['metricQueries'] !== undefined);
    if (one === undefined) throw new Error('The program has no alarm on an expression.');
    one.inputs['metricQueries'] = metricQueries;
    const [finding, ...others] = validate(all);
    expect(finding).toMatchObject({ urn: one.urn, property: 'metricQueries' });
    expect(finding?.rule).toContain(expected);
    expect(others).toEqual([]);
  });

  test('allows at most five targets per rule', () => {
    const all = resources();
    const one = all.find(({ type }) => type === target);
    if (one === undefined) throw new Error('The program has no target.');
    const more = [1, 2, 3, 4, 5].map((number) => ({ ...structuredClone(one), urn: `${one.urn}${number}` }));
    expect(validate([...all, ...more])).toMatchObject([
      { property: 'name', rule: 'must have at most 5 targets, not 6' },
    ]);
  });
});
