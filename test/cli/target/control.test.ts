import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { HeadObjectCommand, ListObjectVersionsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Control } from '../../../cli/target/control.ts';
import { projectDirectory } from '../../../cli/target/directories.ts';
import { localCredentials } from '../../../cli/target/target.ts';
import { limits } from '../../../domain/records/part.ts';
import {
  eventually,
  padding,
  settledState,
  startTestPipeline,
  type TestPipeline,
} from '../../pipeline/running-pipeline.ts';
import { finished, sluice as run, startSluice } from '../sluice.ts';

let pipeline: TestPipeline;
let cloud: Control;

beforeAll(async () => {
  pipeline = await startTestPipeline();
  if (pipeline.target.control === undefined) throw new Error('The local cloud can be controlled.');
  cloud = pipeline.target.control;
});
afterAll(() => pipeline.close());
afterEach(() => cloud.clearFaults());

const sluice = (args: readonly string[]) => run(pipeline.directory, args);

const soup = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] };
/** So large that it is not transformed in place. */
const large = JSON.stringify([{ ...soup, ...padding }]);

async function put(key: string, Body: string | Uint8Array = large): Promise<string> {
  const { s3, outputs } = pipeline.target;
  const { VersionId = '' } = await s3.send(
    new PutObjectCommand({ Bucket: outputs.buckets.raw, Key: key, Body }),
  );
  return VersionId;
}

describe('the permissions of the roles', () => {
  test('the examples are processed without a denial, and use all permissions but those for rare failures', async () => {
    const examples = join(projectDirectory, 'examples');
    const files = readdirSync(examples, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.parentPath !== examples)
      .map(({ parentPath, name }) => relative(examples, join(parentPath, name)));
    const unsorted = 'unsorted/shopping-list.txt';
    expect(files).toContain(unsorted);
    const sorted = files.filter((file) => file !== unsorted).map((file) => join(examples, file));
    const uploaded = await sluice(['put', ...sorted, '--wait']);
    expect(uploaded.stdout).toContain('recipes/family-cookbook.json: done');
    await sluice(['put', join(examples, unsorted), '--key', unsorted, '--wait']);
    // Of two parts, one with a reject: whoever transforms the last one looks for the other.
    const lines = `${`${JSON.stringify(soup)}\n`.repeat(limits.partRecords)}{}\n`;
    await settledState(pipeline.target, 'recipes/large.ndjson', await put('recipes/large.ndjson', lines));
    // The stage that finishes last removes the superseded versions.
    const fewer = ['put', join(examples, 'recipes/soups.ndjson'), '--wait', '--key'];
    await sluice([...fewer, 'recipes/family-cookbook.json']);
    await sluice([...fewer, 'recipes/with-mistakes.json']);

    const { roles, denials } = await cloud.permissions();
    expect(denials).toEqual([]);
    const ofStages = roles.filter(({ role }) => /(extraction|transformation|commit|loading)/.test(role));
    const unused = ofStages.flatMap(({ role, statements }) =>
      statements.flatMap(({ statement, actions }) =>
        actions
          .filter(({ uses }) => uses === 0)
          .map(({ pattern }) => `${role.split('/').at(-1)} ${statement} ${pattern}`),
      ),
    );
    // The stage that finishes a version last removes what it superseded; usually that is loading.
    const needed = unused.filter((each) => !/ (Remove|List)(Temp|Failed|Processed) /.test(each));
    // Asked only when an attempt fails.
    const putOff = / PutOffMessages sqs:ChangeMessageVisibility$/;
    expect(needed.filter((each) => putOff.test(each))).toHaveLength(4);
    expect(needed.filter((each) => !putOff.test(each))).toEqual([
      // Written only when a file that the stage before it wrote can't be read: infra/index.ts.
      'sluice-dev-commit-local WriteFailed s3:PutObject',
      // Asked only when an object's version has gone: infra/iam/grants.ts, reads().
      'sluice-dev-extraction-local ListRaw s3:ListBucket',
      // Needed by objects that take more than one invocation.
      'sluice-dev-extraction-local UpdateTemp s3:GetObject',
      'sluice-dev-extraction-local HandOver sqs:SendMessage',
      // As above.
      'sluice-dev-loading-local WriteFailed s3:PutObject',
      'sluice-dev-transformation-local ListRaw s3:ListBucket',
    ]);
  });

  test('sluice iam shows the permissions, and exits with 1 for an unused one with --check', async () => {
    const { status, stdout } = await sluice(['iam', '--check']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^ListRaw +action +s3:ListBucket +never used$/m);
    expect(stdout).toMatch(/^ReadRaw +action +s3:GetObjectVersion +\d+$/m);
    expect(stdout).toContain('Nothing was denied.');
    expect(await sluice(['iam', '--stack', 'prod'])).toMatchObject({ status: 1 });
  });
});

