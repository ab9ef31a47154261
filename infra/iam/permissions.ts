import * as pulumi from '@pulumi/pulumi';
import type { Bucket } from '../base/bucket.ts';

/** One statement of a policy document (IAM guide, reference_policies_elements). */
export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?:
    | '*'
    | { readonly Service: string | readonly string[] }
    | { readonly AWS: pulumi.Input<string> };
  readonly Action: readonly string[];
  readonly Resource: pulumi.Input<string> | readonly pulumi.Input<string>[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, pulumi.Input<string> | readonly string[]>>>
  >;
}

/** A policy document as JSON. */
export function policyDocument(statements: readonly Statement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: '2012-10-17', Statement: statements });
}

export function allow(
  Sid: string,
  Action: readonly string[],
  Resource: pulumi.Input<string> | readonly pulumi.Input<string>[],
): Statement {
  return { Sid, Effect: 'Allow', Action, Resource };
}

/** Refuses every call that does not come over TLS (Security Hub S3.5; SQS guide, security best practices). */
export function denyWithoutTls(
  service: 's3' | 'sqs',
  Resource: pulumi.Input<string> | readonly pulumi.Input<string>[],
): Statement {
  return {
    Sid: 'DenyWithoutTls',
    Effect: 'Deny',
    Principal: '*',
    Action: [`${service}:*`],
    Resource,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
}

/**
 * Refuses to write over an object under a prefix, whoever asks: what is there was created once (S3 guide, conditional-writes-enforce).
 * To put one right by hand, delete it, and create it.
 */
export function denyOverwriting(prefix: string, bucketArn: pulumi.Input<string>): Statement {
  return {
    Sid: 'DenyOverwriting',
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:PutObject'],
    Resource: pulumi.interpolate`${bucketArn}/${prefix}*`,
    Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
  };
}

/** Using the stack's key, through the services alone that encrypt under it (KMS guide, conditions-kms, kms:ViaService). */
export function usesKey(
  arn: pulumi.Input<string>,
  actions: readonly ('Decrypt' | 'GenerateDataKey')[],
  services: readonly ('s3' | 'sqs' | 'secretsmanager')[],
): Statement {
  return {
    ...allow(
      'UseKey',
      actions.map((action) => `kms:${action}`),
      arn,
    ),
    Condition: { StringLike: { 'kms:ViaService': services.map((service) => `${service}.*.amazonaws.com`) } },
  };
}

/** Lets a function be a Lambda function's role. */
export const lambdaTrust = pulumi.jsonStringify({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'Lambda',
      Effect: 'Allow',
      Principal: { Service: 'lambda.amazonaws.com' },
      Action: ['sts:AssumeRole'],
    },
  ],
});

/**
 * Lets services take a role on, for the resource or the account that the condition names alone (IAM guide, confused-deputy).
 *
 * @param ifTold for a service whose guide does not say that it tells on whose behalf it calls: refused only when it names another
 */
export function trust(
  Service: string | readonly string[],
  condition: Readonly<Record<string, pulumi.Input<string>>>,
  { ifTold = false } = {},
): pulumi.Output<string> {
  return pulumi.jsonStringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'Trust',
        Effect: 'Allow',
        Principal: { Service },
        Action: ['sts:AssumeRole'],
        Condition: { [ifTold ? 'StringEqualsIfExists' : 'StringEquals']: condition },
      },
    ],
  });
}

/** A bucket together with what a function may do in it. */
export interface Grant {
  readonly bucket: Bucket;
  readonly statements: readonly Statement[];
}

/**
 * Reading objects at the version that an event names, for which `s3:GetObject` is neither needed nor enough; listing makes
 * a missing one 404 instead of 403 (S3 API reference, GetObject), and is used only then.
 */
export function reads(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [
      allow(sid('Read', bucket), ['s3:GetObjectVersion'], objects(bucket)),
      allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn),
    ],
  };
}

/** Writing whole objects. */
export function writes(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [allow(sid('Write', bucket), ['s3:PutObject'], objects(bucket))],
  };
}

/** Deleting objects: in a bucket with versions, putting a delete marker on top. */
export function removes(bucket: Bucket): Grant {
  return { bucket, statements: [allow(sid('Remove', bucket), ['s3:DeleteObject'], objects(bucket))] };
}

/** Finding what lies under a prefix, and deleting it. */
export function clears(bucket: Bucket): Grant {
  return all(removes(bucket), {
    bucket,
    statements: [allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn)],
  });
}

/** Several grants for the same bucket as one; what two of them say is said once. */
export function all(first: Grant, ...further: readonly Grant[]): Grant {
  const statements = [first, ...further].flatMap((grant) => grant.statements);
  return { ...first, statements: [...new Map(statements.map((each) => [each.Sid, each])).values()] };
}

/** Compare-and-swap on small objects: a PUT with `If-Match` needs `s3:GetObject` too (S3 guide, conditional-writes). */
export function updates(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [
      allow(sid('Update', bucket), ['s3:GetObject', 's3:PutObject'], objects(bucket)),
      allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn),
    ],
  };
}

/** Reading the newest versions of all objects, found by listing. */
export function readsAll(bucket: Bucket): Grant {
  return {
    bucket,
    statements: [
      allow(sid('Read', bucket), ['s3:GetObject'], objects(bucket)),
      allow(sid('List', bucket), ['s3:ListBucket'], bucket.arn),
    ],
  };
}

const objects = (bucket: Bucket) => pulumi.interpolate`${bucket.arn}/*`;
const sid = (verb: string, bucket: Bucket) =>
  verb + bucket.purpose[0]?.toUpperCase() + bucket.purpose.slice(1);
