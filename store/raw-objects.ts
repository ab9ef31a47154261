import { HeadObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { LatestVersion } from '../domain/versions/sweep.ts';

/** The version of a key that a bucket shows, and when it came to be, in milliseconds since the epoch. */
export interface ShownVersion extends LatestVersion {
  readonly modified: number;
}

/** `undefined` when the bucket shows nothing of the key. */
export type Look = (key: string) => Promise<ShownVersion | undefined>;

/** Asks Amazon S3, or the local cloud: a listing tells no version ids. */
export function s3Look(bucket: string, client = new S3Client({})): Look {
  return async (key) => {
    try {
      const { VersionId, ContentLength, LastModified } = await client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: key }),
      );
      return {
        versionId: VersionId ?? 'null',
        deleted: false,
        size: ContentLength,
        modified: LastModified?.getTime() ?? 0,
      };
    } catch (error) {
      if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return undefined;
      throw error;
    }
  };
}
