import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queryLake } from '../../cli/lake/lake.ts';
import { unknownDrift } from '../../cli/lake/tables/unknown-drift.ts';
import type { ObjectState } from '../../cli/ledger/states/object-state.ts';
import { queueStates } from '../../cli/target/queue-state.ts';
import { rejectLine } from '../../domain/records/reject.ts';
import { archiveKey } from '../../domain/versions/key-layout.ts';
import { listObjects, readText } from '../../store/listing.ts';
import { eventually, settledState, startTestPipeline, type TestPipeline } from './running-pipeline.ts';

const good = { title: 'Soup', ingredients: ['water', 'salt'], directions: ['Boil for 10 minutes.'] };

let pipeline: TestPipeline;

beforeAll(async () => {
  pipeline = await startTestPipeline();
});

afterAll(() => pipeline.close());

async function put(key: string, body: string | Uint8Array): Promise<string> {
  const { s3, outputs } = pipeline.target;
  const { VersionId } = await s3.send(
    new PutObjectCommand({ Bucket: outputs.buckets.raw, Key: key, Body: body }),
  );
  return VersionId ?? 'null';
}

async function become(key: string, body: string | Uint8Array): Promise<ObjectState> {
  return settledState(pipeline.target, key, await put(key, body));
}

async function query(sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await queryLake(pipeline.target, sql, () => {})).rows;
}

async function keysUnder(bucket: string, prefix = ''): Promise<string[]> {
  return Array.fromAsync(listObjects(pipeline.target, bucket, prefix), ({ Key }) => Key);
}

describe('the way of a file through the pipeline', () => {
  test('a recipe in the raw bucket is written to the table and the archive', async () => {
    const recipe = { ...good, title: 'From end to end', tags: ['test'] };
    const state = await become('recipes/end-to-end.json', JSON.stringify([recipe]));
    expect(state).toMatchObject({ stage: 'done', read: 1, written: 1, rejected: {}, filtered: {} });

    const rows = await query(
      `select title, ingredients, directions, tags, complexity_score, difficulty, time_estimate_s
       from recipes where title = 'From end to end'`,
    );
    // 0.6 × 1 direction + 0.4 × 2 ingredients
    expect(rows).toEqual([
      ['From end to end', ['water', 'salt'], ['Boil for 10 minutes.'], ['test'], 1.4, 'easy', 600],
    ]);

    const { processed, archive } = pipeline.target.outputs.buckets;
    const [inLake = ''] = (await keysUnder(processed)).filter((key) => key.includes('end-to-end'));
    expect(inLake).toMatch(
      /^recipes\/data\/end-to-end\.json~[0-9a-f]{24}\/[^/]+\/difficulty=easy\/part-00000~[0-9a-f]{16}\.parquet$/,
    );
    const bytesOf = async (Bucket: string, Key: string) =>
      (await pipeline.target.s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToByteArray();
    expect(await bytesOf(archive, archiveKey(inLake))).toEqual(await bytesOf(processed, inLake));
  });

  test('a field that the dataset does not name is counted by name, for its object and its dataset', async () => {
    const records = [{ ...good, colour: 'green' }, { ...good, colour: 'red', 'a b': 1 }, good];
    const state = await become('recipes/unknown.json', JSON.stringify(records));
    const unknown = {
      fields: [
        { field: 'colour', records: 2 },
        { field: '["a b"]', records: 1 },
      ],
      others: 0,
    };
    expect(state).toMatchObject({ stage: 'done', written: 3, unknown });
    expect(await unknownDrift(pipeline.target)).toEqual([{ dataset: 'recipes', objects: 1, unknown }]);
  });

  test('a bad record never affects a good one, and is in the failed bucket with its reason', async () => {
    const bad = { ingredients: ['salt'], directions: ['Boil.'] };
    const body = gzipSync([good, bad, good].map((record) => JSON.stringify(record)).join('\n'));
    const state = await become('recipes/one-bad.json', body);
    expect(state).toMatchObject({ stage: 'done', read: 3, written: 2, rejected: { missing_field: 1 } });

    const { failed } = pipeline.target.outputs.buckets;
    const [key = ''] = (await keysUnder(failed, 'rejects/recipes/one-bad.json~')).slice(-1);
    const lines = (await readText(pipeline.target, failed, key)).trimEnd().split('\n');
    expect(lines.map((line) => rejectLine.parse(JSON.parse(line)))).toEqual([
      { recordNumber: 2, path: 'title', code: 'missing_field', message: expect.any(String), record: bad },
    ]);
  });

  test.each([
    'recipes/with space.json',
    'recipes/a+b.json',
    'recipes/100%25 %41%.json',
    'recipes/../up and ./out.json',
    'recipes/食譜/👩‍🍳.json',
    'recipes/<script>alert(1)</script>&"\'.json',
    'recipes//double//slash.json',
    `recipes/${'long/'.repeat(200)}x.json`,
    'recipes/control\u0001\u007f.json',
  ])('an object with the key %j is processed', async (key) => {
    expect(await become(key, JSON.stringify([good]))).toMatchObject({ key, stage: 'done', written: 1 });
  });
});

describe('a bad file', () => {
  test.each([
    ['recipes/no.json', 'unknown_format', 'not json at all'],
    ['recipes/cut.json', 'truncated', '[{"title":'],
    ['recipes/nothing.json', 'empty_file', Buffer.alloc(0)],
    ['elsewhere/soup.json', 'unknown_prefix', JSON.stringify([good])],
    ['recipes/cut.json.gz', 'truncated', gzipSync(JSON.stringify([good])).subarray(0, 40)],
  ])('the bad file %s is recorded as %s', async (key, code, body) => {
    const versionId = await put(key, body);
    const state = await settledState(pipeline.target, key, versionId);
    expect(state).toMatchObject({ stage: 'failed', fault: { code } });
    const { failed } = pipeline.target.outputs.buckets;
    const faults = await Promise.all(
      (await keysUnder(failed, 'faults/')).map(async (each) =>
        JSON.parse(await readText(pipeline.target, failed, each)),
      ),
    );
    expect(faults).toContainEqual(expect.objectContaining({ key, versionId, code, stage: 'extraction' }));
  });
});

describe('the messages of the pipeline', () => {
  test('a poison message returns to its queue and the others of its batch are acknowledged', async () => {
    const { sqs, outputs } = pipeline.target;
    const QueueUrl = outputs.queues.extraction;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'no event of any kind' }));
    const states = await Promise.all(
      [1, 2, 3].map((n) => become(`recipes/beside-poison-${n}.json`, JSON.stringify([good]))),
    );
    expect(states.map(({ stage }) => stage)).toEqual(['done', 'done', 'done']);
    // It is in flight until its visibility timeout; all others are gone.
    await eventually(async () => {
      const { waiting, inFlight } =
        (await queueStates(pipeline.target)).find(({ stage }) => stage === 'extraction') ?? {};
      return waiting === 0 && inFlight === 1 ? true : undefined;
    }, 'nothing but the poison in the extraction queue');
  });

  test('a repeated event changes nothing', async () => {
    const key = 'recipes/twice.json';
    const versionId = await put(key, JSON.stringify([good]));
    await settledState(pipeline.target, key, versionId);
    const { s3, sqs, outputs } = pipeline.target;
    const listing = async () =>
      (
        await Promise.all(
          Object.values(outputs.buckets).map((bucket) =>
            Array.fromAsync(listObjects(pipeline.target, bucket), ({ Key, LastModified }) => [
              Key,
              LastModified,
            ]),
          ),
        )
      ).flat();
    const before = await listing();
    const { ETag } = await s3.send(new GetObjectCommand({ Bucket: outputs.buckets.raw, Key: key }));
    const event = {
      version: '0',
      id: '00000000-0000-0000-0000-000000000000',
      source: 'aws.s3',
      'detail-type': 'Object Created',
      account: '000000000000',
      time: new Date().toISOString(),
      region: outputs.region,
      resources: [`arn:aws:s3:::${outputs.buckets.raw}`],
      detail: {
        version: '0',
        bucket: { name: outputs.buckets.raw },
        object: { key, size: 1, etag: ETag, 'version-id': versionId, sequencer: '00' },
        reason: 'PutObject',
      },
    };
    const QueueUrl = outputs.queues.extraction;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(event) }));
    await eventually(async () => {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
      );
      const logs = await logText('extraction');
      return Attributes?.ApproximateNumberOfMessages === '0' && logs.includes('duplicate') ? true : undefined;
    }, 'the repeated event to be acknowledged');
    expect(await listing()).toEqual(before);
  });
});

