import { describe, expect, it } from 'vitest';
import { policies, violations } from '../../infra/policies.ts';
import { resources, set } from './the-program.ts';

const mapping = 'aws:lambda/eventSourceMapping:EventSourceMapping';
const queue = 'aws:sqs/queue:Queue';
const lambda = 'aws:lambda/function:Function';
const target = 'aws:cloudwatch/eventTarget:EventTarget';
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
const allows = (Action: string, Resource: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] });

/** A change to every resource of a type, and the one policy that it breaks. */
const breaking: readonly (readonly [policy: string, type: string, path: string, value: unknown])[] = [
  ['queue-visibility', queue, 'visibilityTimeoutSeconds', 719],
  ['queue-receives', queue, 'redrivePolicy', undefined],
  ['partial-batches', mapping, 'functionResponseTypes', []],
  ['mapping-concurrency', mapping, 'scalingConfig.maximumConcurrency', undefined],
  ['mapping-concurrency', lambda, 'reservedConcurrentExecutions', 5],
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
  ['least-privilege', 'aws:iam/rolePolicy:RolePolicy', 'policy', allows('s3:*', 'arn:aws:s3:::bucket/*')],
  ['least-privilege', 'aws:iam/rolePolicy:RolePolicy', 'policy', allows('s3:GetObject', '*')],
  ['own-role', lambda, 'role', 'arn:aws:iam::000000000000:role/shared'],
  ['default-tags', 'pulumi:providers:aws', 'defaultTags', '{"tags":{"project":"sluice","stack":"dev"}}'],
];

describe('the policies', () => {
  it('are all kept by the program', () => {
    expect(violations(resources())).toEqual([]);
  });

  it.each(breaking)('%s is broken when every %s has %s = %j', (policy, type, path, value) => {
    const broken = resources();
    const changed = broken.filter((resource) => resource.type === type);
    for (const { inputs } of changed) set(inputs, path, value);
    expect(changed.length).toBeGreaterThan(0);

    const found = violations(broken).filter((each) => each.policy === policy);

    expect(found.length).toBeGreaterThan(0);
    expect(found[0]?.message).toMatch(/\(.+\)$/);
    expect(found.every(({ urn }) => broken.some((resource) => resource.urn === urn))).toBe(true);
  });

  it('each have a program that breaks them', () => {
    expect(new Set(breaking.map(([policy]) => policy))).toEqual(new Set(policies.map(({ name }) => name)));
  });
});