describe('the faults of the local cloud', () => {
  test('a fault that the SDK retries shows only in the list of faults', async () => {
    const added = await sluice([
      'fault',
      'add',
      'answer',
      'PutObject',
      '503',
      '--bucket',
      'temp',
      '--times',
      '2',
    ]);
    expect(added.stdout).toBe('Fault 1: answer PutObject with 503 on sluice-dev-temp-local, 2 times.\n');
    const key = 'recipes/slowed-down.json';
    expect(await settledState(pipeline.target, key, await put(key))).toMatchObject({
      stage: 'done',
      written: 1,
    });
    const list = await sluice(['fault', 'list', '--json']);
    expect(JSON.parse(list.stdout)).toMatchObject([{ id: '1', seen: 2, hits: 2, ended: true }]);
    expect((await sluice(['fault', 'list'])).stdout).toMatch(/^ +1 +answer PutObject .* 2 +2 +ended$/m);
    expect((await sluice(['fault', 'clear', '1'])).stdout).toBe(
      'Cleared fault 1: answer PutObject with 503 on sluice-dev-temp-local, 2 times; it hit 2 times.\n',
    );
    expect(await cloud.faults()).toEqual([]);
  });

  test('fault add and fault clear print with --json what they added and removed, and clear says when there is nothing', async () => {
    const added = await sluice(['fault', 'add', 'kill', 'PutObject', '--json']);
    const clear = ['fault', 'clear', '--json'];
    expect(JSON.parse((await sluice(clear)).stdout)).toEqual([JSON.parse(added.stdout)]);
    expect(JSON.parse((await sluice(clear)).stdout)).toEqual([]);
    expect((await sluice(['fault', 'clear'])).stdout).toBe('There are no faults.\n');
  });

  test('an object is stored if the connection closes after its PUT', async () => {
    const { running, target } = pipeline;
    const Bucket = target.outputs.buckets.failed;
    const impatient = new S3Client({
      endpoint: running.endpoint,
      region: 'us-east-1',
      credentials: localCredentials,
      maxAttempts: 1,
    });
    await cloud.addFault({ kind: 'close', operation: 'PutObject', when: 'before' });
    const before = impatient.send(new PutObjectCommand({ Bucket, Key: 'before', Body: 'x' }));
    await expect(before).rejects.toMatchObject({ code: 'ECONNRESET' });
    await expect(target.s3.send(new HeadObjectCommand({ Bucket, Key: 'before' }))).rejects.toThrow();

    await cloud.addFault({ kind: 'close', operation: 'PutObject', when: 'after' });
    const after = impatient.send(new PutObjectCommand({ Bucket, Key: 'after', Body: 'x' }));
    await expect(after).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await target.s3.send(new HeadObjectCommand({ Bucket, Key: 'after' }))).toMatchObject({
      ContentLength: 1,
    });
  });

  test('a function that is killed after its PUT loses and repeats nothing when its message returns', async () => {
    await sluice([
      'fault',
      'add',
      'kill',
      'PutObject',
      '--after',
      '--function',
      'transformation',
      '--bucket',
      'processed',
    ]);
    const key = 'recipes/killed.json';
    const versionId = await put(key);
    await eventually(
      async () => pipeline.troubles.find((line) => line.includes('signal: killed')),
      'the death of the function',
    );
    expect(await cloud.faults()).toMatchObject([{ hits: 1, ended: true }]);
    // The queue would do this itself after the visibility timeout.
    const { s3, sqs, outputs } = pipeline.target;
    const { Versions = [] } = await s3.send(
      new ListObjectVersionsCommand({ Bucket: outputs.buckets.temp, Prefix: 'recipes/killed.json~' }),
    );
    expect(Versions).toHaveLength(1);
    for (const { Key = '', VersionId = '' } of Versions) {
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: outputs.queues.transformation,
          MessageBody: objectCreated(outputs.buckets.temp, Key, VersionId),
        }),
      );
    }
    expect(await settledState(pipeline.target, key, versionId)).toMatchObject({
      stage: 'done',
      read: 1,
      written: 1,
    });
  });

  test('repeated events lead to the same rows', async () => {
    await sluice(['fault', 'add', 'duplicate', 'events', '--copies', '2', '--always']);
    const key = 'recipes/repeated.json';
    expect(await settledState(pipeline.target, key, await put(key))).toMatchObject({
      stage: 'done',
      written: 1,
    });
    const [fault] = await cloud.faults();
    expect(fault?.hits).toBeGreaterThanOrEqual(3);
  });

  test('SQS counts a delayed message as delayed', async () => {
    await sluice(['fault', 'add', 'delay', 'messages', '--queue', 'loading', '--by', '15m']);
    const { sqs, outputs } = pipeline.target;
    const QueueUrl = outputs.queues.loading;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'late' }));
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessagesDelayed'] }),
    );
    expect(Attributes).toEqual({ ApproximateNumberOfMessagesDelayed: '1' });
  });

  test.each([
    [['add', 'answer', 'PutObject', '418'], 2, 'Expected one of 400, 403, 409, 412, 500, 503.'],
    [['add', 'answer', 'SendMessage', '412'], 1, 'SendMessage never answers 412'],
    [['add', 'delay', 'events', '--by', 'soon'], 2, 'Expected a duration'],
    [['add', 'close', 'PutObject', '--key', 'a'], 1, '--key needs --bucket.'],
    [['clear', '99'], 1, 'There is no fault 99.'],
  ])('sluice fault %j exits with %i and says why', async (args, status, message) => {
    const run = await sluice(['fault', ...args]);
    expect(run).toMatchObject({ status });
    expect(run.stderr).toContain(message);
  });
});

