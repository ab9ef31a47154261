import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { localCredentials } from '../../cli/target/target.ts';
import { systemClock } from '../../local-aws/core/clock.ts';
import { startServer } from '../../local-aws/http/server.ts';
import { account, Credentials } from '../../local-aws/iam/credentials.ts';
import { createS3 } from '../../local-aws/s3/api/api.ts';

export interface UnseenObject {
  readonly key: string;
  readonly body: string;
}

/** The name of the local stack's raw bucket. */
export const rawBucket = 'sluice-dev-raw-local';
const AT_ONCE = 16;

/**
 * Puts objects into the raw bucket of a local cloud that is not running, so that their events are never
 * delivered.
 */
export async function putUnseen(directory: string, objects: Iterable<UnseenObject>): Promise<void> {
  const region = 'us-east-1';
  const s3 = createS3({
    buckets: [{ name: rawBucket, versioning: 'Enabled', eventBridge: false }],
    directory: join(directory, 's3'),
    clock: systemClock,
    authorize: async () => {},
    publish: async () => {},
    region,
    accountId: account,
  });
  await s3.start();
  const server = await startServer({ port: 0, services: { s3: s3.handle }, credentials: new Credentials() });
  const client = new S3Client({ endpoint: server.endpoint, region, credentials: localCredentials });
  const left = objects[Symbol.iterator]();
  const putNext = async () => {
    for (let next = left.next(); !next.done; next = left.next()) {
      const { key, body } = next.value;
      await client.send(new PutObjectCommand({ Bucket: rawBucket, Key: key, Body: body }));
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, putNext));
  } finally {
    client.destroy();
    await server.close();
    await s3.close();
  }
}
