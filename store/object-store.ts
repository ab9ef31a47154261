import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchBucket,
  PutObjectCommand,
  type PutObjectCommandOutput,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { ByteRange } from '../domain/records/decoding/source.ts';

/** How often a write that collides with another one is tried before the message is retried. */
const CONDITIONAL_ATTEMPTS = 5;

/** Keys in one request (S3 API reference, DeleteObjects). */
const MAX_DELETES = 1000;

/** One version of an object. */
export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
}

/** An object to write: its bytes in memory, and its properties. */
export interface NewObject {
  readonly bucket: string;
  readonly key: string;
  readonly body: Uint8Array | string;
  readonly contentType: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StoredVersion {
  readonly bytes: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** S3's answer to a write. */
export interface Written {
  readonly etag: string;
  readonly versionId: string;
}

/** A small object with its ETag, which identifies this state of it. */
export interface Snapshot {
  readonly text: string;
  readonly etag: string;
  /** When it was written, in milliseconds since the epoch. */
  readonly modified: number;
}

/** The operations of S3 that the stages need. */
export interface ObjectStore {
  /** The bytes of exactly this version, or of a range of it, as they come in. @throws {ObjectNotFound} */
  read(address: ObjectAddress, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  /** @throws {ObjectNotFound} */
  describe(address: ObjectAddress): Promise<StoredVersion>;
  /** Whether the current version of this key exists. */
  exists(bucket: string, key: string): Promise<boolean>;
  /**
   * The current version of this key, or `undefined` when there is none.
   *
   * @param wasDeleted is called if there is none since it was deleted, and S3 still knows of it
   */
  find(bucket: string, key: string, wasDeleted?: () => void): Promise<Snapshot | undefined>;
  /** The bytes of the current version of this key, all or some, at least one. @throws {ObjectNotFound} */
  bytes(bucket: string, key: string, range?: ByteRange): Promise<Uint8Array>;
  write(object: NewObject): Promise<Written>;
  /** Writes unless the key exists. @returns `undefined` if it did not write: somebody else was first */
  create(object: NewObject): Promise<Written | undefined>;
  /** Writes if the key still has this ETag. @returns `undefined` if it did not write */
  replace(object: NewObject, etag: string): Promise<Written | undefined>;
  /** All keys under a prefix. */
  list(bucket: string, prefix: string): Promise<string[]>;
  /** Deletes the current versions of these keys; a missing key is not an error. */
  remove(bucket: string, keys: readonly string[]): Promise<void>;
  copy(from: ObjectAddress, to: { readonly bucket: string; readonly key: string }): Promise<Written>;
}

/** Thrown if a version does not exist (any more): no retry will bring it back. */
export class ObjectNotFound extends Error {
  override readonly name = 'ObjectNotFound';

  constructor({ bucket, key, versionId }: ObjectAddress) {
    super(`s3://${bucket}/${key} has no version ${versionId}.`);
  }
}

/** The same port until the deadline: from then on, every call is refused before it is made. */
export function untilDeadline<Port extends object>(port: Port, isOver: () => boolean): Port {
  return new Proxy(port, {
    get(target, name) {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== 'function') return call;
      return async (...args: unknown[]) => {
        if (isOver()) throw new Error('The invocation has run out of time.');
        return call.apply(target, args);
      };
    },
  });
}

/** The parameter of a request for some bytes of an object (RFC 9110, section 14.1.2). */
export function rangeInput(range: ByteRange | undefined): { readonly Range?: string } {
  if (range === undefined) return {};
  return { Range: `bytes=${'last' in range ? `-${range.last}` : `${range.start}-${range.end - 1}`}` };
}

/** Amazon S3, or the local cloud if the environment is set for it. */
export function s3ObjectStore(client = new S3Client({})): ObjectStore {
  return {
    async read(address, range) {
      const command = new GetObjectCommand({ ...versionInput(address), ...rangeInput(range) });
      const answer = await found(address, client.send(command)).catch((error: unknown) => {
        // There are no bytes in this range ("InvalidRange"), as in an empty object.
        if (isStatus(error, 416)) return { Body: Readable.from([]) };
        throw error;
      });
      const { Body } = answer;
      if (!(Body instanceof Readable))
        throw new Error(`s3://${address.bucket}/${address.key} came without a body.`);
      return Body;
    },
    async describe(address) {
      const { ContentLength, Metadata } = await found(
        address,
        client.send(new HeadObjectCommand(versionInput(address))),
      );
      return { bytes: ContentLength ?? 0, metadata: Metadata ?? {} };
    },
    async exists(bucket, key) {
      try {
        await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        throw error;
      }
    },
    async find(bucket, key, wasDeleted) {
      try {
        const { Body, ETag, LastModified } = await client.send(
          new GetObjectCommand({ Bucket: bucket, Key: key }),
        );
        const text = (await Body?.transformToString()) ?? '';
        return { text, etag: ETag ?? '', modified: LastModified?.getTime() ?? 0 };
      } catch (error) {
        if (!isStatus(error, 404) || error instanceof NoSuchBucket) throw error;
        if (isMarked(error)) wasDeleted?.();
        return undefined;
      }
    },
    async bytes(bucket, key, range) {
      const { Body } = await found(
        { bucket, key, versionId: 'current' },
        client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...rangeInput(range) })),
      );
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    },
    async write(object) {
      return written(await client.send(new PutObjectCommand(putInput(object))));
    },
    create: (object) => putIf(client, object, { IfNoneMatch: '*' }),
    replace: (object, etag) => putIf(client, object, { IfMatch: etag }),
    async list(bucket, prefix) {
      const keys: string[] = [];
      for await (const { Contents } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix }))
        for (const { Key } of Contents ?? []) if (Key !== undefined) keys.push(Key);
      return keys;
    },
    async remove(bucket, keys) {
      for (let start = 0; start < keys.length; start += MAX_DELETES) {
        const Objects = keys.slice(start, start + MAX_DELETES).map((Key) => ({ Key }));
        const { Errors } = await client.send(
          new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
        );
        const [first] = Errors ?? [];
        if (first !== undefined)
          throw new Error(`s3://${bucket}/${first.Key} was not deleted: ${first.Code} ${first.Message}`);
      }
    },
    async copy(from, to) {
      const path = [from.bucket, ...from.key.split('/')].map(encodeURIComponent).join('/');
      const CopySource = `${path}?versionId=${encodeURIComponent(from.versionId)}`;
      const command = new CopyObjectCommand({ Bucket: to.bucket, Key: to.key, CopySource });
      const { CopyObjectResult, VersionId } = await found(from, client.send(command));
      return written({ ETag: CopyObjectResult?.ETag, VersionId });
    },
  };
}

