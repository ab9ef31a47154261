import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { denyForeignKeys, denyOverwriting, mayUpload } from '../iam/buckets.ts';
import type { BucketPurpose } from '../outputs.ts';
import type { DeletionPolicy } from './deletion-policy.ts';
import type { Key } from './key.ts';
import { everything, type Lifecycle, privateBucket } from './private-bucket.ts';
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
  /** The bucket that gets S3's log of the requests to this one. */
  readonly accessLogs?: pulumi.Input<string> | undefined;
  /** ARNs of those who may upload whatever their account says: the policy of a bucket of another account. */
  readonly uploaders?: readonly string[];
}

/** A versioned, encrypted, private bucket that sends every change to EventBridge. */
export class Bucket extends pulumi.ComponentResource {
  readonly purpose: BucketPurpose;
  readonly name: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: BucketArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Bucket', name, {}, options);
    const { s3 } = privateBucket(name, {
      ...args,
      statements: (arn) => [
        ...denyForeignKeys(arn, args.key.arn),
        ...(args.createdOnce === undefined ? [] : [denyOverwriting(args.createdOnce, arn)]),
        ...((args.uploaders ?? []).length === 0 ? [] : [mayUpload(arn, args.uploaders ?? [])]),
      ],
      encryption: {
        applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: args.key.arn },
        bucketKeyEnabled: true,
      },
      lifecycle: lifecycle(args),
      parent: this,
    });
    const bucket = s3.bucket;
    if (args.accessLogs !== undefined)
      new aws.s3.BucketLogging(
        name,
        { bucket, targetBucket: args.accessLogs, targetPrefix: `${args.purpose}/` },
        { parent: this, retainOnDelete: args.retain },
      );
    const { changes } = args;
    new aws.s3.BucketNotification(
      name,
      {
        bucket,
        eventbridge: true,
        ...(changes && {
          queues: [
            {
              id: 'changes',
              queueArn: changes.arn,
              events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'],
            },
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

function lifecycle(args: BucketArgs): Lifecycle {
  return [
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
