import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import type { Bucket } from './bucket.ts';
import type { DeletionPolicy } from './deletion-policy.ts';
import { type Key, trailArns } from './key.ts';
import { forLogs, privateBucket } from './private-bucket.ts';

export interface DataEventsArgs extends DeletionPolicy {
  /** The beginning of the trail's name. */
  readonly prefix: string;
  /** The buckets whose objects it watches. */
  readonly buckets: readonly Bucket[];
  /** Its policy must admit the trail (`forTrail`). */
  readonly key: Key;
  /** Days for which the events are kept. */
  readonly expiry: number;
  /** Days for which overwritten and deleted versions are kept. */
  readonly oldVersionExpiry: number;
}

/**
 * CloudTrail's record of who read, wrote and deleted which object, in a bucket of its own. The trail names
 * the key with each file that it writes, so the bucket's own default is S3's key: a default with a bucket key
 * would need `kms:Decrypt` for CloudTrail besides (CloudTrail guide, create-kms-key-policy-for-cloudtrail).
 */
export class DataEvents extends pulumi.ComponentResource {
  constructor(name: string, args: DataEventsArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:DataEvents', name, {}, options);
    const { accountId } = aws.getCallerIdentityOutput({}, { parent: this });
    const Principal = { Service: 'cloudtrail.amazonaws.com' };
    const ArnLike = { 'aws:SourceArn': trailArns(args.prefix, this) };
    // CloudTrail guide, create-s3-bucket-policy-for-cloudtrail.
    const { s3, policy } = privateBucket(name, {
      ...args,
      ...forLogs(args.expiry),
      statements: (arn) => [
        {
          Sid: 'TrailFindsBucket',
          Effect: 'Allow',
          Principal,
          Action: ['s3:GetBucketAcl'],
          Resource: arn,
          Condition: { ArnLike },
        },
        {
          Sid: 'TrailWritesEvents',
          Effect: 'Allow',
          Principal,
          Action: ['s3:PutObject'],
          Resource: pulumi.interpolate`${arn}/AWSLogs/${accountId}/*`,
          Condition: { ArnLike, StringEquals: { 's3:x-amz-acl': 'bucket-owner-full-control' } },
        },
      ],
      parent: this,
    });
    new aws.cloudtrail.Trail(
      name,
      {
        s3BucketName: s3.bucket,
        kmsKeyId: args.key.arn,
        enableLogFileValidation: true,
        // Events of management are in the account's own trail, and a second copy is billed.
        advancedEventSelectors: [
          {
            name: 'Objects of the stack',
            fieldSelectors: [
              { field: 'eventCategory', equals: ['Data'] },
              { field: 'resources.type', equals: ['AWS::S3::Object'] },
              {
                field: 'resources.ARN',
                startsWiths: args.buckets.map(({ arn }) => pulumi.interpolate`${arn}/`),
              },
            ],
          },
        ],
      },
      // CloudTrail tries whether it may write.
      { parent: this, dependsOn: [policy] },
    );
    this.registerOutputs();
  }
}
