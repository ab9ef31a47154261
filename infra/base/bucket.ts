import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { denyOverwriting, denyWithoutTls, policyDocument } from '../iam/documents.ts';
import type { BucketPurpose } from '../naming.ts';
import { type DeletionPolicy, deletionOptions } from './deletion-policy.ts';
import type { Key } from './key.ts';
import type { Queue } from './queue.ts';

export interface BucketArgs extends DeletionPolicy {
  readonly purpose: BucketPurpose;
  readonly key: Key;
  /** Days for which overwritten and deleted versions are kept. */
  readonly oldVersionExpiry: number;
  /** Days after which objects expire. Without it they never do. */
  readonly expiry?: number;
  /** Days after which objects move to Glacier. Without it they never do. */
  readonly glacierAfter?: number;
  /** Objects under this prefix can be created but never overwritten. */
  readonly createdOnce?: string;
  /** A queue that S3 notifies of every change, in addition to EventBridge. */
  readonly changes?: Queue;
}

/** The properties of a bucket that have resources of their own. */
const ofOthers = ['lifecycleRules', 'policy', 'serverSideEncryptionConfiguration', 'versioning'];

/** A versioned, encrypted, private bucket that sends every change to EventBridge. */
export class Bucket extends pulumi.ComponentResource {
  readonly purpose: BucketPurpose;
  readonly name: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: BucketArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Bucket', name, {}, options);
    const here = { parent: this, retainOnDelete: args.retain };
    const s3 = new aws.s3.Bucket(
      name,
      { forceDestroy: args.forceDestroy },
      // AWS returns these with the bucket, and the resources below set them: a refresh would otherwise take
      // them for changes, and the next deployment undo them (pulumi-aws issues 3166 and 6244).
      { parent: this, ...deletionOptions(args), ignoreChanges: ofOthers },
    );
    const bucket = s3.bucket;

    new aws.s3.BucketOwnershipControls(
      name,
      { bucket, rule: { objectOwnership: 'BucketOwnerEnforced' } },
      here,
    );
    const access = new aws.s3.BucketPublicAccessBlock(
      name,
      {
        bucket,
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      },
      here,
    );
    new aws.s3.BucketPolicy(
      name,
      {
        bucket,
        policy: policyDocument([
          denyWithoutTls('s3', [s3.arn, pulumi.interpolate`${s3.arn}/*`]),
          ...(args.createdOnce === undefined ? [] : [denyOverwriting(args.createdOnce, s3.arn)]),
        ]),
      },
      // S3 answers OperationAborted if both are created at the same time.
      { ...here, dependsOn: [access] },
    );
    new aws.s3.BucketServerSideEncryptionConfiguration(
      name,
      {
        bucket,
        rules: [
          {
            applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: args.key.arn },
            bucketKeyEnabled: true,
          },
        ],
      },
      here,
    );
    const versioning = new aws.s3.BucketVersioning(
      name,
      { bucket, versioningConfiguration: { status: 'Enabled' } },
      here,
    );
    new aws.s3.BucketLifecycleConfiguration(
      name,
      { bucket, rules: lifecycle(args) },
      { ...here, dependsOn: [versioning] },
    );
    const { changes } = args;
    new aws.s3.BucketNotification(
      name,
      {
        bucket,
        eventbridge: true,
        ...(changes && {
          queues: [
            { id: 'changes', queueArn: changes.arn, events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'] },
          ],
        }),
      },
      // S3 checks that it may send to the queue. Goes with the stack, even if the bucket stays: the queue
      // goes too.
      { parent: this, dependsOn: changes === undefined ? [] : [changes.admitOnly({ bucket: s3 })] },
    );

    this.purpose = args.purpose;
    this.name = bucket;
    this.arn = s3.arn;
    this.registerOutputs({ name: this.name, arn: this.arn });
  }
}

function lifecycle(args: BucketArgs) {
  const everything = { status: 'Enabled', filter: { prefix: '' } };
  return [
    {
      id: 'old-versions',
      ...everything,
      noncurrentVersionExpiration: { noncurrentDays: args.oldVersionExpiry },
    },
    // Can't share a rule with an expiration in days (S3 guide, "Removing expired object delete markers").
    { id: 'delete-markers', ...everything, expiration: { expiredObjectDeleteMarker: true } },
    { id: 'incomplete-uploads', ...everything, abortIncompleteMultipartUpload: { daysAfterInitiation: 1 } },
    ...(args.expiry === undefined
      ? []
      : [{ id: 'expiry', ...everything, expiration: { days: args.expiry } }]),
    ...(args.glacierAfter === undefined
      ? []
      : [
          {
            id: 'glacier',
            ...everything,
            transitions: [{ days: args.glacierAfter, storageClass: 'GLACIER' }],
          },
        ]),
  ];
}
