import { S3Client } from '@aws-sdk/client-s3';
import type { Authorize } from '../../core/call.ts';
import { systemClock } from '../../core/clock.ts';
import type { Disk } from '../../core/disk.ts';
import { startServer } from '../../http/server.ts';
import { account, Credentials } from '../../iam/credentials.ts';
import { createS3, type S3 } from '../../s3/api/api.ts';
import type { S3Event } from '../../s3/storage/events.ts';
import type { Ids } from '../../s3/storage/store.ts';

export interface S3Server {
  readonly client: S3Client;
  readonly endpoint: string;
  readonly s3: S3;
  readonly credentials: Credentials;
  /** What was published, in order. */
  readonly events: S3Event[];
  close(): Promise<void>;
}

/** The key of the bucket `encrypted`. */
export const keyArn = 'arn:aws:kms:us-east-1:000000000000:key/one';

/** The buckets `plain`, `versioned` and `suspended`, all with EventBridge on, behind a real wire server. */
export async function startS3Server(
  options: {
    directory?: string;
    disk?: Disk;
    authorize?: Authorize;
    publish?: (event: S3Event) => Promise<void>;
    ids?: Ids;
    port?: number;
  } = {},
): Promise<S3Server> {
  const events: S3Event[] = [];
  const s3 = createS3({
    buckets: [
      { name: 'plain', eventBridge: true },
      { name: 'versioned', versioning: 'Enabled', eventBridge: true },
      { name: 'suspended', versioning: 'Suspended', eventBridge: true },
      { name: 'silent', eventBridge: false },
      { name: 'encrypted', eventBridge: false, keyArn },
    ],
    directory: options.directory,
    disk: options.disk,
    clock: systemClock,
    authorize: options.authorize ?? (async () => {}),
    publish:
      options.publish ??
      (async (event) => {
        events.push(event);
      }),
    region: 'us-east-1',
    accountId: account,
    ids: options.ids,
  });
  await s3.start();
  const credentials = new Credentials();
  const server = await startServer({ port: options.port ?? 0, services: { s3: s3.handle }, credentials });
  const client = clientFor(server.endpoint);
  return {
    client,
    endpoint: server.endpoint,
    s3,
    credentials,
    events,
    async close() {
      client.destroy();
      await server.close();
      await s3.close();
    },
  };
}

export function clientFor(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
}
