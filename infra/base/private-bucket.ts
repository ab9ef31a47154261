import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { denyWithoutTls, policyDocument, type Statement } from '../iam/documents.ts';
import { type DeletionPolicy, deletionOptions } from './deletion-policy.ts';

export type Lifecycle = aws.types.input.s3.BucketLifecycleConfigurationRule[];

export interface PrivateBucketArgs extends DeletionPolicy {
  /** The policy's statements besides that which demands TLS. */
  readonly statements: (arn: pulumi.Output<string>) => readonly Statement[];
  readonly encryption: aws.types.input.s3.BucketServerSideEncryptionConfigurationRule;
  /** Days for which overwritten and deleted versions are kept. */
  readonly oldVersionExpiry: number;
  /** Rules besides those for old versions and what is left of uploads. */
  readonly lifecycle: Lifecycle;
  /** The component that it belongs to. */
  readonly parent: pulumi.Resource;
}

/** The properties of a bucket that have resources of their own. */
const ofOthers = ['lifecycleRules', 'policy', 'serverSideEncryptionConfiguration', 'versioning'];

/** What a lifecycle rule for every object has. */
export const everything = { status: 'Enabled', filter: { prefix: '' } };

/** The settings of a bucket that a service of AWS writes its logs to, which are kept for some days. */
export const forLogs = (expiry: number): Pick<PrivateBucketArgs, 'encryption' | 'lifecycle'> => ({
  encryption: { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } },
  lifecycle: [{ id: 'expiry', ...everything, expiration: { days: expiry } }],
});

/** A bucket, and the policy that whoever writes to it must wait for. */
export interface PrivateBucket {
  readonly s3: aws.s3.Bucket;
  readonly policy: aws.s3.BucketPolicy;
}

/** A versioned bucket that is never public and refuses calls without TLS, with all that configures it. */
export function privateBucket(name: string, args: PrivateBucketArgs): PrivateBucket {
  const { parent } = args;
  const here = { parent, retainOnDelete: args.retain };
  const s3 = new aws.s3.Bucket(
    name,
    { forceDestroy: args.forceDestroy },
    // AWS returns these with the bucket, and the resources below set them: a refresh would otherwise take
    // them for changes, and the next deployment undo them (pulumi-aws issues 3166 and 6244).
    { parent, ...deletionOptions(args), ignoreChanges: ofOthers },
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
  const policy = new aws.s3.BucketPolicy(
    name,
    {
      bucket,
      policy: policyDocument([
        denyWithoutTls('s3', [s3.arn, pulumi.interpolate`${s3.arn}/*`]),
        ...args.statements(s3.arn),
      ]),
    },
    // S3 answers OperationAborted if both are created at the same time.
    { ...here, dependsOn: [access] },
  );
  new aws.s3.BucketServerSideEncryptionConfiguration(name, { bucket, rules: [args.encryption] }, here);
  const versioning = new aws.s3.BucketVersioning(
    name,
    { bucket, versioningConfiguration: { status: 'Enabled' } },
    here,
  );
  new aws.s3.BucketLifecycleConfiguration(
    name,
    {
      bucket,
      rules: [
        {
          id: 'old-versions',
          ...everything,
          noncurrentVersionExpiration: { noncurrentDays: args.oldVersionExpiry },
        },
        // Can't share a rule with an expiration in days (S3 guide, "Removing expired object delete markers").
        { id: 'delete-markers', ...everything, expiration: { expiredObjectDeleteMarker: true } },
        {
          id: 'incomplete-uploads',
          ...everything,
          abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
        },
        ...args.lifecycle,
      ],
    },
    { ...here, dependsOn: [versioning] },
  );
  return { s3, policy };
}
