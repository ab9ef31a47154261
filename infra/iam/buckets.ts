import * as pulumi from '@pulumi/pulumi';
import type { Statement } from './documents.ts';

/**
 * Denies everyone overwriting objects under a prefix; each is created once (S3 guide,
 * conditional-writes-enforce). To correct an object by hand, delete it and create it again.
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

const encryption = 's3:x-amz-server-side-encryption';
const keyOfUpload = `${encryption}-aws-kms-key-id`;

/**
 * Denies everyone uploading under a key that the functions can't use. An upload that says nothing of its
 * encryption gets the stack's key, as the bucket's default; it may name that key by its ARN. Each statement
 * has a `Null` condition, since a negated condition holds for a missing key too (IAM guide,
 * reference_policies_elements_condition_operators).
 */
export function denyForeignKeys(bucketArn: pulumi.Input<string>, keyArn: pulumi.Input<string>): Statement[] {
  const deny = (Sid: string, Condition: Statement['Condition']): Statement => ({
    Sid,
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:PutObject'],
    Resource: pulumi.interpolate`${bucketArn}/*`,
    Condition,
  });
  return [
    deny('DenyForeignKeys', { Null: { [keyOfUpload]: 'false' }, ArnNotEquals: { [keyOfUpload]: keyArn } }),
    // Without the key, that is aws/s3, which each account has its own of (S3 API reference, PutObject).
    deny('DenyKeysOfAws', { Null: { [keyOfUpload]: 'true' }, StringLike: { [encryption]: 'aws:kms*' } }),
    // A key that the caller keeps (S3 guide, ServerSideEncryptionCustomerKeys).
    deny('DenyKeysOfCallers', { Null: { [`${encryption}-customer-algorithm`]: 'false' } }),
  ];
}

/** Lets these upload whole objects, and nothing else. */
export function mayUpload(bucketArn: pulumi.Input<string>, arns: readonly string[]): Statement {
  return {
    Sid: 'UploadersPut',
    Effect: 'Allow',
    Principal: { AWS: [...arns] },
    Action: ['s3:PutObject'],
    Resource: pulumi.interpolate`${bucketArn}/*`,
  };
}
