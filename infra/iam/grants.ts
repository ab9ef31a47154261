import * as pulumi from '@pulumi/pulumi';
import type { Bucket } from '../base/bucket.ts';
import { allow, type Statement } from './documents.ts';

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
