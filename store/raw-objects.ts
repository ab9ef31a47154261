import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { LatestVersion } from '../domain/operations/sweep.ts';
import { isNotFound } from './object-store.ts';

/** The latest version of a key, and when it was created, in milliseconds since the epoch. */
export interface ShownVersion extends LatestVersion {
  readonly modified: number;
}

/** Looks up the latest version of a key; `undefined` if it is deleted or does not exist. */
export type Look = (key: string) => Promise<ShownVersion | undefined>;

/** Asks Amazon S3, or the local cloud, since a listing does not tell version ids. */
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
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
}
