import type { Check, Registered } from '../check.ts';
import { at, besides, deniesWithoutTls, list, number, policyOf, statements } from '../resource.ts';

const bucket = 'aws:s3/bucket:Bucket';
const logging = 'aws:s3/bucketLogging:BucketLogging';
const trail = 'aws:cloudtrail/trail:Trail';

/** Whether S3 writes its access logs of other buckets to it, or CloudTrail its events. */
const getsLogs = ({ outputs }: Registered, all: readonly Registered[]) =>
  all.some(
    ({ type, inputs }) =>
      (type === logging && inputs['targetBucket'] === outputs['bucket']) ||
      (type === trail && inputs['s3BucketName'] === outputs['bucket']),
  );

/** Buckets and the resources that configure them. */
export const bucketChecks: readonly Check[] = [
  {
    name: 'bucket-private',
    rule: 'A bucket blocks every kind of public access.',
    reason: 'A single wrong policy must not make the lake public.',
    source: 'Security Hub S3.8',
    type: bucket,
    passes: (each, all) => {
      const block = besides('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', each, all);
      const all4 = ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets'];
      return all4.every((name) => block?.inputs[name] === true);
    },
  },
  {
    name: 'bucket-tls',
    rule: 'A bucket denies calls without TLS.',
    reason: 'Without TLS, objects and signatures are sent unencrypted.',
    source: 'Security Hub S3.5',
    type: bucket,
    passes: ({ outputs }, all) =>
      deniesWithoutTls(policyOf('aws:s3/bucketPolicy:BucketPolicy', 'bucket', outputs['bucket'], all)),
  },
  {
    name: 'receipts-once',
    rule: 'The ledger’s receipts are created once and never overwritten.',
    reason: 'Work with a receipt is not done again, so nobody may change a receipt, not even a function.',
    source: 'S3 guide, conditional-writes-enforce',
    type: bucket,
    passes: ({ name, outputs }, all) =>
      !name.endsWith('-ledger') ||
      (statements(policyOf('aws:s3/bucketPolicy:BucketPolicy', 'bucket', outputs['bucket'], all)) ?? []).some(
        ({ Effect, Principal, Action, Resource, Condition }) =>
          Effect === 'Deny' &&
          Principal.includes('*') &&
          Action.includes('s3:PutObject') &&
          Resource.includes(`${outputs['arn']}/receipts/*`) &&
          Condition['Null']?.['s3:if-none-match'] === 'true',
      ),
  },
  {
    name: 'bucket-encryption',
    rule: 'A bucket is encrypted by KMS with a customer managed key and bucket keys; one that gets logs, by S3.',
    reason:
      'Access to a customer managed key can be denied and audited; bucket keys save most calls to KMS. S3 delivers its logs to no bucket that KMS encrypts, and CloudTrail names the key itself.',
    source: 'S3 guide, bucket-key and enable-server-access-logging',
    type: bucket,
    passes: (each, all) => {
      const encryption = besides(
        'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
        each,
        all,
      );
      const by = 'rules.0.applyServerSideEncryptionByDefault';
      if (getsLogs(each, all)) return at(encryption?.inputs, `${by}.sseAlgorithm`) === 'AES256';
      return (
        at(encryption?.inputs, `${by}.sseAlgorithm`) === 'aws:kms' &&
        at(encryption?.inputs, `${by}.kmsMasterKeyId`) !== undefined &&
        at(encryption?.inputs, 'rules.0.bucketKeyEnabled') === true
      );
    },
  },
  {
    name: 'bucket-own-key',
    rule: 'A bucket that the stack’s key encrypts refuses uploads under any other key.',
    reason: 'No function could read such an object, and after five attempts its message would be in the DLQ.',
    source: 'S3 API reference, PutObject',
    type: bucket,
    passes: (each, all) => {
      const key = 's3:x-amz-server-side-encryption-aws-kms-key-id';
      const encryption = besides(
        'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration',
        each,
        all,
      );
      const own = at(encryption?.inputs, 'rules.0.applyServerSideEncryptionByDefault.kmsMasterKeyId');
      const policy = policyOf('aws:s3/bucketPolicy:BucketPolicy', 'bucket', each.outputs['bucket'], all);
      return (
        own === undefined ||
        (statements(policy) ?? []).some(
          ({ Effect, Principal, Action, Condition }) =>
            Effect === 'Deny' &&
            Principal.includes('*') &&
            Action.includes('s3:PutObject') &&
            Condition['Null']?.[key] === 'false' &&
            Condition['ArnNotEquals']?.[key] === own,
        )
      );
    },
  },
  {
    name: 'bucket-versioning',
    rule: 'A bucket is versioned.',
    reason: 'Functions read an object at the version that the event names.',
    source: 'S3 guide, Versioning',
    type: bucket,
    passes: (each, all) =>
      at(
        besides('aws:s3/bucketVersioning:BucketVersioning', each, all)?.inputs,
        'versioningConfiguration.status',
      ) === 'Enabled',
  },
  {
    name: 'bucket-lifecycle',
    rule: 'A bucket expires old versions and incomplete uploads, but no object that a queued message may still name.',
    reason:
      'Old versions and incomplete uploads cost money for ever, and a message may be read up to 14 days later.',
    source: 'S3 guide, intro-lifecycle-rules',
    type: bucket,
    passes: (each, all) => {
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
    rule: 'A bucket sends its changes to EventBridge, unless it gets logs.',
    reason: 'These events drive the pipeline.',
    source: 'S3 guide, EventBridge',
    type: bucket,
    passes: (each, all) =>
      getsLogs(each, all) ||
      besides('aws:s3/bucketNotification:BucketNotification', each, all)?.inputs['eventbridge'] === true,
  },
];
