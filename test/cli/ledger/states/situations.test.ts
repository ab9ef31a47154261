import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DisableRuleCommand, EventBridgeClient, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type KeyState, keyState } from '../../../../cli/ledger/states/key-state.ts';
import { objectState } from '../../../../cli/ledger/states/object-state.ts';
import { TroubleFinder } from '../../../../cli/ledger/states/trouble.ts';
import { localCredentials, type Target } from '../../../../cli/target/target.ts';
import type { Stage } from '../../../../domain/stage.ts';
import { toQueueMessage } from '../../../../domain/versions/event-message.ts';
import { publicationKey, versionPath } from '../../../../domain/versions/key-layout.ts';
import { type StageOptions, stageHandler } from '../../../../handlers/sqs-handler.ts';
import { extractObject } from '../../../../handlers/stages/extraction/extract-object.ts';
import { latestOf } from '../../../../store/listing.ts';
import { s3ObjectStore } from '../../../../store/object-store.ts';
import { context, message, queueDependencies, queueOptions } from '../../../handlers/invocation.ts';
import { eventually, startTestPipeline, type TestPipeline } from '../../../pipeline/running-pipeline.ts';
import { stageContextOf } from '../../../store/memory-store.ts';
import { finished, sluice, startSluice } from '../../sluice.ts';

let pipeline: TestPipeline;
let target: Target;

beforeAll(async () => {
  vi.stubEnv('POWERTOOLS_TRACE_ENABLED', 'false');
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
  pipeline = await startTestPipeline();
  target = pipeline.target;
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await pipeline.close();
});

const run = (...args: string[]) => sluice(pipeline.directory, args);

interface Version {
  readonly key: string;
  readonly versionId: string;
}

const soup = { title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] };

async function put(key: string, record: object = soup): Promise<Version> {
  const Bucket = target.outputs.buckets.raw;
  const Body = `${JSON.stringify(record)}\n`;
  const { VersionId = '' } = await target.s3.send(new PutObjectCommand({ Bucket, Key: key, Body }));
  return { key, versionId: VersionId };
}

/** Waits until a key is in this state. */
function shown(key: string, of: object): Promise<KeyState> {
  return eventually(
    async () => {
      const latest = await latestOf(target, target.outputs.buckets.raw, key);
      const state = latest && (await keyState(target, latest, new TroubleFinder(target)));
      return expect.objectContaining(of).asymmetricMatch(state) ? state : undefined;
    },
    `${JSON.stringify(of)} of ${key}`,
  );
}

/** The descriptions of a key by the three commands that look at it. */
async function told(key: string): Promise<Record<'status' | 'explain' | 'sweep', string>> {
  const [shownBy, explained, swept] = await Promise.all([
    run('status', key),
    run('explain', key),
    run('sweep', '--older-than', '0s', '--prefix', key),
  ]);
  return { status: shownBy.stdout, explain: explained.stdout, sweep: swept.stdout };
}

async function expectAll(key: string, ...patterns: readonly RegExp[]): Promise<void> {
  for (const [command, text] of Object.entries(await told(key)))
    for (const pattern of patterns) expect(text, command).toMatch(pattern);
}

/** From now on, EventBridge delivers no events to a stage. */
async function withoutEventsFor(stage: Stage): Promise<void> {
  const { endpoint, outputs } = pipeline.running;
  const events = new EventBridgeClient({ endpoint, region: outputs.region, credentials: localCredentials });
  const { Rules = [] } = await events.send(new ListRulesCommand({}));
  const rule = Rules.find(({ Name = '' }) => Name.includes(stage));
  await events.send(new DisableRuleCommand({ Name: rule?.Name }));
}

const HOUR_MS = 3_600_000;

function bodyOf({ key, versionId }: Version): string {
  const of = { revision: 0, sequencer: '10', size: 1, permanent: false };
  return toQueueMessage(target.outputs.buckets.raw, { type: 'created', key, versionId, ...of }, 'Sweep');
}

/**
 * Processes the message of an object as the extraction function does, when it receives it for the n-th time.
 */
function attempt(
  object: Version,
  receives: number,
  work: StageOptions['work'],
  startedAt = Date.now(),
): Promise<unknown> {
  const { invocation: _i, message: _m, tableSchema, ...outside } = stageContextOf(s3ObjectStore(target.s3));
  const handler = stageHandler(
    {
      stage: 'extraction',
      stack: 'dev',
      failedBucket: target.outputs.buckets.failed,
      codeVersion: 'test',
      registry: target.registry,
      tableSchema,
      ...queueOptions,
      concurrency: 1,
      work,
    },
    { ...outside, ...queueDependencies, now: () => startedAt },
  );
  const one = message('1', bodyOf(object));
  const attributes = { ...one.attributes, ApproximateReceiveCount: `${receives}` };
  return handler({ Records: [{ ...one, attributes }] }, context);
}

