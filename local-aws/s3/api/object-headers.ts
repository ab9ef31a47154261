import { createHash } from 'node:crypto';
import { badRequest, ServiceError } from '../../core/service-error.ts';
import { checksumHeader } from '../storage/checksum.ts';
import type { BucketSettings, StoredObject } from '../storage/model.ts';
import type { Digest } from './body.ts';
import { invalidArgument, invalidRequest, notImplemented } from './errors.ts';

type Headers = Readonly<Record<string, string>>;

/** Headers that are stored with an object besides user metadata, and can be overridden on reading. */
export const systemHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
] as const;
const metadataPrefix = 'x-amz-meta-';
/** "User Guide: Working with object metadata": limit of names and values together. */
const mostMetadataBytes = 2048;

/** The request headers that are stored with the object. @throws MetadataTooLarge */
export function objectHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = { 'content-type': 'binary/octet-stream' };
  let metadataBytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(metadataPrefix)) {
      metadataBytes += name.length - metadataPrefix.length + Buffer.byteLength(value, 'latin1');
      kept[name] = value;
    } else if (systemHeaders.some((each) => each === name)) {
      const stored = name === 'content-encoding' ? withoutChunked(value) : value;
      if (stored !== '') kept[name] = stored;
    }
  }
  if (metadataBytes > mostMetadataBytes) {
    throw badRequest('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size', {
      Size: `${metadataBytes}`,
      MaxSizeAllowed: `${mostMetadataBytes}`,
    });
  }
  return kept;
}

/** `aws-chunked` is the encoding of the transfer, not of the object. */
function withoutChunked(encoding: string): string {
  const encodings = encoding.split(',');
  const kept = encodings.filter((each) => each.trim() !== 'aws-chunked');
  return kept.length === encodings.length ? encoding : kept.join(',').trim();
}

/** @throws InvalidArgument, NotImplemented, AccessControlListNotSupported */
export function checkWriteHeaders(headers: Headers, settings: BucketSettings): void {
  const { [encryptionHeader]: encryption, [keyHeader]: key } = headers;
  if (key !== undefined && encryption !== 'aws:kms') {
    throw invalidArgument(
      'Server Side Encryption with KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
      encryptionHeader,
      encryption ?? '',
    );
  }
  // The bucket decides the encryption of all its objects.
  const own = encryptionHeaders(settings);
  for (const name of [encryptionHeader, keyHeader]) {
    const value = headers[name];
    if (value !== undefined && value !== own[name])
      throw notImplemented('A header you provided implies functionality that is not implemented', {
        Header: name,
        Value: value,
      });
  }
  // Object ownership is "bucket owner enforced", the default, so ACLs are disabled.
  const acl = headers['x-amz-acl'];
  if (acl !== undefined && acl !== 'private' && acl !== 'bucket-owner-full-control') {
    throw badRequest('AccessControlListNotSupported', 'The bucket does not allow ACLs');
  }
}

const encryptionHeader = 'x-amz-server-side-encryption';
const keyHeader = 'x-amz-server-side-encryption-aws-kms-key-id';

export const quoted = (etag: string) => `"${etag}"`;
export const unquoted = (etag: string) => etag.trim().replace(/^(W\/)?"(.*)"$/, '$2');

/** S3's headers about an object's encryption, which is always the bucket's. */
export function encryptionHeaders({ keyArn }: BucketSettings): Record<string, string> {
  if (keyArn === undefined) return { [encryptionHeader]: 'AES256' };
  return { [encryptionHeader]: 'aws:kms', [keyHeader]: keyArn };
}

/** Whether an object's ETag is the MD5 of its bytes: not with a KMS key ("API Reference: Object, ETag"). */
export const etagIsMd5 = ({ keyArn }: BucketSettings) => keyArn === undefined;

/**
 * The ETag of an object that was uploaded in one piece. If it is not an MD5, equal bytes get different ETags;
 * here it is derived from the blob's name.
 */
export function etagOf({ md5 }: Digest, blob: string, settings: BucketSettings): string {
  return md5 !== undefined && etagIsMd5(settings) ? md5 : createHash('md5').update(blob).digest('hex');
}

export function checksumHeaders({ checksum }: Pick<StoredObject, 'checksum'>): Record<string, string> {
  if (!checksum) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

export function checksumElements({ checksum }: Pick<StoredObject, 'checksum'>): Record<string, string> {
  return checksum ? { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type } : {};
}

/**
 * Evaluates If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since (RFC 9110, 13.2.2), or, with a
 * `prefix`, those of a copy's source.
 */
export function readCondition(
  headers: Headers,
  object: StoredObject,
  prefix = '',
): 'go' | 'failed' | 'not modified' {
  const matches = (list: string) =>
    list.split(',').some((etag) => etag.trim() === '*' || unquoted(etag) === object.etag);
  const modifiedSince = (date: string) => Math.floor(object.lastModified / 1000) * 1000 > Date.parse(date);
  const ifMatch = headers[`${prefix}if-match`];
  const ifUnmodified = headers[`${prefix}if-unmodified-since`];
  if (ifMatch !== undefined ? !matches(ifMatch) : ifUnmodified !== undefined && modifiedSince(ifUnmodified)) {
    return 'failed';
  }
  const ifNoneMatch = headers[`${prefix}if-none-match`];
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch) ? 'not modified' : 'go';
  const ifModified = headers[`${prefix}if-modified-since`];
  return ifModified !== undefined && !modifiedSince(ifModified) ? 'not modified' : 'go';
}

export interface Range {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * The requested range of `size` bytes. Undefined, for all bytes, if there is no `Range` header, a malformed
 * one, or one of several ranges, which S3 doesn't support. @throws InvalidRange
 */
export function parseRange(header: string | undefined, size: number): Range | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (start < end) return { start, end };
  throw new ServiceError('InvalidRange', 416, 'The requested range is not satisfiable', {
    RangeRequested: header ?? '',
    ActualObjectSize: `${size}`,
  });
}

/**
 * A copy's range must be complete and within the source ("API Reference: UploadPartCopy"). @throws
 * InvalidArgument, InvalidRequest
 */
export function parseCopyRange(header: string | undefined, size: number): Range {
  if (header === undefined) return { start: 0, end: size };
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  const range = { start: Number(first), end: Number(last) + 1 };
  if (first === undefined || range.start >= range.end) {
    throw invalidArgument(
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      'x-amz-copy-source-range',
      header,
    );
  }
  if (range.end > size)
    throw invalidRequest('The specified copy range is invalid for the source object size');
  return range;
}
