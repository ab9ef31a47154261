import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { textOf } from '../../../infra/policies/document.ts';
import { uploadPolicy } from '../../../infra/policies/upload.ts';
import { systemClock } from '../../../local-aws/core/clock.ts';
import { type RunningServer, startServer } from '../../../local-aws/http/server.ts';
import { account, Credentials } from '../../../local-aws/iam/credentials.ts';
import { createPolicyEngine } from '../../../local-aws/iam/policy-engine.ts';
import { policiesOf } from '../../../local-aws/program/system.ts';
import { readTopology } from '../../../local-aws/program/topology.ts';
import { createS3, type S3 } from '../../../local-aws/s3/api/api.ts';
import { everything } from '../the-program.ts';

const topology = readTopology(everything);
const raw = topology.buckets.find(({ name }) => name.includes('-raw-'));
const keyArn = raw?.keyArn ?? '';
const Bucket = raw?.name ?? '';
const foreignKey = 'arn:aws:kms:us-east-1:111111111111:key/theirs';

/** The one of another account that the configuration names. */
const exporter = 'arn:aws:iam::111111111111:role/exporter';
const ownUploader = `arn:aws:iam::${account}:role/uploader`;
const stranger = 'arn:aws:iam::222222222222:role/stranger';
const forgotten = 'arn:aws:iam::111111111111:role/forgotten';
const document = textOf(uploadPolicy)
  .replaceAll('STACK', 'dev')
  .replaceAll('REGION', 'us-east-1')
  .replaceAll('ACCOUNT', account)
  .replaceAll('KEY', keyArn.split('/').at(-1) ?? '');
const policies = [{ name: 'upload', document }];

const credentials = new Credentials();
let s3: S3;
let server: RunningServer;
const clients: S3Client[] = [];

beforeAll(async () => {
  const system = policiesOf(topology);
  const engine = createPolicyEngine({
    ...system,
    users: [ownUploader, exporter, stranger].map((arn) => ({ arn, policies })),
  });
  s3 = createS3({
    buckets: topology.buckets,
    directory: undefined,
    clock: systemClock,
    authorize: engine.authorize,
    publish: async () => {},
    region: 'us-east-1',
    accountId: account,
  });
  await s3.start();
  server = await startServer({ port: 0, services: { s3: s3.handle }, credentials });
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await server.close();
  await s3.close();
});

function clientOf(role: string): S3Client {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials.issue(role);
  const client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey, sessionToken },
  });
  clients.push(client);
  return client;
}

const put = (role: string, more: object = {}) =>
  clientOf(role).send(new PutObjectCommand({ Bucket, Key: 'recipes/a.json', Body: '{}', ...more }));

describe.each([
  ['of the own account', ownUploader],
  ['of another account, which the configuration names', exporter],
])('an uploader %s, with the policy of the documents', (_whose, role) => {
  test('uploads with the stack’s key without saying so', async () => {
    expect((await put(role)).SSEKMSKeyId).toBe(keyArn);
  });

  test('uploads in parts', async () => {
    const Body = Buffer.alloc(6 * 1024 * 1024);
    const upload = new Upload({
      client: clientOf(role),
      params: { Bucket, Key: 'recipes/large.json', Body },
    });
    expect((await upload.done()).Key).toBe('recipes/large.json');
  });

  test('may name the stack’s key', async () => {
    const named = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyArn };
    expect((await put(role, named)).SSEKMSKeyId).toBe(keyArn);
  });

  test.each([
    ['another key', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: foreignKey }, 'DenyForeignKeys'],
    ['the key that AWS made for the account', { ServerSideEncryption: 'aws:kms' }, 'DenyKeysOfAws'],
    [
      'a key of its own keeping',
      { SSECustomerAlgorithm: 'AES256', SSECustomerKey: 'a'.repeat(32) },
      'DenyKeysOfCallers',
    ],
  ])('is refused with %s', async (_which, more, statement) => {
    await expect(put(role, more)).rejects.toThrow(statement);
  });

  test('can neither read nor list', async () => {
    const { GetObjectCommand, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    const client = clientOf(role);
    await expect(client.send(new GetObjectCommand({ Bucket, Key: 'recipes/a.json' }))).rejects.toThrow(
      'not authorized to perform: s3:GetObject',
    );
    await expect(client.send(new ListObjectsV2Command({ Bucket }))).rejects.toThrow('s3:ListBucket');
  });

  test('can upload to no other bucket', async () => {
    const ledger = topology.buckets.find(({ name }) => name.includes('-ledger-'))?.name;
    await expect(put(role, { Bucket: ledger })).rejects.toThrow('s3:PutObject');
  });
});

test('one of another account that the configuration does not name can’t upload', async () => {
  await expect(put(stranger)).rejects.toThrow('no resource-based policy allows the s3:PutObject');
});

test('one that its own account allows nothing can’t upload', async () => {
  await expect(put(forgotten)).rejects.toThrow('s3:PutObject');
});

test('the outputs name the key that encrypts the raw bucket', () => {
  expect(everything.outputs).toMatchObject({ keyArn });
});
