import { badRequest, ServiceError } from '../../core/service-error.ts';
import type { WireResponse } from '../../http/service.ts';
import type { Attempt } from '../storage/bucket.ts';
import {
  checksumAlgorithms,
  checksumHeader,
  defaultAlgorithm,
  type StoredChecksum,
} from '../storage/checksum.ts';
import type { CreateReason, StoredObject, WriteCondition } from '../storage/model.ts';
import { largestPart } from '../storage/multipart.ts';
import { Body, readText } from './body.ts';
import {
  invalidArgument,
  invalidRequest,
  noSuchKey,
  noSuchObject,
  preconditionFailed,
  RefusalWithHeaders,
} from './errors.ts';
import { arnOf, checkHeaderValue, checkVersionId, type Exchange, type Operation } from './exchange.ts';
import {
  checksumElements,
  checksumHeaders,
  checkWriteHeaders,
  encryptionHeaders,
  etagIsMd5,
  etagOf,
  objectHeaders,
  parseRange,
  quoted,
  readCondition,
  systemHeaders,
  unquoted,
} from './object-headers.ts';
import { documents, parseDocument } from './parameters.ts';
import { checkReadable, requestedClass, storageHeaders } from './storage-class.ts';
import { xmlResponse, xmlTime } from './xml.ts';

/** The limit of one PUT is the same as of one part. */
const largestPut = largestPart;
const largestDocument = 8 * 1024 ** 2;

export const putObject: Operation = async (exchange) => {
  const { bucket, headers } = exchange;
  checkWriteHeaders(headers, bucket.settings);
  const kept = { headers: objectHeaders(headers), storageClass: requestedClass(headers) };
  const { version } = await conditionally(exchange, (attempt) => {
    const body = Body.received(
      { body: exchange.request.body, headers },
      { limit: largestPut, wantsMd5: etagIsMd5(bucket.settings), fallback: defaultAlgorithm },
    );
    return storeObject(exchange, body, kept, 'PutObject', attempt);
  });
  return {
    status: 200,
    headers: {
      etag: quoted(version.etag),
      ...exchange.versionHeader(version),
      ...checksumHeaders(version),
      ...encryptionHeaders(bucket.settings),
    },
  };
};

/**
 * Runs a write with the request's If-Match and If-None-Match. @throws PreconditionFailed,
 * ConditionalRequestConflict
 */
export async function conditionally<T>(
  exchange: Exchange,
  write: (attempt: Attempt | undefined) => Promise<T>,
): Promise<T> {
  const { bucket, key, headers } = exchange;
  const condition: WriteCondition = {
    ifNoneMatch: headers['if-none-match'] === undefined ? undefined : '*',
    ifMatch: headers['if-match'] === undefined ? undefined : unquoted(headers['if-match']),
  };
  if (!condition.ifNoneMatch && condition.ifMatch === undefined) return write(undefined);
  // "User Guide: How to prevent object overwrites with conditional writes": If-Match also requires the
  // permission to read.
  if (condition.ifMatch !== undefined) await exchange.allow('s3:GetObject');
  const attempt = bucket.begin(key, condition);
  try {
    return await write(attempt);
  } finally {
    bucket.end(attempt);
  }
}

function storeObject(
  { bucket, key, store, origin }: Exchange,
  body: Body,
  kept: Pick<StoredObject, 'headers' | 'storageClass'>,
  reason: CreateReason,
  attempt: Attempt | undefined,
) {
  return store.take(bucket, origin, body, (blob) => {
    const { digest } = body;
    const { size } = digest;
    const etag = etagOf(digest, blob, bucket.settings);
    const checksum: StoredChecksum | undefined = digest.checksum && {
      ...digest.checksum,
      type: 'FULL_OBJECT',
    };
    const object = { size, etag, slices: [{ blob, size }], multipart: false, checksum, ...kept };
    return bucket.put(key, object, reason, store.stamp(), attempt);
  });
}

export const getObject: Operation = async (exchange) => readObject(exchange, true);
export const headObject: Operation = async (exchange) => readObject(exchange, false);

async function readObject(exchange: Exchange, withBody: boolean): Promise<WireResponse> {
  const { bucket, headers, store } = exchange;
  const object = await findObject(exchange);
  const common = {
    etag: quoted(object.etag),
    'last-modified': httpTime(object.lastModified),
    ...exchange.versionHeader(object),
  };
  const condition = readCondition(headers, object);
  if (condition === 'failed') throw preconditionFailed('If-Match');
  if (condition === 'not modified') return { status: 304, headers: common };
  if (withBody) checkReadable(object, store.now());
  const range = rangeOf(exchange, object);
  const { start, end } = range ?? { start: 0, end: object.size };
  return {
    status: range ? 206 : 200,
    headers: {
      ...object.headers,
      ...overrides(exchange),
      ...common,
      ...storageHeaders(object, store.now()),
      'accept-ranges': 'bytes',
      'content-length': `${end - start}`,
      ...(range && { 'content-range': `bytes ${start}-${end - 1}/${object.size}` }),
      ...(exchange.query('partNumber') !== undefined &&
        object.multipart && { 'x-amz-mp-parts-count': `${object.slices.length}` }),
      ...(exchange.wantsChecksum && !range && checksumHeaders(object)),
      ...encryptionHeaders(bucket.settings),
    },
    ...(withBody && {
      body: store.blobs.atOnce(object.slices, start, end) ?? store.blobs.read(object.slices, start, end),
    }),
  };
}

