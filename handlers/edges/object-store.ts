import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchBucket,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';

/** How often a write that collides with another one is tried before its message is. */
const CREATE_ATTEMPTS = 5;

/** One version of an object. */
export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string;
}

/** What a stage writes: bytes that are in memory, and what to say of them. */
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

/** What the stages need of S3. */
export interface ObjectStore {
  /** The bytes of exactly this version, as they come in. @throws {ObjectNotFound} */
  read(address: ObjectAddress): Promise<AsyncIterable<Uint8Array>>;
  /** @throws {ObjectNotFound} */
  describe(address: ObjectAddress): Promise<StoredVersion>;
  /** Whether the current version of this key exists. */
  exists(bucket: string, key: string): Promise<boolean>;
  write(object: NewObject): Promise<void>;
  /** Writes unless the key exists. Returns whether it did: `false` means that somebody else was first. */
  create(object: NewObject): Promise<boolean>;
  copy(from: ObjectAddress, to: { readonly bucket: string; readonly key: string }): Promise<void>;
}

/** Thrown when a version is not there (any more): no retry will bring it back. */
export class ObjectNotFound extends Error {
  override readonly name = 'ObjectNotFound';

  constructor({ bucket, key, versionId }: ObjectAddress) {
    super(`s3://${bucket}/${key} has no version ${versionId}.`);
  }
}

/** Amazon S3, or the local cloud, as the environment says. */
export function s3ObjectStore(client = new S3Client({})): ObjectStore {
  return {
    async read(address) {
      const { Body } = await found(address, client.send(new GetObjectCommand(versionInput(address))));
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
        if (isStatus(error, 404)) return false;
        throw error;
      }
    },
    async write(object) {
      await client.send(new PutObjectCommand(putInput(object)));
    },
    async create(object) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          await client.send(new PutObjectCommand({ ...putInput(object), IfNoneMatch: '*' }));
          return true;
        } catch (error) {
          if (isStatus(error, 412)) return false;
          // 409: another write was under way, and may yet come to nothing: S3 wants this one to be tried again (S3
          // guide, "Conditional writes"). Taken for 412, neither of two writers might have written.
          if (!isStatus(error, 409) || attempt === CREATE_ATTEMPTS) throw error;
        }
      }
    },
    async copy(from, to) {
      const path = [from.bucket, ...from.key.split('/')].map(encodeURIComponent).join('/');
      const CopySource = `${path}?versionId=${encodeURIComponent(from.versionId)}`;
      await found(from, client.send(new CopyObjectCommand({ Bucket: to.bucket, Key: to.key, CopySource })));
    },
  };
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
    // 405: it is a delete marker. A bucket that is missing is no fault of the object: deploy it, and try again.
    const isMissing = isStatus(error, 404) || isStatus(error, 405);
    if (isMissing && !(error instanceof NoSuchBucket)) throw new ObjectNotFound(address);
    throw error;
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}
