import * as z from 'zod';
import { all, harmless, type Input, notServed, only, parseInput } from '../../http/parameters.ts';
import { checksumAlgorithms, checksumHeader } from '../storage/checksum.ts';
import { malformedXml } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { systemHeaders } from './object-headers.ts';
import { parseXml } from './xml.ts';

/** Read by the operation itself. */
const served = z.string().optional();

const nothingLocked = harmless('No object is locked.');
const everywhere = {
  'x-amz-expected-bucket-owner': served,
  'x-amz-request-payer': harmless('Nobody pays.'),
  'x-amz-server-side-encryption': notServed,
  'x-amz-server-side-encryption-aws-kms-key-id': notServed,
  'x-amz-server-side-encryption-context': notServed,
  'x-amz-server-side-encryption-bucket-key-enabled': notServed,
  'x-amz-server-side-encryption-customer-algorithm': notServed,
  'x-amz-server-side-encryption-customer-key': notServed,
  'x-amz-server-side-encryption-customer-key-md5': notServed,
};
const checksums = {
  ...all(checksumAlgorithms.map(checksumHeader), served),
  'x-amz-checksum-sha512': notServed,
  'x-amz-checksum-md5': notServed,
  'x-amz-checksum-xxhash64': notServed,
  'x-amz-checksum-xxhash3': notServed,
  'x-amz-checksum-xxhash128': notServed,
};
const body = { 'content-length': served, 'content-md5': served, 'x-amz-sdk-checksum-algorithm': served };
/** Parameters of the operations that create an object. */
const write = {
  ...everywhere,
  ...all(systemHeaders, served),
  'x-amz-meta-': served,
  'x-amz-acl': served,
  'x-amz-server-side-encryption': served,
  'x-amz-server-side-encryption-aws-kms-key-id': served,
  'x-amz-server-side-encryption-bucket-key-enabled': harmless('It saves calls to KMS, and there are none.'),
  'x-amz-storage-class': served,
  'x-amz-website-redirect-location': notServed,
  'x-amz-tagging': notServed,
  'x-amz-grant-full-control': notServed,
  'x-amz-grant-read': notServed,
  'x-amz-grant-read-acp': notServed,
  'x-amz-grant-write-acp': notServed,
  'x-amz-object-lock-mode': notServed,
  'x-amz-object-lock-retain-until-date': notServed,
  'x-amz-object-lock-legal-hold': notServed,
  'x-amz-object-lock-event-hold': notServed,
  'x-amz-object-lock-event-hold-duration-days': notServed,
  'x-amz-object-lock-event-hold-duration-years': notServed,
};
const writeConditions = { 'if-match': served, 'if-none-match': only('*') };
const read = {
  ...everywhere,
  ...all(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'range'], served),
  ...all(
    systemHeaders.map((name) => `response-${name}`),
    served,
  ),
  ...all(['versionId', 'partNumber', 'x-amz-checksum-mode'], served),
};
const source = {
  'x-amz-source-expected-bucket-owner': served,
  'x-amz-copy-source': served,
  'x-amz-copy-source-if-match': served,
  'x-amz-copy-source-if-none-match': served,
  'x-amz-copy-source-if-modified-since': served,
  'x-amz-copy-source-if-unmodified-since': served,
  'x-amz-copy-source-server-side-encryption-customer-algorithm': notServed,
  'x-amz-copy-source-server-side-encryption-customer-key': notServed,
  'x-amz-copy-source-server-side-encryption-customer-key-md5': notServed,
};
const part = all(['partNumber', 'uploadId'], served);
const deletion = {
  ...everywhere,
  'x-amz-mfa': harmless('No bucket requires it.'),
  'x-amz-bypass-governance-retention': nothingLocked,
};
const listing = {
  ...everywhere,
  ...all(['prefix', 'delimiter', 'encoding-type'], served),
  'x-amz-optional-object-attributes': served,
};