const httpTime = (ms: number) => new Date(ms).toUTCString();

/** Finds the object by the request's key and version; a delete marker does not count as an object. */
export async function findObject(exchange: Exchange): Promise<StoredObject> {
  const { bucket, key, versionId } = exchange;
  const version = versionId === undefined ? bucket.versions(key)[0] : bucket.version(key, versionId);
  if (!version) throw await exchange.missing(noSuchObject(key, versionId));
  if (!version.marker) return version;
  // "User Guide: Working with delete markers": 404 for the key, 405 for the marker's version id.
  const marked = { 'x-amz-delete-marker': 'true', ...exchange.versionHeader(version) };
  if (versionId !== undefined) {
    const details = { Method: exchange.request.method, ResourceType: 'DeleteMarker' };
    throw new RefusalWithHeaders(
      new ServiceError(
        'MethodNotAllowed',
        405,
        'The specified method is not allowed against this resource.',
        details,
      ),
      { ...marked, allow: 'DELETE', 'last-modified': httpTime(version.lastModified) },
    );
  }
  throw new RefusalWithHeaders(await exchange.missing(noSuchKey(key)), marked);
}

function rangeOf(exchange: Exchange, object: StoredObject) {
  if (exchange.query('partNumber') === undefined) return parseRange(exchange.headers['range'], object.size);
  if (exchange.headers['range'] !== undefined) {
    throw invalidRequest('Cannot specify both Range header and partNumber query parameter');
  }
  const number = exchange.number('partNumber', 1, [1, 10_000]);
  if (!object.multipart && number === 1) return undefined;
  const slice = object.multipart ? object.slices[number - 1] : undefined;
  if (!slice) {
    throw new ServiceError('InvalidPartNumber', 416, 'The requested partnumber is not satisfiable', {
      ActualPartCount: `${object.slices.length}`,
      PartNumberRequested: `${number}`,
    });
  }
  const start = object.slices.slice(0, number - 1).reduce((sum, each) => sum + each.size, 0);
  return { start, end: start + slice.size };
}

/** `response-content-type` and its like ("API Reference: GetObject, Overriding response header values"). */
function overrides(exchange: Exchange): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of systemHeaders) {
    const parameter = `response-${name}`;
    const value = exchange.query(parameter);
    if (value === undefined) continue;
    if (/[^\0-\xff]/.test(value))
      throw invalidArgument('Header value cannot be represented using ISO-8859-1.', parameter, value);
    checkHeaderValue(parameter, value);
    headers[name] = value;
  }
  return headers;
}

/** Finds and authorizes the source of a copy, and checks its preconditions. */
export async function copySource(exchange: Exchange): Promise<{
  object: StoredObject;
  headers: Record<string, string>;
  path: string;
  versionId: string | undefined;
}> {
  const { headers, store } = exchange;
  const [, path = '', version] =
    /^\/?([^?]*)(?:\?versionId=(.*))?$/.exec(headers['x-amz-copy-source'] ?? '') ?? [];
  const slash = path.indexOf('/');
  let bucketName: string;
  let key: string;
  try {
    bucketName = decodeURIComponent(path.slice(0, slash));
    key = decodeURIComponent(path.slice(slash + 1));
  } catch {
    throw invalidCopySource();
  }
  if (slash <= 0 || key === '') throw invalidCopySource();
  const versionId = checkVersionId(version);
  const bucket = store.bucket(bucketName);
  await exchange.allowVersion('s3:GetObject', arnOf(bucketName, key), versionId);
  const object = versionId === undefined ? bucket.current(key) : bucket.version(key, versionId);
  if (!object) throw await exchange.missing(noSuchObject(key, versionId), bucketName);
  if (object.marker) {
    throw invalidRequest(
      'The source of a copy request may not specifically refer to a delete marker by version id.',
    );
  }
  if (readCondition(headers, object, 'x-amz-copy-source-') !== 'go') {
    throw preconditionFailed('x-amz-copy-source-If-*');
  }
  checkReadable(object, store.now());
  const versionHeader: Record<string, string> = bucket.settings.versioning
    ? { 'x-amz-copy-source-version-id': object.versionId }
    : {};
  return { object, headers: versionHeader, path: `${bucketName}/${key}`, versionId };
}

const invalidCopySource = () =>
  badRequest(
    'InvalidArgument',
    'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    { ArgumentName: 'x-amz-copy-source' },
  );