async function logText(stage: 'extraction' | 'transformation' | 'loading'): Promise<string> {
  const { FilterLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
  const { logs, outputs } = pipeline.target;
  const logGroupName = `/aws/lambda/${outputs.functions[stage]}`;
  const { events = [] } = await logs.send(new FilterLogEventsCommand({ logGroupName, filterPattern: '' }));
  return events.map(({ message }) => message).join('\n');
}

test('an unchanged SDK client only needs the endpoint, a region and keys in its environment', async () => {
  const script = `
    import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
    import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
    const { Buckets } = await new S3Client({}).send(new ListBucketsCommand({}));
    const { QueueUrls } = await new SQSClient({}).send(new ListQueuesCommand({}));
    console.log(JSON.stringify({ buckets: Buckets.length, queues: QueueUrls.length }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    env: {
      PATH: process.env['PATH'],
      AWS_ENDPOINT_URL: pipeline.running.endpoint,
      AWS_REGION: pipeline.target.outputs.region,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    },
  });
  // Six buckets. Queues: for each of four stages one for its messages, a DLQ and one for undelivered events;
  // for the crawler one and its DLQ; for findings one and one for undelivered events.
  expect(JSON.parse(stdout)).toEqual({ buckets: 6, queues: 16 });
});

test('the local cloud reported no trouble', () => {
  expect(pipeline.troubles).toEqual([]);
});

test('no client can overwrite a receipt, but a ledger entry can be overwritten', async () => {
  const { s3, outputs } = pipeline.target;
  const Bucket = outputs.buckets.ledger;
  const receipt = { Bucket, Key: 'receipts/recipes/nothing/1/extraction.json' };
  const put = (more: object) => s3.send(new PutObjectCommand({ Body: '{}', ...receipt, ...more }));
  const denied = { name: 'AccessDenied' };
  await expect(put({})).rejects.toMatchObject(denied);
  const { ETag } = await put({ IfNoneMatch: '*' });
  await expect(put({ IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await expect(put({ IfMatch: ETag })).rejects.toMatchObject(denied);

  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(receipt));
  const part = { ...receipt, UploadId, PartNumber: 1 };
  const { ETag: partETag } = await s3.send(new UploadPartCommand({ ...part, Body: '{}' }));
  const whole = { ...receipt, UploadId, MultipartUpload: { Parts: [{ ETag: partETag, PartNumber: 1 }] } };
  await expect(s3.send(new CompleteMultipartUploadCommand(whole))).rejects.toMatchObject(denied);
  await s3.send(new AbortMultipartUploadCommand({ ...receipt, UploadId }));

  for (const Body of ['1', '2']) await put({ Key: 'heads/nothing.json', Body });
  for (const Key of [receipt.Key, 'heads/nothing.json'])
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
});
