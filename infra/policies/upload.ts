import { key, policyOf } from './document.ts';

/**
 * What an uploader's own account must allow, whichever that is. A multipart upload decrypts its parts when it
 * is completed (S3 guide, mpuAndPermissions).
 */
export const uploadPolicy = policyOf([
  {
    Sid: 'Upload',
    Effect: 'Allow',
    Action: ['s3:AbortMultipartUpload', 's3:PutObject'],
    Resource: 'arn:aws:s3:::sluice-STACK-raw-*/*',
  },
  {
    Sid: 'UseKey',
    Effect: 'Allow',
    Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
    Resource: key,
    Condition: { StringEquals: { 'kms:ViaService': 's3.REGION.amazonaws.com' } },
  },
]);