export const copyObject: Operation = async (exchange) => {
  const { bucket, key, store, headers } = exchange;
  checkWriteHeaders(headers, bucket.settings);
  const source = await copySource(exchange);
  const { object } = source;
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw invalidArgument('Unknown metadata directive.', 'x-amz-metadata-directive', directive);
  const replace = directive === 'REPLACE';
  const storageClass = requestedClass(headers);
  const changes = replace || headers['x-amz-storage-class'] !== undefined;
  if (!changes && source.versionId === undefined && source.path === `${exchange.bucketName}/${key}`) {
    throw invalidRequest(
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  if (object.size > largestPut) {
    throw invalidRequest(
      'The specified copy source is larger than the maximum allowable size for a copy source',
    );
  }
  const kept = { headers: replace ? objectHeaders(headers) : object.headers, storageClass };
  const wanted = headers['x-amz-checksum-algorithm']?.toUpperCase() ?? object.checksum?.algorithm;
  const algorithm = checksumAlgorithms.find((each) => each === wanted) ?? defaultAlgorithm;
  const { version } = await conditionally(exchange, async (attempt) => {
    const bytes = store.blobs.read(object.slices, 0, object.size);
    const body = Body.copied(bytes, algorithm, {
      limit: object.size,
      wantsMd5: etagIsMd5(bucket.settings),
    });
    try {
      return await storeObject(exchange, body, kept, 'CopyObject', attempt);
    } finally {
      bytes.destroy();
    }
  });
  return xmlResponse(
    'CopyObjectResult',
    {
      ETag: quoted(version.etag),
      LastModified: xmlTime(version.lastModified),
      ...checksumElements(version),
    },
    { ...source.headers, ...exchange.versionHeader(version), ...encryptionHeaders(bucket.settings) },
  );
};

export const deleteObject: Operation = async (exchange) => {
  const { bucket, key, store, versionId, headers } = exchange;
  const etag = headers['if-match'] === undefined ? undefined : unquoted(headers['if-match']);
  await allowComparison(exchange, etag);
  const { done, marker } = bucket.remove(key, versionId, store.stamp(), etag);
  if (done) await store.commit(bucket, exchange.origin, done);
  const named = marker ?? versionId;
  return {
    status: 204,
    headers: {
      ...(marker !== undefined && { 'x-amz-delete-marker': 'true' }),
      ...(named !== undefined && exchange.versionHeader({ versionId: named })),
    },
  };
};

/**
 * "User Guide: Enforce conditional deletes": a specific ETag also requires the permission to read, `*` does
 * not.
 */
async function allowComparison(exchange: Exchange, etag: string | undefined, key = exchange.key) {
  if (etag !== undefined && etag !== '*')
    await exchange.allow('s3:GetObject', arnOf(exchange.bucketName, key));
}

/**
 * Each key is authorized separately; a refused one becomes an `Error` element among the others' `Deleted`.
 */
export const deleteObjects: Operation = async (exchange) => {
  const { headers, store, bucket } = exchange;
  if (
    headers['content-md5'] === undefined &&
    !checksumAlgorithms.some((each) => checksumHeader(each) in headers)
  ) {
    throw invalidRequest('Missing required header for this request: Content-MD5 OR x-amz-checksum-*');
  }
  const request = parseDocument(
    'DeleteObjects',
    documents.DeleteObjects,
    'Delete',
    await readDocument(exchange),
  );
  const deleted: Record<string, string | boolean | undefined>[] = [];
  const errors: Record<string, string | undefined>[] = [];
  const commits: Promise<void>[] = [];
  for (const { Key: key, VersionId, ETag } of request.Object) {
    const versionId = VersionId || undefined;
    const etag = ETag === undefined ? undefined : unquoted(ETag);
    const named = { Key: key, VersionId: versionId };
    try {
      await exchange.allowVersion('s3:DeleteObject', arnOf(exchange.bucketName, key), versionId);
      await allowComparison(exchange, etag, key);
      const { done, marker } = bucket.remove(key, checkVersionId(versionId), store.stamp(), etag);
      if (done) commits.push(store.commit(bucket, exchange.origin, done));
      deleted.push({
        ...named,
        ...(marker !== undefined && { DeleteMarker: true, DeleteMarkerVersionId: marker }),
      });
    } catch (error) {
      // A server error fails the whole call; a refusal fails only its key.
      if (!(error instanceof ServiceError) || error.status >= 500) {
        await Promise.all(commits);
        throw error;
      }
      errors.push({ ...named, Code: error.code, Message: error.message });
    }
  }
  await Promise.all(commits);
  const quiet = request.Quiet === 'true';
  return xmlResponse('DeleteResult', { Deleted: quiet ? [] : deleted, Error: errors });
};

/** The XML document in a request. */
export function readDocument({ request, headers }: Pick<Exchange, 'request' | 'headers'>): Promise<string> {
  return readText(Body.received({ body: request.body, headers }, { limit: largestDocument }));
}
