import { CreatePartitionCommand } from '@aws-sdk/client-glue';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ProbeObjects, probeObjects } from '../../../cli/verify/probe/objects.ts';
import { sendEvent } from '../../../cli/verify/probe/send-event.ts';
import { archiveTableName, VERIFICATION } from '../../../domain/dataset.ts';
import { archiveKey, dataKey, versionPath } from '../../../domain/versions/key-layout.ts';
import { versionsOf } from '../../../store/listing.ts';
import { settledState, startTestPipeline, type TestPipeline } from '../../pipeline/running-pipeline.ts';
import { finished, sluice, startSluice } from '../sluice.ts';
import { leftBehind } from './left-behind.ts';

let pipeline: TestPipeline;

beforeAll(async () => {
  pipeline = await startTestPipeline();
});

afterEach(async () => {
  await pipeline.target.control?.clearFaults();
});

afterAll(() => pipeline.close());

async function clean(): Promise<void> {
  const { status, stdout, stderr } = await sluice(pipeline.directory, ['verify', '--clean']);
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: 'Erased what 1 run left.\n' });
  expect(await leftBehind(pipeline.target)).toEqual([]);
}

/** Puts an object of a run as it does, and waits for its end. */
async function put({ doomed: { key: Key, body: Body } }: ProbeObjects): Promise<void> {
  const { s3, outputs } = pipeline.target;
  const object = { Bucket: outputs.buckets.raw, Key, Body };
  const { VersionId } = await s3.send(new PutObjectCommand(object));
  await settledState(pipeline.target, Key, VersionId);
}

test('Ctrl-C stops verify at once, which tells what it leaves and the command that erases it', async () => {
  const { control, outputs } = pipeline.target;
  // Without Ctrl-C it would wait for the deletion until its timeout.
  await control?.addFault({
    kind: 'delay',
    of: 'events',
    delayMs: 600_000,
    resource: `arn:aws:s3:::${outputs.buckets.raw}`,
    skip: 4,
    times: null,
  });
  const running = startSluice(pipeline.directory, ['verify', '--timeout', '590']);
  const { status, stderr } = await finished(running, '✓ overwrite');
  expect(status).toBe(130);
  expect(stderr).toMatch(
    /^Interrupted\. Left behind are the probe objects under sluice_verification\/[0-9a-f]+\/, .* npx sluice verify --clean\n$/m,
  );
  await clean();
});

test.each(['records', 'crawl'])(
  '--clean erases all that a run left which was killed after its %s',
  async (step) => {
    const running = startSluice(pipeline.directory, ['verify']);
    running.stdout?.on('data', (text) => {
      if (String(text).includes(`✓ ${step}`)) running.kill('SIGKILL');
    });
    expect((await finished(running)).status).toBe(137);
    expect(await leftBehind(pipeline.target)).not.toEqual([]);
    await clean();
  },
);

test('--clean finds a run that was killed while it erased, by the ledger', async () => {
  const { target } = pipeline;
  const objects = probeObjects();
  await put(objects);
  const [Bucket, Key] = [target.outputs.buckets.raw, objects.doomed.key];
  for (const { versionId: VersionId } of await versionsOf(target, Bucket, Key))
    await target.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
  await clean();
});

test.each(['processed', 'archive'] as const)(
  '--clean finds a run that has only a file in the %s bucket left',
  async (place) => {
    const { s3, outputs } = pipeline.target;
    const { run, doomed } = probeObjects();
    const path = versionPath({ dataset: VERIFICATION, key: doomed.key, versionId: 'v1' });
    const file = dataKey(path, 0, `run=${run}/`, { codeVersion: 'c0de', extension: 'parquet' });
    const Key = place === 'processed' ? file : archiveKey(file);
    await s3.send(new PutObjectCommand({ Bucket: outputs.buckets[place], Key, Body: 'rows' }));
    await clean();
  },
);

test('--clean finds a run that has only its partition of the archive left', async () => {
  const { glue, outputs } = pipeline.target;
  const PartitionInput = { Values: [probeObjects().run], StorageDescriptor: { Location: 's3://nowhere/' } };
  const of = { DatabaseName: outputs.catalog.database, TableName: archiveTableName(VERIFICATION) };
  await glue.send(new CreatePartitionCommand({ ...of, PartitionInput }));
  await clean();
});

test('--clean waits for a dead letter that a killed run still holds', async () => {
  const { target } = pipeline;
  const objects = probeObjects();
  await put(objects);
  const QueueUrl = target.outputs.deadLetterQueues.extraction;
  const key = objects.keys.at(-1) ?? '';
  await sendEvent(target, QueueUrl, { key, versionId: 'none', sequencer: '00', size: 1 });
  const hold = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 3 });
  expect((await target.sqs.send(hold)).Messages).toHaveLength(1);
  await clean();
});
