import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { DeletionPolicy } from './deletion-policy.ts';
import { forLogs, privateBucket } from './private-bucket.ts';

export interface AccessLogBucketArgs extends DeletionPolicy {
  /** The beginning of the names of the buckets whose logs it gets. */
  readonly prefix: string;
  /** Days for which logs are kept. */
  readonly expiry: number;
  /** Days for which overwritten and deleted versions are kept. */
  readonly oldVersionExpiry: number;
}

/**
 * The bucket that S3 writes its log of the requests to the other buckets to. S3's own key encrypts it: S3
 * delivers to no bucket that a key of KMS encrypts (S3 guide, enable-server-access-logging).
 */
export class AccessLogBucket extends pulumi.ComponentResource {
  readonly name: pulumi.Output<string>;

  constructor(name: string, args: AccessLogBucketArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:AccessLogBucket', name, {}, options);
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    const { policy } = privateBucket(name, {
      ...args,
      ...forLogs(args.expiry),
      statements: (arn) => [
        {
          Sid: 'S3WritesLogs',
          Effect: 'Allow',
          Principal: { Service: 'logging.s3.amazonaws.com' },
          Action: ['s3:PutObject'],
          Resource: pulumi.interpolate`${arn}/*`,
          Condition: {
            ArnLike: { 'aws:SourceArn': `arn:aws:s3:::${args.prefix}-*` },
            StringEquals: { 'aws:SourceAccount': accountId },
          },
        },
      ],
      parent: this,
    });
    // By the policy's, so that no bucket sends logs before S3 may write them; S3 refuses a target that it may
    // not write to (InvalidTargetBucketForLogging).
    this.name = policy.bucket;
    this.registerOutputs({ name: this.name });
  }
}
