import type { Authorize } from '../../core/call.ts';
import { ServiceError } from '../../core/service-error.ts';
import type { WireRequest, WireResponse } from '../../http/service.ts';
import type { Bucket } from '../storage/bucket.ts';
import type { Origin } from '../storage/events.ts';
import type { Version } from '../storage/model.ts';
import type { Store } from '../storage/store.ts';
import { invalidArgument } from './errors.ts';

/** Headers that policies can test ("Service Authorization Reference: Condition keys for Amazon S3"). */
const conditionHeaders = [
  'if-match',
  'if-none-match',
  'x-amz-acl',
  'x-amz-content-sha256',
  'x-amz-copy-source',
  'x-amz-metadata-directive',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-storage-class',
];

/** The operations with s3:PutObject that create an object ("User Guide: Enforce conditional writes"). */
const creations = new Set(['PutObject', 'CopyObject', 'CompleteMultipartUpload']);

/** One request to one operation, with everything needed to answer it. */
export class Exchange {
  readonly request: WireRequest;
  readonly store: Store;
  readonly operation: string;
  readonly bucketName: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #authorize: Authorize;

  constructor(
    request: WireRequest,
    store: Store,
    authorize: Authorize,
    operation: string,
    target: { bucketName: string; key: string },
  ) {
    this.request = request;
    this.store = store;
    this.#authorize = authorize;
    this.operation = operation;
    this.bucketName = target.bucketName;
    this.key = target.key;
    this.headers = { ...hoisted(request.query), ...request.headers };
  }

  /** @throws NoSuchBucket */
  get bucket(): Bucket {
    return this.store.bucket(this.bucketName);
  }

  get origin(): Origin {
    const { caller, requestId, sourceIp } = this.request;
    const requester = caller.kind === 'service' ? caller.principal : this.store.accountId;
    return { requestId, requester, sourceIp };
  }

  query(name: string): string | undefined {
    return this.request.query.get(name) ?? undefined;
  }

  /** @throws InvalidArgument */
  number(
    name: string,
    fallback: number,
    [least, most]: readonly [number, number] = [0, 2 ** 31 - 1],
  ): number {
    const text = this.query(name);
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= least && value <= most) return value;
    const message =
      name === 'partNumber'
        ? 'Part number must be an integer between 1 and 10000, inclusive'
        : `Argument ${name} must be an integer between ${least} and ${most}`;
    throw invalidArgument(message, name, text);
  }

  /** The version in the request. @throws InvalidArgument */
  get versionId(): string | undefined {
    return checkVersionId(this.query('versionId'));
  }

  /** @throws AccessDenied, or an injected fault */
  async allow(action: string, resource = this.arn, context: Record<string, string> = {}): Promise<void> {
    const conditions: Record<string, string> = { ...context };
    if (action === 's3:PutObject')
      conditions['s3:objectcreationoperation'] = `${creations.has(this.operation)}`;
    for (const name of conditionHeaders) {
      const value = this.headers[name];
      if (value !== undefined) conditions[`s3:${name}`] = value;
    }
    const { caller } = this.request;
    const { operation, wantsChecksum } = this;
    await this.#authorize({ caller, operation, action, resource, context: conditions, wantsChecksum });
  }

  /** Authorizes an action on an object, or its counterpart on one of the object's versions. */
  allowVersion(action: string, resource: string, versionId: string | undefined): Promise<void> {
    return versionId === undefined
      ? this.allow(action, resource)
      : this.allow(`${action}Version`, resource, { 's3:versionid': versionId });
  }

  get wantsChecksum(): boolean {
    return this.headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED';
  }

  /** The ARN of the request's object or bucket, or `*`. */
  get arn(): string {
    if (this.bucketName === '') return '*';
    return this.key === '' ? this.bucketArn : arnOf(this.bucketName, this.key);
  }

  get bucketArn(): string {
    return `arn:aws:s3:::${this.bucketName}`;
  }

  /**
   * `refusal` says that a key does not exist. A caller without permission to list the bucket must not learn
   * that ("API Reference: GetObject, Permissions": 404 with s3:ListBucket, 403 without).
   */
  async missing(refusal: ServiceError, bucketName = this.bucketName): Promise<ServiceError> {
    try {
      await this.allow('s3:ListBucket', `arn:aws:s3:::${bucketName}`);
      return refusal;
    } catch (error) {
      if (error instanceof ServiceError) return error;
      throw error;
    }
  }

  versionHeader(version: Pick<Version, 'versionId'>, name = 'x-amz-version-id'): Record<string, string> {
    return this.bucket.settings.versioning ? { [name]: version.versionId } : {};
  }
}

export type Operation = (exchange: Exchange) => Promise<WireResponse> | WireResponse;

export const arnOf = (bucket: string, key: string) => `arn:aws:s3:::${bucket}/${key}`;

/** @throws InvalidArgument */
export function checkVersionId(versionId: string | undefined): string | undefined {
  if (versionId === undefined || /^([A-Za-z0-9._]{32}|null)$/.test(versionId)) return versionId;
  throw invalidArgument('Invalid version id specified', 'versionId', versionId);
}

/**
 * A presigned URL carries headers as query parameters, which count as headers. A checksum of the body does
 * not: S3 has been observed to accept bodies that differ from it, and the SDK for JavaScript signs the
 * checksum of an empty body into every URL.
 */
function hoisted(query: URLSearchParams): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of query) {
    if (/^x-amz-(?!sdk-checksum-|checksum-(?!algorithm$|mode$|type$))/i.test(name))
      headers[name.toLowerCase()] = headerValue(name, value);
  }
  return headers;
}

/**
 * A query parameter's text as a header value: its UTF-8 bytes, in the form that Node writes. @throws
 * InvalidArgument
 */
function headerValue(name: string, value: string): string {
  checkHeaderValue(name, value);
  return Buffer.from(value).toString('latin1');
}

/** @throws InvalidArgument */
export function checkHeaderValue(name: string, value: string): void {
  if (/\p{Cc}/u.test(value))
    throw invalidArgument('Header values cannot contain control characters', name, value);
}
