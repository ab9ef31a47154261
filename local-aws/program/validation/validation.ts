import { compilePattern } from '../../events/pattern.ts';
import { parseSchedule } from '../../events/schedule.ts';
import type { Resource } from '../program.ts';
import { catalogChecks } from './catalog.ts';
import {
  atMost,
  type Check,
  type Finding,
  isOutput,
  json,
  matches,
  oneOf,
  parses,
  physicalName,
  policy,
  range,
  refersTo,
  required,
  valueAt,
} from './checks.ts';
import { dashboardChecks } from './dashboards.ts';
import { networkChecks, placement } from './network.ts';
import { workflowChecks } from './workflows.ts';

export type { Finding } from './checks.ts';

import { alarmType, aliasType, functionType, keyType, logGroupType, queueType, roleType } from './types.ts';

const bucketType = 'aws:s3/bucket:Bucket';
const ruleType = 'aws:cloudwatch/eventRule:EventRule';

const ofBucket = [required('bucket'), refersTo('bucket', [bucketType, 'bucket'])];
const ofQueue = [required('queueUrl'), refersTo('queueUrl', [queueType, 'url'])];

/** The rules of the provider and AWS, by type. Each group names its source. */
const checks: Readonly<Record<string, readonly Check[]>> = {
  ...catalogChecks,
  ...dashboardChecks,
  ...networkChecks,
  ...workflowChecks,
  // S3 User Guide: bucketnamingrules, intro-lifecycle-rules, example-bucket-policies.
  [bucketType]: [
    physicalName(
      'bucket',
      /^(?!\d+\.\d+\.\d+\.\d+$)(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)[a-z0-9][a-z0-9.-]+[a-z0-9]$/,
      63,
      'lower-case letters, digits, hyphens and single dots, with a letter or digit at both ends',
    ),
  ],
  'aws:s3/bucketVersioning:BucketVersioning': [
    ...ofBucket,
    oneOf('versioningConfiguration.status', ['Enabled', 'Suspended', 'Disabled']),
  ],
  'aws:s3/bucketNotification:BucketNotification': [
    ...ofBucket,
    // S3 guide: notification-how-to-event-types-and-destinations.
    refersTo('queues.*.queueArn', [queueType, 'arn']),
    matches(
      'queues.*.events.*',
      /^s3:(ObjectCreated|ObjectRemoved):/,
      's3:ObjectCreated:… or s3:ObjectRemoved:…',
    ),
  ],
  'aws:s3/bucketLogging:BucketLogging': [...ofBucket, required('targetBucket')],
  'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': ofBucket,
  'aws:s3/bucketOwnershipControls:BucketOwnershipControls': [
    ...ofBucket,
    oneOf('rule.objectOwnership', ['BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter']),
  ],
  'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration': ofBucket,
  'aws:s3/bucketPolicy:BucketPolicy': [...ofBucket, policy('policy', 'resource', 20_480)],
  'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': [
    ...ofBucket,
    range('rules.*.expiration.days', 1),
    range('rules.*.noncurrentVersionExpiration.noncurrentDays', 1),
    range('rules.*.abortIncompleteMultipartUpload.daysAfterInitiation', 1),
    function* ownIds({ inputs }) {
      const ids = [inputs['rules'] ?? []].flat().map((rule) => valueAt(rule, 'id'));
      if (new Set(ids).size < ids.length) yield ['rules', 'must have ids that differ'];
    },
  ],

  // SQS API reference: CreateQueue, SetQueueAttributes.
  [queueType]: [
    physicalName('name', /^[A-Za-z0-9_-]+(\.fifo)?$/, 80, 'letters, digits, hyphens and underscores'),
    range('visibilityTimeoutSeconds', 0, 43_200),
    range('messageRetentionSeconds', 60, 1_209_600),
    range('delaySeconds', 0, 900),
    range('receiveWaitTimeSeconds', 0, 20),
    range('maxMessageSize', 1_024, 1_048_576),
    range('kmsDataKeyReusePeriodSeconds', 60, 86_400),
    json('redrivePolicy', (value, _queue, ofType) => {
      const deadLetters = valueAt(value, 'deadLetterTargetArn');
      const receives = Number(valueAt(value, 'maxReceiveCount'));
      if (!isOutput(ofType, queueType, 'arn', deadLetters))
        return `must name a queue of this program as deadLetterTargetArn, not ${JSON.stringify(deadLetters)}`;
      return receives >= 1 && receives <= 1_000 ? undefined : 'must have a maxReceiveCount from 1 to 1000';
    }),
    policy('policy', 'resource', 8_192),
  ],
  'aws:sqs/queuePolicy:QueuePolicy': [...ofQueue, policy('policy', 'resource', 8_192)],
  'aws:sqs/redriveAllowPolicy:RedriveAllowPolicy': [
    ...ofQueue,
    json('redriveAllowPolicy', (value, _resource, ofType) => {
      const sources = [valueAt(value, 'sourceQueueArns') ?? []].flat();
      if (sources.length > 10) return 'must name at most 10 sourceQueueArns';
      const unknown = sources.find((arn) => !isOutput(ofType, queueType, 'arn', arn));
      return unknown === undefined
        ? undefined
        : `must name queues of this program, not ${JSON.stringify(unknown)}`;
    }),
  ],

  // EventBridge API reference: PutRule, PutTargets, RetryPolicy; EventBridge User Guide: eb-quota.
  [ruleType]: [
    physicalName('name', /^[.\-_A-Za-z0-9]+$/, 64, 'letters, digits, dots, hyphens and underscores'),
    oneOf('state', ['ENABLED', 'DISABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS']),
    function* patternOrSchedule({ inputs }) {
      if (inputs['eventPattern'] === undefined && inputs['scheduleExpression'] === undefined)
        yield ['eventPattern', 'a rule needs an eventPattern or a scheduleExpression'];
    },
    parses('eventPattern', compilePattern, 'a valid EventBridge pattern'),
    parses(
      'scheduleExpression',
      (text) => parseSchedule(text, 0),
      'a valid rate(…) or cron(…) of EventBridge',
    ),
    function* fewTargets(rule, ofType) {
      const targets = ofType('aws:cloudwatch/eventTarget:EventTarget').filter(
        ({ inputs }) => inputs['rule'] === rule.outputs['name'],
      );
      if (targets.length > 5) yield ['name', `must have at most 5 targets, not ${targets.length}`];
    },
  ],
  'aws:cloudwatch/eventTarget:EventTarget': [
    required('rule'),
    refersTo('rule', [ruleType, 'name']),
    required('arn'),
    refersTo('arn', [queueType, 'arn'], [functionType, 'arn']),
    refersTo('deadLetterConfig.arn', [queueType, 'arn']),
    json('input'),
    range('retryPolicy.maximumEventAgeInSeconds', 60, 86_400),
    range('retryPolicy.maximumRetryAttempts', 0, 185),
  ],

  // Lambda API reference: CreateFunction; Lambda guide: gettingstarted-limits, configuration-envvars,
  // lambda-runtimes.
  [functionType]: [
    physicalName('name', /^[A-Za-z0-9_-]+$/, 64, 'letters, digits, hyphens and underscores'),
    required('role'),
    refersTo('role', [roleType, 'arn']),
    required('handler'),
    required('runtime'),
    oneOf('runtime', ['nodejs20.x', 'nodejs22.x', 'nodejs24.x', 'provided.al2', 'provided.al2023']),
    oneOf('architectures', ['arm64', 'x86_64']),
    range('memorySize', 128, 10_240),
    range('timeout', 1, 900),
    range('ephemeralStorage.size', 512, 10_240),
    range('reservedConcurrentExecutions', -1, 1_000),
    oneOf('tracingConfig.mode', ['Active', 'PassThrough']),
    oneOf('loggingConfig.logFormat', ['JSON', 'Text']),
    refersTo('loggingConfig.logGroup', [logGroupType, 'name']),
    environment,
    ...placement,
  ],

  // Lambda API reference: CreateAlias.
  [aliasType]: [
    required('functionName'),
    refersTo('functionName', [functionType, 'name']),
    required('functionVersion'),
    refersTo('functionVersion', [functionType, 'version']),
    physicalName(
      'name',
      /^(?!\d+$)[A-Za-z0-9_-]+$/,
      128,
      'letters, digits, hyphens and underscores, not only digits',
    ),
  ],

  // Lambda guide: services-sqs-parameters, services-sqs-scaling, services-sqs-configure.
  'aws:lambda/eventSourceMapping:EventSourceMapping': [
    refersTo('eventSourceArn', [queueType, 'arn']),
    refersTo('functionName', [functionType, 'name'], [functionType, 'arn'], [aliasType, 'arn']),
    range('batchSize', 1, 10_000),
    range('maximumBatchingWindowInSeconds', 0, 300),
    range('scalingConfig.maximumConcurrency', 2, 1_000),
    oneOf('functionResponseTypes', ['ReportBatchItemFailures']),
    function* largeBatchNeedsWindow({ inputs }) {
      const size = Number(inputs['batchSize'] ?? 10);
      if (size > 10 && Number(inputs['maximumBatchingWindowInSeconds'] ?? 0) < 1) {
        yield [
          'maximumBatchingWindowInSeconds',
          `must be at least 1 when batchSize is above 10, here ${size}`,
        ];
      }
    },
    function* timeoutWithinVisibility({ inputs }, ofType) {
      const queue = ofType(queueType).find(({ outputs }) => outputs['arn'] === inputs['eventSourceArn']);
      const asked = inputs['functionName'];
      const alias = ofType(aliasType).find(({ outputs }) => outputs['arn'] === asked);
      const lambda = ofType(functionType).find(({ outputs }) =>
        [outputs['name'], outputs['arn']].includes(alias?.inputs['functionName'] ?? asked),
      );
      if (queue === undefined || lambda === undefined) return;
      const visibility = Number(queue.inputs['visibilityTimeoutSeconds'] ?? 30);
      const timeout = Number(lambda.inputs['timeout'] ?? 3);
      if (timeout > visibility) {
        yield [
          'eventSourceArn',
          `the queue's visibility timeout, ${visibility} s, must not be below the function's timeout, ${timeout} s`,
        ];
      }
    },
  ],

  // IAM guide: reference_iam-quotas, reference_policies_grammar.
  [roleType]: [
    physicalName('name', /^[\w+=,.@-]+$/, 64, 'letters, digits and +=,.@_-'),
    required('assumeRolePolicy'),
    policy('assumeRolePolicy', 'trust', 2_048),
  ],
  'aws:iam/rolePolicy:RolePolicy': [
    required('role'),
    refersTo('role', [roleType, 'name'], [roleType, 'id']),
    policy('policy', 'identity', 10_240),
  ],

  // KMS API reference: PutKeyPolicy, ScheduleKeyDeletion, CreateAlias; CloudWatch Logs API reference:
  // PutRetentionPolicy.
  [keyType]: [range('deletionWindowInDays', 7, 30), policy('policy', 'resource', 32_768)],
  'aws:kms/alias:Alias': [
    physicalName('name', /^alias\/(?!aws\/)[A-Za-z0-9/_-]+$/, 256, 'alias/ and a name'),
  ],
  [logGroupType]: [
    physicalName('name', /^[.\-_/#A-Za-z0-9]+$/, 512, 'letters, digits and ._-/#'),
    oneOf(
      'retentionInDays',
      [
        0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
        3653,
      ],
    ),
  ],

  // CloudWatch API reference: PutMetricAlarm, MetricDataQuery.
  [alarmType]: [
    physicalName('name', /^\P{Cc}+$/u, 255, 'printable'),
    atMost('alarmDescription', 1_024),
    required('comparisonOperator'),
    oneOf('comparisonOperator', [
      'GreaterThanOrEqualToThreshold',
      'GreaterThanThreshold',
      'LessThanThreshold',
      'LessThanOrEqualToThreshold',
      'LessThanLowerOrGreaterThanUpperThreshold',
      'LessThanLowerThreshold',
      'GreaterThanUpperThreshold',
    ]),
    required('evaluationPeriods'),
    range('evaluationPeriods', 1, 10_080),
    oneOf('treatMissingData', ['breaching', 'notBreaching', 'ignore', 'missing']),
    oneOf('statistic', ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum']),
    refersTo('dimensions.QueueName', [queueType, 'name']),
    refersTo('dimensions.FunctionName', [functionType, 'name']),
    alarmPeriod,
    alarmMetric,
  ],
};

/**
 * The problems that `pulumi up` would report for these resources; the local cloud's Pulumi mocks accept
 * anything.
 */
export function validate(resources: readonly Resource[]): Finding[] {
  const byType = Map.groupBy(resources, ({ type }) => type);
  const ofType = (type: string) => byType.get(type) ?? [];
  return resources.flatMap((resource) =>
    (checks[resource.type] ?? []).flatMap((check) =>
      [...check(resource, ofType)].map(([property, rule]) => ({ urn: resource.urn, property, rule })),
    ),
  );
}

/** Lambda sets these itself (Lambda guide, configuration-envvars-runtime). */
const reserved =
  /^(_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_(TASK_ROOT|RUNTIME_DIR)|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_.+|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN))$/;

function* environment({ inputs }: Resource): ReturnType<Check> {
  const variables = Object.entries(valueAt(inputs, 'environment.variables') ?? {});
  for (const [name, value] of variables) {
    const path = `environment.variables.${name}`;
    if (!/^[a-zA-Z]\w+$/.test(name))
      yield [path, 'must have a name of letters, digits and underscores, a letter first'];
    if (reserved.test(name)) yield [path, 'is set by Lambda itself'];
    if (typeof value !== 'string') yield [path, `must be text, not ${JSON.stringify(value)}`];
  }
  const size = Buffer.byteLength(JSON.stringify(Object.fromEntries(variables)));
  if (size > 4_096) yield ['environment.variables', `must have at most 4096 bytes together, not ${size}`];
}

function* alarmPeriod({ inputs }: Resource): ReturnType<Check> {
  const { period, evaluationPeriods } = inputs;
  if (period === undefined) return;
  if (![10, 20, 30].includes(Number(period)) && !(Number(period) > 0 && Number(period) % 60 === 0)) {
    yield ['period', `must be 10, 20, 30 or a multiple of 60, not ${period}`];
  }
  const [most, words] = Number(period) < 3_600 ? [86_400, 'a day'] : [604_800, 'a week'];
  if (Number(period) * Number(evaluationPeriods) > most)
    yield [
      'evaluationPeriods',
      `must make at most ${words} of periods of ${period} s, not ${evaluationPeriods}`,
    ];
}

function* alarmMetric({ inputs }: Resource): ReturnType<Check> {
  const { metricName, metricQueries, namespace, period, statistic, extendedStatistic } = inputs;
  const queries = [metricQueries ?? []].flat();
  if ((metricName === undefined) === (queries.length === 0))
    yield ['metricName', 'needs either metricName or metricQueries'];
  if (metricName !== undefined) {
    if (namespace === undefined || period === undefined)
      yield ['metricName', 'needs a namespace and a period'];
    if ((statistic === undefined) === (extendedStatistic === undefined))
      yield ['statistic', 'needs either statistic or extendedStatistic'];
  }
  if (queries.length === 0) return;
  if (queries.filter((query) => valueAt(query, 'returnData') === true).length !== 1)
    yield ['metricQueries', 'must have exactly one query with returnData'];
  const ids = queries.map((query) => String(valueAt(query, 'id')));
  const wrong = ids.find((id, index) => !/^[a-z]\w{0,254}$/.test(id) || ids.indexOf(id) !== index);
  if (wrong !== undefined)
    yield ['metricQueries', `must have ids of their own, a lower-case letter first, not ${wrong}`];
}
