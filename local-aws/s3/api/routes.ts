import {
  getBucketLocation,
  getBucketNotificationConfiguration,
  getBucketVersioning,
  headBucket,
  listBuckets,
  listMultipartUploads,
  listObjectsV1,
  listObjectsV2,
  listObjectVersions,
} from './buckets.ts';
import type { Operation } from './exchange.ts';
import { copyObject, deleteObject, deleteObjects, getObject, headObject, putObject } from './objects.ts';
import type { S3Operation } from './parameters.ts';
import { restoreObject } from './restore.ts';
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listParts,
  uploadPart,
  uploadPartCopy,
} from './uploads.ts';

type Scope = 'account' | 'bucket' | 'object';

/** Used instead of an action if the operation itself authorizes each of its keys. */
export const keyByKey = Symbol('key by key');

interface Route {
  readonly operation: S3Operation;
  readonly method: string;
  readonly scope: Scope;
  /** Query parameters that identify the operation. */
  readonly query?: readonly string[];
  /** Identified by the header `x-amz-copy-source`. */
  readonly copies?: true;
  /**
   * The caller's permission on the path's resource ("Service Authorization Reference: Actions for Amazon
   * S3").
   */
  readonly action: string | typeof keyByKey;
  /** The action if the request has a `versionId`. */
  readonly versionAction?: string;
  readonly run: Operation;
}

// biome-ignore format: a table.
export const routes: readonly Route[] = [
  { operation: 'ListBuckets', method: 'GET', scope: 'account', action: 's3:ListAllMyBuckets', run: listBuckets },
  { operation: 'HeadBucket', method: 'HEAD', scope: 'bucket', action: 's3:ListBucket', run: headBucket },
  { operation: 'GetBucketLocation', method: 'GET', scope: 'bucket', query: ['location'], action: 's3:GetBucketLocation', run: getBucketLocation },
  { operation: 'GetBucketVersioning', method: 'GET', scope: 'bucket', query: ['versioning'], action: 's3:GetBucketVersioning', run: getBucketVersioning },
  { operation: 'GetBucketNotificationConfiguration', method: 'GET', scope: 'bucket', query: ['notification'], action: 's3:GetBucketNotification', run: getBucketNotificationConfiguration },
  { operation: 'ListObjectVersions', method: 'GET', scope: 'bucket', query: ['versions'], action: 's3:ListBucketVersions', run: listObjectVersions },
  { operation: 'ListMultipartUploads', method: 'GET', scope: 'bucket', query: ['uploads'], action: 's3:ListBucketMultipartUploads', run: listMultipartUploads },
  { operation: 'ListObjectsV2', method: 'GET', scope: 'bucket', query: ['list-type'], action: 's3:ListBucket', run: listObjectsV2 },
  { operation: 'ListObjects', method: 'GET', scope: 'bucket', action: 's3:ListBucket', run: listObjectsV1 },
  { operation: 'DeleteObjects', method: 'POST', scope: 'bucket', query: ['delete'], action: keyByKey, run: deleteObjects },
  { operation: 'HeadObject', method: 'HEAD', scope: 'object', action: 's3:GetObject', versionAction: 's3:GetObjectVersion', run: headObject },
  { operation: 'ListParts', method: 'GET', scope: 'object', query: ['uploadId'], action: 's3:ListMultipartUploadParts', run: listParts },
  { operation: 'GetObject', method: 'GET', scope: 'object', action: 's3:GetObject', versionAction: 's3:GetObjectVersion', run: getObject },
  { operation: 'UploadPartCopy', method: 'PUT', scope: 'object', query: ['partNumber', 'uploadId'], copies: true, action: 's3:PutObject', run: uploadPartCopy },
  { operation: 'UploadPart', method: 'PUT', scope: 'object', query: ['partNumber', 'uploadId'], action: 's3:PutObject', run: uploadPart },
  { operation: 'CopyObject', method: 'PUT', scope: 'object', copies: true, action: 's3:PutObject', run: copyObject },
  { operation: 'PutObject', method: 'PUT', scope: 'object', action: 's3:PutObject', run: putObject },
  { operation: 'CreateMultipartUpload', method: 'POST', scope: 'object', query: ['uploads'], action: 's3:PutObject', run: createMultipartUpload },
  { operation: 'CompleteMultipartUpload', method: 'POST', scope: 'object', query: ['uploadId'], action: 's3:PutObject', run: completeMultipartUpload },
  { operation: 'RestoreObject', method: 'POST', scope: 'object', query: ['restore'], action: 's3:RestoreObject', run: restoreObject },
  { operation: 'AbortMultipartUpload', method: 'DELETE', scope: 'object', query: ['uploadId'], action: 's3:AbortMultipartUpload', run: abortMultipartUpload },
  { operation: 'DeleteObject', method: 'DELETE', scope: 'object', action: 's3:DeleteObject', versionAction: 's3:DeleteObjectVersion', run: deleteObject },
];

/** Query parameters that select another operation; one that no route names must not be ignored. */
const subresources = new Set(
  `abac accelerate acl analytics annotation append attributes cors delete encryption intelligent-tiering inventory
  legal-hold lifecycle list-type location logging metadataConfiguration metadataInventoryTable metadataJournalTable
  metadataTable metrics notification object-lock ownershipControls partNumber policy policyStatus publicAccessBlock
  renameObject replication requestPayment restore retention select session tagging torrent uploadId uploads versioning
  versions website`.split(/\s+/),
);
/** Parts of an object can be read by number. */
const plainParameters: Readonly<Record<string, readonly string[]>> = {
  GetObject: ['partNumber'],
  HeadObject: ['partNumber'],
};

interface Asked {
  readonly method: string;
  readonly scope: Scope;
  readonly query: URLSearchParams;
  readonly copies: boolean;
}

export function findRoute(asked: Asked): Route | undefined {
  return routes.find(({ operation, method, scope, query = [], copies = false }) => {
    if (method !== asked.method || scope !== asked.scope || copies !== asked.copies) return false;
    if (!query.every((name) => asked.query.has(name))) return false;
    const known = [...query, ...(plainParameters[operation] ?? [])];
    return [...asked.query.keys()].every((name) => known.includes(name) || !subresources.has(name));
  });
}

/** A name for a request that no route serves: SDKs send the operation's name in `x-id`. */
export function nameOf({ method, scope, query }: Asked): string {
  const named = query.get('x-id');
  if (named !== null) return named;
  const what = [...query.keys()].filter((name) => subresources.has(name)).map(pascal);
  if (method === 'PUT' && scope === 'bucket' && what.length === 0) return 'CreateBucket';
  const verb = `${method.charAt(0)}${method.slice(1).toLowerCase()}`;
  return `${verb}${pascal(scope)}${what.join('')}`;
}

const pascal = (name: string) =>
  name.replace(/(^|-)([a-z])/g, (_match, _dash, letter: string) => letter.toUpperCase());