const fails: StageOptions['work'] = () => Promise.reject(new Error('Please reduce your request rate.'));

/** Claims the object, and reads it for ever: to all others, its function was killed. */
const isKilled: StageOptions['work'] = (event, stageContext) => {
  const { buckets } = target.outputs;
  const store = { ...stageContext.store, read: () => new Promise<never>(() => {}) };
  return extractObject(event, buckets, { ...stageContext, store });
};

describe('status, explain, sweep and put --wait say the same', () => {
  test('of an object that is rejected, done, superseded, and retracted', async () => {
    const key = 'recipes/ends';
    const first = await put(key);
    await shown(key, { stage: 'done', versionId: first.versionId });
    const file = join(pipeline.directory, 'rejected.json');
    writeFileSync(file, JSON.stringify([{ title: 'no recipe' }]));
    const { status, stdout } = await run('put', '--wait', '--json', '--key', 'recipes/rejected', file);
    expect({ status, states: JSON.parse(stdout) }).toMatchObject({
      status: 1,
      states: [{ stage: 'rejected' }],
    });
    const rejected = await told('recipes/rejected');
    expect(rejected.status).toMatch(/recipes\/rejected +rejected/);
    expect(rejected.explain).toContain('recipes/rejected: rejected');
    const second = await put(key, { ...soup, title: 'Another soup' });
    await shown(key, { stage: 'done', versionId: second.versionId });
    expect(await objectState(target, key, first.versionId)).toMatchObject({ stage: 'superseded' });
    await target.s3.send(new DeleteObjectCommand({ Bucket: target.outputs.buckets.raw, Key: key }));
    await shown(key, { stage: 'retracted' });
    expect((await told(key)).explain).toContain(`${key}: retracted`);
  });

  test('of a directory marker: it is ignored, waited for by nobody, and no loss', async () => {
    const file = join(pipeline.directory, 'marker');
    writeFileSync(file, '');
    const { status, stdout } = await run('put', '--wait', '--key', 'recipes/folder/', file);
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('ignored') });
    const marker = await told('recipes/folder/');
    expect(marker.status).toMatch(/recipes\/folder\/ +directory marker, ignored/);
    expect(marker.explain).toContain('recipes/folder/: directory marker, ignored');
    expect(marker.sweep).not.toContain('never seen');
    expect((await run('reconcile')).stdout).not.toContain('folder');
    const backfilled = await run('backfill', 'recipes/folder/');
    expect(backfilled.status).toBe(0);
    expect(backfilled.stdout + backfilled.stderr).toContain('1 directory markers');
  });

  test('of an object that waits, is retried, dead-lettered, and no longer in the DLQ', async () => {
    await withoutEventsFor('extraction');

    const key = 'recipes/failing';
    const object = await put(key);
    const waits = await told(key);
    expect(waits.status).toMatch(/recipes\/failing +waits for extraction, for \d+ s/);
    expect(waits.explain).toMatch(/recipes\/failing: waits for extraction, for \d+ s/);
    expect(waits.sweep).toContain('never seen     recipes/failing: no event of it has arrived');

    await attempt(object, 1, fails);
    const reason = 'storage: Please reduce your request rate\\.';
    const failed = `attempt 1 of 5 at the extraction failed \\d+ s ago, ${reason} The next one comes in (?:\\d+ s|1 min)\\.`;
    const retried = await told(key);
    for (const text of Object.values(retried)) expect(text).toMatch(new RegExp(failed));
    expect(retried.status).toContain('retrying (extraction, attempt 1 of 5)');
    expect(retried.sweep).toMatch(/^retrying /);

    void attempt(object, 2, isKilled);
    await shown(key, { extracting: true });
    const { status, explain, sweep } = await told(key);
    for (const text of [status, explain]) {
      expect(text).toContain('being extracted (attempt 2 of 5)');
      expect(text).toMatch(new RegExp(`attempt 2 of 5 at the extraction began \\d+ s ago, after ${reason}`));
    }
    expect(sweep).toContain('no problems found');

    await attempt(object, 5, fails);
    const dead = await told(key);
    for (const text of [dead.status, dead.explain]) {
      expect(text).toMatch(new RegExp(`dead-lettered after 5 attempts, \\d+ s ago, ${reason}`));
      expect(text).toMatch(
        /Its message reaches the DLQ in \d+ min\. To send it back: npx sluice redrive extraction/,
      );
    }
    expect(dead.explain).toContain('attempt 5 of 5 failed, storage: Please');
  });

  test('of an object that is killed at its last attempt, whether its message is in the DLQ or not', async () => {
    const key = 'recipes/killed';
    const args = ['put', '--wait', '--json', '--key', key, 'examples/recipes/soups.ndjson'];
    const waiting = finished(startSluice(pipeline.directory, args));
    const { versionId } = await shown(key, { stage: 'extraction' });
    const object = { key, versionId };
    void attempt(object, 4, isKilled, Date.now() - 2 * HOUR_MS);
    await shown(key, {
      stage: 'extraction',
      trouble: expect.objectContaining({ kind: 'retrying', attempt: 4 }),
    });
    await expectAll(key, /attempt 4 of 5 .* interrupted: Attempt 4 never finished: .* The next one is due\./);

    void attempt(object, 5, isKilled, Date.now() - HOUR_MS);
    const { status, stdout } = await waiting;
    const trouble = { kind: 'dead_lettered', stage: 'extraction', code: 'interrupted', attempt: 5 };
    expect({ status, state: JSON.parse(stdout)[0] }).toMatchObject({ status: 1, state: { trouble } });
    await expectAll(
      key,
      /interrupted: The last attempt never finished: .* To see its log: npx sluice logs extraction/,
      /Its message is no longer in the DLQ\. To repair it: npx sluice sweep --enqueue/,
    );

    const QueueUrl = target.outputs.deadLetterQueues.extraction;
    await target.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: bodyOf(object) }));
    await expectAll(key, /To send it back: npx sluice redrive extraction --key recipes\/killed/);
  });

  test('of objects whose messages left no note', async () => {
    const { deadLetterQueues, undeliveredQueues } = target.outputs;
    const [bare, undelivered, lost] = [
      await put('recipes/bare'),
      await put('recipes/undelivered'),
      await put('recipes/lost'),
    ];
    const MessageAttributes = {
      ERROR_CODE: { DataType: 'String', StringValue: 'NO_PERMISSIONS' },
      ERROR_MESSAGE: { DataType: 'String', StringValue: 'The rule may not send.' },
    };
    const dead = { QueueUrl: deadLetterQueues.extraction, MessageBody: bodyOf(bare) };
    await target.sqs.send(new SendMessageCommand(dead));
    const late = {
      QueueUrl: undeliveredQueues.extraction,
      MessageBody: bodyOf(undelivered),
      MessageAttributes,
    };
    await target.sqs.send(new SendMessageCommand(late));

    await expectAll(bare.key, /the extraction was dead-lettered.*, no_note: .*npx sluice logs extraction/);
    await expectAll(
      undelivered.key,
      /could not deliver its event to the queue of the extraction, NO_PERMISSIONS: /,
      /npx sluice redrive extraction --key recipes\/undelivered/,
    );

    const finder = new TroubleFinder(target);
    const object = { dataset: 'recipes', ...lost };
    expect(await finder.troubleOf(object, 'extraction', Date.now() - 60_000)).toBeUndefined();
    expect(await finder.troubleOf(object, 'extraction', Date.now() - 180_000)).toMatchObject({
      kind: 'no_message',
      cure: 'To repair it: npx sluice sweep --enqueue',
    });
  });

  test('of an object whose publication another stage has still to end', async () => {
    const object = { dataset: 'recipes', ...(await put('recipes/unpublished')) };
    const troubleAt = (stage: Stage) =>
      new TroubleFinder(target).troubleOf(object, stage, Date.now() - 180_000);
    expect(await troubleAt('commit')).toMatchObject({ kind: 'no_message' });
    const QueueUrl = target.outputs.queues.transformation;
    await target.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{}', DelaySeconds: 900 }));
    expect(await troubleAt('commit')).toBeUndefined();
    expect(await troubleAt('extraction')).toMatchObject({ kind: 'no_message' });
    await withoutEventsFor('commit');
    const { ledger: Bucket } = target.outputs.buckets;
    const Key = publicationKey(versionPath(object), 0, 1);
    await target.s3.send(new PutObjectCommand({ Bucket, Key, Body: '{}' }));
    expect(await troubleAt('commit')).toMatchObject({ kind: 'no_message' });
  });
});