/** @returns `undefined` if the condition did not hold (S3 guide, "Conditional writes") */
async function putIf(
  client: S3Client,
  object: NewObject,
  condition: { readonly IfNoneMatch: '*' } | { readonly IfMatch: string },
): Promise<Written | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return written(await client.send(new PutObjectCommand({ ...putInput(object), ...condition })));
    } catch (error) {
      if (isStatus(error, 412)) return undefined;
      if (isStatus(error, 404) && 'IfMatch' in condition && !(error instanceof NoSuchBucket))
        return undefined;
      // 409: another write is in progress and may still fail, so S3 wants this one to be retried. If it were
      // treated like 412, it might happen that neither of two writers has written.
      if (!isStatus(error, 409) || attempt === CONDITIONAL_ATTEMPTS) throw error;
    }
  }
}

function written({
  ETag = '',
  VersionId = 'null',
}: Pick<PutObjectCommandOutput, 'ETag' | 'VersionId'>): Written {
  return { etag: ETag, versionId: VersionId };
}

function versionInput({ bucket, key, versionId }: ObjectAddress) {
  return { Bucket: bucket, Key: key, VersionId: versionId };
}

function putInput({ bucket, key, body, contentType, metadata }: NewObject) {
  return {
    Bucket: bucket,
    Key: key,
    Body: body,
    ContentType: contentType,
    ...(metadata !== undefined && { Metadata: { ...metadata } }),
  };
}

async function found<Answer>(address: ObjectAddress, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    // 405: it is a delete marker. A missing bucket is not the object's fault: it must be deployed, and the
    // call retried.
    const isMissing = isStatus(error, 404) || isStatus(error, 405);
    if (isMissing && !(error instanceof NoSuchBucket)) throw new ObjectNotFound(address);
    throw error;
  }
}

/** Whether S3, or KMS on its behalf, answered that it gets too many requests (S3 API reference, "Errors"). */
export function isThrottled(error: unknown): boolean {
  if (!(error instanceof S3ServiceException)) return false;
  return isStatus(error, 503) || isStatus(error, 429) || /Throttl|SlowDown|RequestLimit/.test(error.name);
}

/** Whether S3 answered that the key or the version does not exist. */
export function isNotFound(error: unknown): boolean {
  return isStatus(error, 404);
}

/** Whether the current version of what is missing is a delete marker (S3 API reference, GetObject). */
function isMarked(error: unknown): boolean {
  if (!(error instanceof S3ServiceException)) return false;
  const headers: Readonly<Record<string, string>> = error.$response?.headers ?? {};
  return headers['x-amz-delete-marker'] === 'true';
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}
