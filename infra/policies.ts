import {
  at,
  besides,
  deadLettersOf,
  deniesWithoutTls,
  functionOf,
  list,
  number,
  parsed,
  policyOf,
  redriveOf,
  sourceOf,
  statements,
} from './policy-reading.ts';

/** A resource as the program registered it. In a policy pack, inputs and outputs are the same `props`. */
export interface Registered {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** A rule that the whole stack obeys, why, and who says so. */
export interface Policy {
  readonly name: string;
  readonly rule: string;
  readonly reason: string;
  readonly source: string;
  /** The types of the resources that it is asked about. */
  readonly type: string;
  /** Whether this resource keeps the rule. */
  readonly keeps: (resource: Registered, all: readonly Registered[]) => boolean;
}

export interface Violation {
  readonly urn: string;
  readonly policy: string;
  /** Rule, reason and source in one sentence each. */
  readonly message: string;
}

const bucket = 'aws:s3/bucket:Bucket';
const queue = 'aws:sqs/queue:Queue';
const lambda = 'aws:lambda/function:Function';
const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const target = 'aws:cloudwatch/eventTarget:EventTarget';
const day = 86_400;

export const policies: readonly Policy[] = [
  {
    name: 'queue-visibility',
    rule: "The queue's visibility time-out is at least six times the function's time-out plus the batching window.",
    reason: 'Lambda retries a throttled batch within that time; a shorter one has a message worked on twice.',
    source: 'Lambda guide, services-sqs-configure',
    type: mapping,
    keeps: (each, all) =>
      number(sourceOf(each, all)?.inputs['visibilityTimeoutSeconds'], 30) >=
      6 * number(functionOf(each, all)?.inputs['timeout'], 3) +
        number(each.inputs['maximumBatchingWindowInSeconds'], 0),
  },
  {
    name: 'queue-receives',
    rule: 'A queue with a function has a DLQ and a maxReceiveCount of at least 5.',
    reason: 'Throttling alone uses up a few receives and would fill the DLQ.',
    source: 'Lambda guide, services-sqs-configure',
    type: mapping,
    keeps: (each, all) => {
      const source = sourceOf(each, all);
      return deadLettersOf(source, all) !== undefined && (redriveOf(source)?.maxReceiveCount ?? 0) >= 5;
    },
  },
  {
    name: 'partial-batches',
    rule: 'A mapping asks for ReportBatchItemFailures.',
    reason: 'One bad message must not bring back those that are done.',
    source: 'Lambda guide, services-sqs-errorhandling',
    type: mapping,
    keeps: ({ inputs }) => list(inputs['functionResponseTypes']).includes('ReportBatchItemFailures'),
  },
  {
    name: 'mapping-concurrency',
    rule: 'Concurrency is limited by the mapping, and the function reserves none.',
    reason: 'Reserved concurrency throttles the poller, whose messages then use up their receives.',
    source: 'Lambda guide, services-sqs-scaling',
    type: mapping,
    keeps: (each, all) =>
      at(each.inputs, 'scalingConfig.maximumConcurrency') !== undefined &&
      number(functionOf(each, all)?.inputs['reservedConcurrentExecutions'], -1) < 0,
  },
  {
    name: 'mapping-filters-nothing',
    rule: 'A mapping has no filter.',
    reason: "A mapping's filter deletes what does not match; the EventBridge rule is the place to choose.",
    source: 'Lambda guide, invocation-eventfiltering',
    type: mapping,
    keeps: ({ inputs }) => inputs['filterCriteria'] === undefined,
  },
  {
    name: 'dlq-retention',
    rule: 'A DLQ keeps messages for 14 days, longer than its source does.',
    reason: 'A message keeps the time of its first enqueueing when it moves.',
    source: 'SQS guide, sqs-dead-letter-queues',
    type: queue,
    keeps: (each, all) => {
      if (each.inputs['redrivePolicy'] === undefined) return true;
      const kept = number(deadLettersOf(each, all)?.inputs['messageRetentionSeconds'], 4 * day);
      return kept === 14 * day && kept > number(each.inputs['messageRetentionSeconds'], 4 * day);
    },
  },
  {
    name: 'queue-encryption',
    rule: 'A queue is encrypted with a key that EventBridge may use.',
    reason: 'EventBridge drops what it cannot encrypt.',
    source: 'SQS guide, sqs-key-management',
    type: queue,
    keeps: ({ inputs }, all) => {
      if (inputs['kmsMasterKeyId'] === undefined) return inputs['sqsManagedSseEnabled'] === true;
      const key = all.find(
        ({ type, outputs }) => type === 'aws:kms/key:Key' && outputs['arn'] === inputs['kmsMasterKeyId'],
      );
      return statements(key?.inputs['policy']).some(
        (each) =>
          each.Effect === 'Allow' &&
          each.Principal === 'events.amazonaws.com' &&
          ['kms:GenerateDataKey', 'kms:Decrypt'].every((action) => each.Action.includes(action)),
      );
    },
  },
  {
    name: 'queue-tls',
    rule: 'A queue refuses calls without TLS.',
    reason: 'Messages name objects of the data lake.',
    source: 'SQS guide, sqs-security-best-practices',
    type: queue,
    keeps: ({ outputs }, all) =>
      deniesWithoutTls(policyOf('aws:sqs/queuePolicy:QueuePolicy', 'queueUrl', outputs['url'], all)),
  },
  {
    name: 'target-dlq',
    rule: "A rule's target has a DLQ of its own and an explicit retry policy.",
    reason: 'Otherwise EventBridge loses without a trace what it cannot deliver within a day.',
    source: 'EventBridge guide, eb-rule-dlq',
    type: target,
    keeps: ({ inputs }, all) => {
      const deadLetters = at(inputs, 'deadLetterConfig.arn');
      const users = all.filter(
        (each) => each.type === target && at(each.inputs, 'deadLetterConfig.arn') === deadLetters,
      );
      return deadLetters !== undefined && users.length === 1 && inputs['retryPolicy'] !== undefined;
    },
  },
  {
    name: 'target-permission',
    rule: "A target queue and its DLQ admit events.amazonaws.com for this rule's ARN only.",
    reason: "Without the condition, anybody's rule could send.",
    source: 'EventBridge guide, eb-use-resource-based',
    type: target,
    keeps: ({ inputs }, all) => {
      const rule = all.find(
        ({ type, outputs }) => type.endsWith(':EventRule') && outputs['name'] === inputs['rule'],
      );
      return [inputs['arn'], at(inputs, 'deadLetterConfig.arn')].every((arn) => {
        const url = all.find((each) => each.type === queue && each.outputs['arn'] === arn)?.outputs['url'];
        const senders = statements(policyOf('aws:sqs/queuePolicy:QueuePolicy', 'queueUrl', url, all)).filter(
          (each) => each.Effect === 'Allow' && each.Principal === 'events.amazonaws.com',
        );
        return (
          senders.length > 0 &&
          senders.every((each) => each.Condition['ArnEquals']?.['aws:SourceArn'] === rule?.outputs['arn'])
        );
      });
    },
  },
  {
    name: 'bucket-private',
    rule: 'A bucket blocks every kind of public access.',
    reason: 'One wrong policy must not open the lake.',
    source: 'Security Hub S3.8',
    type: bucket,
    keeps: (each, all) => {
      const block = besides('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', each, all);
      const all4 = ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets'];
      return all4.every((name) => block?.inputs[name] === true);
    },
  },
  {
    name: 'bucket-tls',
    rule: 'A bucket refuses calls without TLS.',
    reason: 'Objects and signatures would travel in the clear.',
    source: 'Security Hub S3.5',
    type: bucket,
    keeps: ({ outputs }, all) =>
      deniesWithoutTls(policyOf('aws:s3/bucketPolicy:BucketPolicy', 'bucket', outputs['bucket'], all)),
  },
  {
    name: 'bucket-encryption',
    rule: 'A bucket is encrypted by KMS with a customer key and bucket keys.',
    reason: 'A customer key can be refused and audited; bucket keys save most of the calls to KMS.',
    source: 'S3 guide, bucket-key',
    type: bucket,
    keeps: (each, all) => {
      const encryption = besides(
        'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
        each,
        all,
      );
      const by = 'rules.0.applyServerSideEncryptionByDefault';
      return (
        at(encryption?.inputs, `${by}.sseAlgorithm`) === 'aws:kms' &&
        at(encryption?.inputs, `${by}.kmsMasterKeyId`) !== undefined &&
        at(encryption?.inputs, 'rules.0.bucketKeyEnabled') === true
      );
    },
  },
  {
    name: 'bucket-versioning',
    rule: 'A bucket is versioned.',
    reason: "An event's object is read at the event's version.",
    source: 'S3 guide, Versioning',
    type: bucket,
    keeps: (each, all) =>
      at(
        besides('aws:s3/bucketVersioning:BucketVersioning', each, all)?.inputs,
        'versioningConfiguration.status',
      ) === 'Enabled',
  },
  {
    name: 'bucket-lifecycle',
    rule: 'A bucket expires old versions and aborts incomplete uploads, and expires nothing that a queue may still name.',
    reason: 'Both cost money for ever; and a message may wait 14 days for its object.',
    source: 'S3 guide, intro-lifecycle-rules',
    type: bucket,
    keeps: (each, all) => {
      const rules = list(
        besides('aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration', each, all)?.inputs[
          'rules'
        ],
      );
      const days = (path: string) =>
        rules.map((rule) => at(rule, path)).filter((value) => value !== undefined);
      const expiries = [...days('expiration.days'), ...days('noncurrentVersionExpiration.noncurrentDays')];
      return (
        days('noncurrentVersionExpiration.noncurrentDays').length > 0 &&
        days('abortIncompleteMultipartUpload.daysAfterInitiation').length > 0 &&
        expiries.every((value) => number(value, 0) > 14)
      );
    },
  },
  {
    name: 'bucket-events',
    rule: 'A bucket tells EventBridge of its changes.',
    reason: 'The flow is made of these events.',
    source: 'S3 guide, EventBridge',
    type: bucket,
    keeps: (each, all) =>
      besides('aws:s3/bucketNotification:BucketNotification', each, all)?.inputs['eventbridge'] === true,
  },
  {
    name: 'function-explicit',
    rule: 'A function says its memory and time-out, runs on arm64, and is traced.',
    reason: 'The defaults, 128 MB and 3 s on x86, are nobody’s choice.',
    source: 'serverless-rules',
    type: lambda,
    keeps: ({ inputs }) =>
      inputs['memorySize'] !== undefined &&
      inputs['timeout'] !== undefined &&
      list(inputs['architectures']).includes('arm64') &&
      at(inputs, 'tracingConfig.mode') === 'Active',
  },
  {
    name: 'function-logs',
    rule: 'A function writes to a log group of the stack, which has a retention.',
    reason: 'A group that Lambda makes by itself is kept for ever.',
    source: 'serverless-rules',
    type: lambda,
    keeps: ({ inputs }, all) => {
      const name = at(inputs, 'loggingConfig.logGroup');
      const group = all.find(
        (each) => each.type === 'aws:cloudwatch/logGroup:LogGroup' && each.outputs['name'] === name,
      );
      return number(group?.inputs['retentionInDays'], 0) > 0;
    },
  },
  {
    name: 'least-privilege',
    rule: "A role's policy allows no action with a wildcard, and no resource `*` but where the service has none to name.",
    reason: 'Each function may do what it does and nothing else.',
    source: 'serverless-rules; Service authorization reference',
    type: 'aws:iam/rolePolicy:RolePolicy',
    keeps: ({ inputs }) =>
      statements(inputs['policy'])
        .filter((each) => each.Effect === 'Allow')
        .every(
          (each) =>
            each.Action.every((action) => !action.includes('*')) &&
            (!each.Resource.includes('*') || each.Action.every((action) => withoutResources.has(action))),
        ),
  },
  {
    name: 'own-role',
    rule: 'No two functions share a role.',
    reason: 'A shared role allows each what the other needs.',
    source: 'serverless-rules',
    type: lambda,
    keeps: ({ inputs }, all) =>
      all.filter((each) => each.type === lambda && each.inputs['role'] === inputs['role']).length === 1,
  },
  {
    name: 'default-tags',
    rule: 'The provider tags everything with project, stack and owner.',
    reason: 'Costs and questions find their way.',
    source: 'AWS tagging best practices',
    type: 'pulumi:providers:aws',
    keeps: ({ inputs }) => {
      const tags = at(parsed(inputs['defaultTags']), 'tags');
      return ['project', 'stack', 'owner'].every((name) => at(tags, name) !== undefined);
    },
  },
];

/** Service authorization reference, AWS X-Ray: its actions take no resource. */
const withoutResources = new Set(['xray:PutTraceSegments', 'xray:PutTelemetryRecords']);

/** What breaks which policy. Empty for a stack that obeys them all. */
export function violations(resources: readonly Registered[]): Violation[] {
  return policies.flatMap(({ name, rule, reason, source, type, keeps }) =>
    resources
      .filter((resource) => resource.type === type && !keeps(resource, resources))
      .map(({ urn }) => ({ urn, policy: name, message: `${rule} ${reason} (${source})` })),
  );
}
