import { invalidArgument } from './errors.ts';
import type { Exchange, Operation } from './exchange.ts';
import { listObjects, listUploads, listVersions, type Position, positionOf } from './listing.ts';
import { quoted } from './object-headers.ts';
import { classOf, restoreStatus } from './storage-class.ts';
import { xmlResponse, xmlTime } from './xml.ts';

const owner = (exchange: Exchange) => ({ ID: exchange.store.accountId });

/** "API Reference: ListBuckets" */
const mostBuckets = 10_000;

export const listBuckets: Operation = (exchange) => {
  const { store } = exchange;
  const prefix = exchange.query('prefix');
  const token = exchange.query('continuation-token');
  const after = token === undefined ? '' : fromToken(token).key;
  const isHere = (exchange.query('bucket-region') ?? store.region) === store.region;
  const names = isHere ? store.buckets.map(({ settings }) => settings.name) : [];
  const rest = names.filter((name) => name.startsWith(prefix ?? '') && name > after);
  const page = rest.slice(0, exchange.number('max-buckets', mostBuckets, [1, mostBuckets]));
  const last = rest.length > page.length ? page.at(-1) : undefined;
  return xmlResponse('ListAllMyBucketsResult', {
    Owner: owner(exchange),
    Buckets: {
      Bucket: page.map((name) => ({
        Name: name,
        CreationDate: xmlTime(store.startedAt),
        BucketRegion: store.region,
      })),
    },
    ContinuationToken: last && toToken({ key: last, common: false }),
    Prefix: prefix,
  });
};

export const headBucket: Operation = ({ store }) => ({
  status: 200,
  headers: { 'x-amz-bucket-region': store.region },
});

export const getBucketLocation: Operation = ({ store }) =>
  // "API Reference: GetBucketLocation": null for us-east-1.
  xmlResponse('LocationConstraint', store.region === 'us-east-1' ? '' : store.region);

export const getBucketVersioning: Operation = ({ bucket }) =>
  xmlResponse('VersioningConfiguration', { Status: bucket.settings.versioning });

export const getBucketNotificationConfiguration: Operation = ({ bucket: { settings } }) =>
  xmlResponse('NotificationConfiguration', {
    EventBridgeConfiguration: settings.eventBridge ? {} : undefined,
    QueueConfiguration: settings.notifications?.map(({ id, queueArn, events, prefix, suffix }) => ({
      Id: id,
      Queue: queueArn,
      Event: events,
      Filter: filterOf({ prefix, suffix }),
    })),
  });

function filterOf(values: Readonly<Record<'prefix' | 'suffix', string | undefined>>) {
  const FilterRule = Object.entries(values)
    .filter(([, Value]) => Value !== undefined)
    .map(([Name, Value]) => ({ Name, Value }));
  return FilterRule.length === 0 ? undefined : { S3Key: { FilterRule } };
}

/** The first version, with markers instead of tokens; boto3's `bucket.objects` still uses it. */
export const listObjectsV1: Operation = (exchange) => {
  const request = selection(exchange, 'max-keys');
  const marker = exchange.query('marker') ?? '';
  const after = marker === '' ? undefined : positionOf(marker, request);
  const page = listObjects(exchange.bucket, { ...request, after });
  return xmlResponse('ListBucketResult', {
    ...listing(exchange, request, page),
    Marker: request.encode(marker),
    // "API Reference: ListObjects": without a delimiter the last key is the marker.
    NextMarker: page.next && request.delimiter !== '' ? request.encode(page.next.key) : undefined,
    Contents: contents(exchange, request, page, true),
  });
};

export const listObjectsV2: Operation = (exchange) => {
  const request = selection(exchange, 'max-keys');
  const token = exchange.query('continuation-token');
  const startAfter = exchange.query('start-after');
  const start = startAfter === undefined ? undefined : { key: startAfter, common: false };
  const after = token === undefined ? start : fromToken(token);
  const page = listObjects(exchange.bucket, { ...request, after });
  return xmlResponse('ListBucketResult', {
    ...listing(exchange, request, page),
    StartAfter: startAfter === undefined ? undefined : request.encode(startAfter),
    ContinuationToken: token,
    NextContinuationToken: page.next && toToken(page.next),
    KeyCount: page.entries.length + page.commonPrefixes.length,
    Contents: contents(exchange, request, page, exchange.query('fetch-owner') === 'true'),
  });
};

type ObjectPage = ReturnType<typeof listObjects>;

function contents(exchange: Exchange, { encode }: Request, { entries }: ObjectPage, withOwner: boolean) {
  return entries.map(({ key, object }) => ({
    Key: encode(key),
    LastModified: xmlTime(object.lastModified),
    ETag: quoted(object.etag),
    ...(object.checksum && {
      ChecksumAlgorithm: object.checksum.algorithm,
      ChecksumType: object.checksum.type,
    }),
    Size: object.size,
    StorageClass: classOf(object),
    ...restoreStatus(exchange, object),
    ...(withOwner && { Owner: owner(exchange) }),
  }));
}

