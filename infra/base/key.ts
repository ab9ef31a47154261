import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { policyDocument, type Statement } from '../iam/documents.ts';
import { type DeletionPolicy, deletionOptions } from './deletion-policy.ts';

export interface KeyArgs extends DeletionPolicy {
  /** Whether CloudWatch Logs may encrypt the stack's log groups with it. */
  readonly forLogs: boolean;
  /** Whether CloudTrail may encrypt the events of the stack's trail with it. */
  readonly forTrail: boolean;
  /** ARNs of those who upload to the raw bucket, maybe from other accounts. */
  readonly uploaders: readonly string[];
  /** The beginning of the names of the stack's trail, and of its log groups, behind `/aws/…/`. */
  readonly prefix: string;
}

/** The stack's KMS key, which encrypts every bucket and queue. */
export class Key extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  /**
   * A protected key can't be deleted, and a retained one outlives the stack, because without the key all data
   * is lost.
   */
  constructor(name: string, args: KeyArgs, options: pulumi.ComponentResourceOptions) {
    super('sluice:infra:Key', name, {}, options);
    const identity = aws.getCallerIdentityOutput({}, { parent: this });
    const accountRoot = identity.apply(
      ({ arn, accountId }) => `arn:${arn.split(':')[1]}:iam::${accountId}:root`,
    );

    const key = new aws.kms.Key(
      name,
      {
        description: 'Encrypts the buckets and queues of Sluice.',
        enableKeyRotation: true,
        deletionWindowInDays: 30,
        policy: policyDocument([
          {
            // Lets IAM policies decide, and keeps the key manageable (KMS guide, key-policy-default).
            Sid: 'AccountDecidesByIam',
            Effect: 'Allow',
            Principal: { AWS: accountRoot },
            Action: ['kms:*'],
            Resource: '*',
          },
          {
            // SQS guide, sqs-key-management. The condition names the account, not the rule: the rule's target
            // is the queue, which needs the key first. The CDK breaks this cycle in the same way
            // (aws-events-targets, SqsQueue).
            Sid: 'EventBridgeSendsToQueues',
            Effect: 'Allow',
            Principal: { Service: 'events.amazonaws.com' },
            Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
            Resource: '*',
            Condition: { StringEquals: { 'aws:SourceAccount': identity.accountId } },
          },
          {
            // S3 guide, grant-destinations-permissions-to-s3, "AWS KMS key policy".
            Sid: 'S3SendsToQueues',
            Effect: 'Allow',
            Principal: { Service: 's3.amazonaws.com' },
            Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
            Resource: '*',
            Condition: { StringEquals: { 'aws:SourceAccount': identity.accountId } },
          },
          ...(args.uploaders.length > 0 ? [encryptsUploads(args.uploaders, this)] : []),
          ...(args.forLogs ? [encryptsLogs(args.prefix, identity.accountId, this)] : []),
          ...(args.forTrail ? encryptsEvents(args.prefix, identity.accountId, this) : []),
        ]),
      },
      { parent: this, ...deletionOptions(args) },
    );
    new aws.kms.Alias(
      name,
      { name: `alias/${name}`, targetKeyId: key.keyId },
      { parent: this, deleteBeforeReplace: true },
    );

    this.arn = key.arn;
    this.registerOutputs({ arn: this.arn });
  }
}

/** CloudWatch Logs guide, encrypt-log-data-kms: the condition names the log groups of this stack. */
function encryptsLogs(prefix: string, accountId: pulumi.Output<string>, parent: pulumi.Resource): Statement {
  const { region } = aws.getRegionOutput({}, { parent });
  return {
    Sid: 'LogsEncryptsGroups',
    Effect: 'Allow',
    Principal: { Service: pulumi.interpolate`logs.${region}.amazonaws.com` },
    Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
    Resource: '*',
    Condition: {
      ArnLike: {
        'kms:EncryptionContext:aws:logs:arn': pulumi.interpolate`arn:aws:logs:${region}:${accountId}:log-group:/aws/*/${prefix}-*`,
      },
    },
  };
}

/** The ARNs of the trails whose names begin so, for a condition. */
export function trailArns(prefix: string, parent: pulumi.Resource): pulumi.Output<string> {
  const { region } = aws.getRegionOutput({}, { parent });
  const { accountId } = aws.getCallerIdentityOutput({}, { parent });
  return pulumi.interpolate`arn:aws:cloudtrail:${region}:${accountId}:trail/${prefix}-*`;
}

/** CloudTrail guide, create-kms-key-policy-for-cloudtrail. To describe a key has no encryption context. */
function encryptsEvents(
  prefix: string,
  accountId: pulumi.Output<string>,
  parent: pulumi.Resource,
): Statement[] {
  const allows = (Sid: string, action: string, condition: Statement['Condition'] = {}): Statement => ({
    Sid,
    Effect: 'Allow',
    Principal: { Service: 'cloudtrail.amazonaws.com' },
    Action: [action],
    Resource: '*',
    Condition: { ArnLike: { 'aws:SourceArn': trailArns(prefix, parent) }, ...condition },
  });
  return [
    allows('TrailDescribesKey', 'kms:DescribeKey'),
    allows('TrailEncryptsEvents', 'kms:GenerateDataKey*', {
      StringLike: {
        'kms:EncryptionContext:aws:cloudtrail:arn': pulumi.interpolate`arn:aws:cloudtrail:*:${accountId}:trail/*`,
      },
    }),
  ];
}

/**
 * Through S3 alone. Completing a multipart upload needs to decrypt its parts (S3 guide, mpuAndPermissions).
 */
function encryptsUploads(arns: readonly string[], parent: pulumi.Resource): Statement {
  const { region } = aws.getRegionOutput({}, { parent });
  return {
    Sid: 'UploadersEncrypt',
    Effect: 'Allow',
    Principal: { AWS: [...arns] },
    Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
    Resource: '*',
    Condition: { StringEquals: { 'kms:ViaService': pulumi.interpolate`s3.${region}.amazonaws.com` } },
  };
}