describe('sluice logs', () => {
  test('sluice logs shows each message of a function in one line, without metrics and START, END and REPORT', async () => {
    const { status, stdout } = await sluice(['logs', 'extraction', '--filter', 'slowed-down']);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^[\d:.]{12} INFO {2}The object is done bucket=sluice-dev-raw-local key=recipes\/slowed-down\.json .*written=1 .*outputs=1 sentAt=\S+\n$/,
    );
    const all = await sluice(['logs', 'extraction', '--all']);
    expect(all.stdout).toContain('CloudWatchMetrics');
    expect(all.stdout).toContain('START RequestId');
    const raw = await sluice(['logs', 'sluice-dev-extraction-local', '--json', '--filter', 'slowed-down']);
    expect(JSON.parse(JSON.parse(raw.stdout).message)).toMatchObject({ key: 'recipes/slowed-down.json' });
  });

  test('sluice logs shows that a function was killed', async () => {
    const { stdout } = await sluice(['logs', 'transformation']);
    expect(stdout).toMatch(/REPORT .*Status: error {2}Error Type: Runtime\.ExitError/);
  });

  test('sluice logs --follow shows new lines, and exits with 0 on Ctrl-C', async () => {
    const args = ['logs', 'extraction', '--follow', '--filter', 'followed'];
    const following = finished(startSluice(pipeline.directory, args), 'followed.json');
    await put('recipes/followed.json');
    const { status, stdout, stderr } = await following;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  });

  test('sluice logs lists the functions when there is none of the given name', async () => {
    const { status, stderr } = await sluice(['logs', 'nobody']);
    expect(status).toBe(1);
    expect(stderr).toContain(
      'There is no function nobody. The functions are:\n  extraction (sluice-dev-extraction-local)',
    );
  });
});

/** As EventBridge delivers it ("EventBridge event message structure", S3 user guide). */
function objectCreated(bucket: string, key: string, versionId: string): string {
  return JSON.stringify({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: '2026-01-01T00:00:00Z',
    detail: {
      bucket: { name: bucket },
      object: { key, size: large.length, etag: 'e', 'version-id': versionId, sequencer: '00' },
      reason: 'PutObject',
    },
  });
}