/** Each operation's parameters, by lower-case names of query parameters and headers. */
export const parameters = {
  ListBuckets: z.object(all(['max-buckets', 'continuation-token', 'prefix', 'bucket-region'], served)),
  HeadBucket: z.object(everywhere),
  GetBucketLocation: z.object(everywhere),
  GetBucketVersioning: z.object(everywhere),
  GetBucketNotificationConfiguration: z.object(everywhere),
  ListObjects: z.object({ ...listing, ...all(['marker', 'max-keys'], served) }),
  ListObjectsV2: z.object({
    ...listing,
    ...all(['max-keys', 'continuation-token', 'fetch-owner', 'start-after'], served),
  }),
  ListObjectVersions: z.object({
    ...listing,
    ...all(['max-keys', 'key-marker', 'version-id-marker'], served),
  }),
  ListMultipartUploads: z.object({
    ...listing,
    ...all(['max-uploads', 'key-marker', 'upload-id-marker'], served),
  }),
  GetObject: z.object(read),
  HeadObject: z.object(read),
  PutObject: z.object({
    ...write,
    ...writeConditions,
    ...body,
    ...checksums,
    'x-amz-write-offset-bytes': notServed,
  }),
  CopyObject: z.object({
    ...write,
    ...writeConditions,
    ...source,
    'x-amz-metadata-directive': served,
    'x-amz-tagging-directive': harmless('No object has tags.'),
    'x-amz-object-annotation-directive': harmless('No object has annotations.'),
    'x-amz-checksum-algorithm': served,
  }),
  DeleteObject: z.object({
    ...deletion,
    versionId: served,
    'if-match': served,
    'x-amz-if-match-last-modified-time': notServed,
    'x-amz-if-match-size': notServed,
  }),
  DeleteObjects: z.object({ ...deletion, ...body, ...checksums }),
  CreateMultipartUpload: z.object({
    ...write,
    'x-amz-checksum-algorithm': served,
    'x-amz-checksum-type': served,
  }),
  UploadPart: z.object({ ...everywhere, ...part, ...body, ...checksums }),
  UploadPartCopy: z.object({ ...everywhere, ...part, ...source, 'x-amz-copy-source-range': served }),
  ListParts: z.object({ ...everywhere, ...all(['uploadId', 'max-parts', 'part-number-marker'], served) }),
  CompleteMultipartUpload: z.object({
    ...everywhere,
    ...writeConditions,
    ...checksums,
    uploadId: served,
    'x-amz-checksum-type': served,
    'x-amz-mp-object-size': served,
  }),
  RestoreObject: z.object({ ...everywhere, ...body, ...checksums, versionId: served }),
  AbortMultipartUpload: z.object({
    ...everywhere,
    uploadId: served,
    'x-amz-if-match-initiated-time': notServed,
  }),
} satisfies Record<string, Input>;
export type S3Operation = keyof typeof parameters;

/** @throws ServiceError NotImplemented, with its name, for a parameter that is not served */
export function checkParameters(operation: S3Operation, { request, headers }: Exchange): void {
  parseInput(operation, parameters[operation], { ...Object.fromEntries(request.query), ...headers });
}

const checksumElements = all(
  checksumAlgorithms.map((each) => `Checksum${each}` as const),
  served,
);
const completedPart = z.object({
  PartNumber: z.string().regex(/^\d{1,5}$/),
  ETag: z.string(),
  ...checksumElements,
  ChecksumSHA512: notServed,
  ChecksumMD5: notServed,
  ChecksumXXHASH64: notServed,
  ChecksumXXHASH3: notServed,
  ChecksumXXHASH128: notServed,
});
const objectIdentifier = z.object({
  Key: z.string().min(1),
  VersionId: served,
  ETag: served,
  LastModifiedTime: notServed,
  Size: notServed,
});

/** The contents of documents in requests. */
export const documents = {
  CompleteMultipartUpload: z.object({ Part: z.array(completedPart).default([]) }),
  RestoreObject: z.object({
    Days: z.string().regex(/^[1-9]\d{0,4}$/),
    GlacierJobParameters: harmless('Every tier restores at once.'),
    Type: notServed,
    Tier: notServed,
    Description: notServed,
    SelectParameters: notServed,
    OutputLocation: notServed,
  }),
  DeleteObjects: z.object({ Object: z.array(objectIdentifier).min(1).max(1000), Quiet: served }),
};

/** @throws MalformedXML, or NotImplemented for an element that is not served */
export function parseDocument<Schema extends Input>(
  operation: S3Operation,
  schema: Schema,
  root: string,
  text: string,
): z.output<Schema> {
  try {
    return parseInput(operation, schema, parseXml(text, root));
  } catch (error) {
    throw error instanceof z.ZodError ? malformedXml() : error;
  }
}
