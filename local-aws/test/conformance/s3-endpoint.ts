import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { startS3Server } from '../s3/s3-server.ts';

export interface Endpoint {
  readonly client: S3Client;
  /** Never versioned. */
  readonly plain: string;
  readonly versioned: string;
  close(): Promise<void>;
}

/**
 * The S3 under test: the one at `CONFORMANCE_ENDPOINT` (with the credentials of the environment), else ours.
 */
export async function openEndpoint(): Promise<Endpoint> {
  const endpoint = process.env['CONFORMANCE_ENDPOINT'];
  if (endpoint === undefined) {
    const { client, close } = await startS3Server();
    return { client, plain: 'plain', versioned: 'versioned', close };
  }
  const client = new S3Client({ endpoint });
  const run = randomBytes(6).toString('hex');
  const [plain, versioned] = [`conformance-plain-${run}`, `conformance-versioned-${run}`];
  for (const Bucket of [plain, versioned]) await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(
    new PutBucketVersioningCommand({ Bucket: versioned, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  return {
    client,
    plain,
    versioned,
    async close() {
      for (const bucket of [plain, versioned]) await dropBucket(client, bucket);
      client.destroy();
    },
  };
}

async function dropBucket(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key, VersionId }));
    }
    if (!page.IsTruncated) break;
  }
  await client.send(new DeleteBucketCommand({ Bucket: bucket }));
}

/**
 * The refusal that the call ends in, as `404 NoSuchKey`; an answer without an error document has no code but
 * the SDK's own.
 */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof S3ServiceException) return `${error.$metadata.httpStatusCode} ${error.name}`;
    throw error;
  }
  return 'accepted';
}