export const listObjectVersions: Operation = (exchange) => {
  const request = selection(exchange, 'max-keys');
  const { after, markers } = fromMarkers(exchange, request, 'version-id-marker');
  const page = listVersions(exchange.bucket, { ...request, after });
  const { entries, next } = page;
  const { encode } = request;
  const element = ({ key, version, isLatest }: (typeof entries)[number]) => ({
    Key: encode(key),
    VersionId: version.versionId,
    IsLatest: isLatest,
    LastModified: xmlTime(version.lastModified),
    ...(!version.marker && {
      ETag: quoted(version.etag),
      Size: version.size,
      StorageClass: classOf(version),
      ...restoreStatus(exchange, version),
    }),
    Owner: owner(exchange),
  });
  return xmlResponse('ListVersionsResult', {
    ...listing(exchange, request, page),
    ...markers('VersionId', next),
    Version: entries.filter(({ version }) => !version.marker).map(element),
    DeleteMarker: entries.filter(({ version }) => version.marker).map(element),
  });
};

export const listMultipartUploads: Operation = (exchange) => {
  const request = selection(exchange, 'max-uploads');
  const { after, markers } = fromMarkers(exchange, request, 'upload-id-marker');
  const page = listUploads(exchange.bucket, { ...request, after });
  const { entries, next } = page;
  const { encode } = request;
  return xmlResponse('ListMultipartUploadsResult', {
    ...listing(exchange, request, page, ['Bucket', 'MaxUploads']),
    ...markers('UploadId', next),
    Upload: entries.map((upload) => ({
      Key: encode(upload.key),
      UploadId: upload.uploadId,
      Initiated: xmlTime(upload.initiated),
      StorageClass: classOf(upload),
      ChecksumAlgorithm: upload.checksum?.algorithm,
      ChecksumType: upload.checksum?.type,
      Owner: owner(exchange),
      Initiator: owner(exchange),
    })),
  });
};

/** A page never holds more than 1,000, even if more are requested. */
const longestPage = 1000;

function selection(exchange: Exchange, limitName: string) {
  const encoding = exchange.query('encoding-type');
  if (encoding !== undefined && encoding !== 'url') {
    throw invalidArgument('Invalid Encoding Method specified in Request', 'encoding-type', encoding);
  }
  return {
    prefix: exchange.query('prefix') ?? '',
    delimiter: exchange.query('delimiter') ?? '',
    limit: Math.min(exchange.number(limitName, longestPage), longestPage),
    encode: encoding === 'url' ? urlEncode : (text: string) => text,
  };
}

type Request = ReturnType<typeof selection>;

/** The elements common to all listings. */
function listing(
  exchange: Exchange,
  { prefix, delimiter, limit, encode }: Request,
  { commonPrefixes, next }: Omit<ObjectPage, 'entries'>,
  [name, limitName] = ['Name', 'MaxKeys'],
) {
  return {
    [name]: exchange.bucketName,
    Prefix: encode(prefix),
    Delimiter: delimiter === '' ? undefined : encode(delimiter),
    [limitName]: limit,
    EncodingType: exchange.query('encoding-type'),
    IsTruncated: next !== undefined,
    CommonPrefixes: commonPrefixes.map((each) => ({ Prefix: encode(each) })),
  };
}

/** S3's encoding: a space becomes `+`, a slash stays. */
function urlEncode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll('%2F', '/')
    .replace(/[!'()]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Where a listing begins, and its elements about that and about where the next one begins. */
function fromMarkers(exchange: Exchange, request: Request, idName: string) {
  const { encode } = request;
  const key = exchange.query('key-marker') || '';
  const id = exchange.query(idName) || undefined;
  if (id !== undefined && key === '') {
    throw invalidArgument(`A ${idName} cannot be specified without a key marker.`, idName, id);
  }
  const markers = (name: 'VersionId' | 'UploadId', next: Position | undefined) => ({
    KeyMarker: encode(key),
    [`${name}Marker`]: id ?? '',
    NextKeyMarker: next && encode(next.key),
    [`Next${name}Marker`]: next?.id,
  });
  return { after: key === '' ? undefined : positionOf(key, request, id), markers };
}

const toToken = ({ key, common }: Position) =>
  Buffer.from(`${common ? 'p' : 'k'}${key}`).toString('base64url');

/** @throws InvalidArgument */
function fromToken(token: string): Position {
  const text = Buffer.from(token, 'base64url').toString();
  const position = { key: text.slice(1), common: text[0] === 'p' };
  if (toToken(position) === token) return position;
  throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
}
