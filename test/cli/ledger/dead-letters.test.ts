import { DisableRuleCommand, EventBridgeClient, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deadLetterQueues, withOpenQueues } from '../../../cli/ledger/dead-letters.ts';
import { localCredentials, type Target } from '../../../cli/target/target.ts';
import { type TransientCode, TransientError } from '../../../domain/errors.ts';
import { type Stage, stages } from '../../../domain/stage.ts';
import type { DeadLetter, DeadLetterPlace } from '../../../domain/versions/dead-letters/dead-letter.ts';
import { toQueueMessage } from '../../../domain/versions/event-message.ts';
import { gaveUpKey } from '../../../domain/versions/key-layout.ts';
import { parseObjectEvent } from '../../../domain/versions/object-event.ts';
import { writeFault } from '../../../store/failed-objects.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
import { settledState, startTestPipeline, type TestPipeline } from '../../pipeline/running-pipeline.ts';
import { documents, finished, sluice, startSluice } from '../sluice.ts';

let pipeline: TestPipeline;
let target: Target;
const never = new AbortController().signal;

/** No event reaches the extraction by itself: what it processes comes from a DLQ. */
beforeAll(async () => {
  pipeline = await startTestPipeline();
  target = pipeline.target;
  const { endpoint, outputs } = pipeline.running;
  const events = new EventBridgeClient({ endpoint, region: outputs.region, credentials: localCredentials });
  const { Rules = [] } = await events.send(new ListRulesCommand({}));
  const rule = Rules.find(({ Name = '' }) => Name.includes('extraction'));
  await events.send(new DisableRuleCommand({ Name: rule?.Name }));
});

afterAll(async () => {
  await pipeline.close();
});

beforeEach(async () => {
  await withOpenQueues(target, deadLetterQueues(target, stages), never, async (open) => {
    for (const { held, letters } of open) await held.delete(letters.map(({ id }) => id));
  });
});

const run = (...args: string[]) => sluice(pipeline.directory, args);

/** Puts a recipe that no stage hears of. Returns the message that would tell the extraction. */
async function put(key: string): Promise<string> {
  const Body = `${JSON.stringify({ title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] })}\n`;
  const Bucket = target.outputs.buckets.raw;
  const { VersionId = '' } = await target.s3.send(new PutObjectCommand({ Bucket, Key: key, Body }));
  return eventOf(key, VersionId);
}

function eventOf(key: string, versionId: string): string {
  const event = {
    type: 'created',
    key,
    versionId,
    revision: 0,
    sequencer: '10',
    size: 1,
    permanent: false,
  } as const;
  return toQueueMessage(target.outputs.buckets.raw, event, 'Sweep');
}

function urlOf(stage: Stage, place: DeadLetterPlace): string {
  return target.outputs[place === 'dlq' ? 'deadLetterQueues' : 'undeliveredQueues'][stage];
}

async function deadLetter(
  bodies: readonly string[],
  { stage = 'extraction', place = 'dlq' }: { stage?: Stage; place?: DeadLetterPlace } = {},
): Promise<string[]> {
  const ids: string[] = [];
  for (let start = 0; start < bodies.length; start += 10) {
    const Entries = bodies.slice(start, start + 10).map((MessageBody, i) => ({
      Id: `${i}`,
      MessageBody,
      ...(place === 'undelivered' && {
        MessageAttributes: {
          ERROR_CODE: { DataType: 'String', StringValue: 'NO_PERMISSIONS' },
          ERROR_MESSAGE: { DataType: 'String', StringValue: 'The rule may not send.' },
          RETRY_ATTEMPTS: { DataType: 'String', StringValue: '185' },
        },
      }),
    }));
    const sent = await target.sqs.send(
      new SendMessageBatchCommand({ QueueUrl: urlOf(stage, place), Entries }),
    );
    ids.push(...(sent.Successful ?? []).map(({ MessageId = '' }) => MessageId));
  }
  expect(ids).toHaveLength(bodies.length);
  return ids;
}

/** Leaves the note of a message's last attempt. */
async function note(body: string, code: TransientCode, message: string): Promise<void> {
  const event = parseObjectEvent(body);
  const { path, numbers } = target.registry.workItemOf('extraction', event);
  const error = new TransientError(code, message, { stage: 'extraction' });
  const key = gaveUpKey(path, 'extraction', ...numbers);
  await writeFault(s3ObjectStore(target.s3), target.outputs.buckets.failed, key, event, error);
}

/** What lies in the DLQs and undelivered queues, as the command line reads it. */
function lying(): Promise<DeadLetter[]> {
  const read = async (open: readonly { readonly letters: readonly DeadLetter[] }[]) =>
    open.flatMap(({ letters }) => letters);
  return withOpenQueues(target, deadLetterQueues(target, stages), never, read);
}

describe('sluice dlq', () => {
  test('says that nothing is dead-lettered', async () => {
    expect(await run('dlq')).toMatchObject({ status: 0, stdout: 'Nothing is dead-lettered.\n' });
  });

  test('lists messages by the reason in their notes, and events that were not delivered by EventBridge’s', async () => {
    const [noted, bare, undelivered] = await Promise.all(
      ['noted', 'bare', 'undelivered'].map((name) => put(`recipes/list-${name}.ndjson`)),
    );
    if (noted === undefined || bare === undefined || undelivered === undefined) throw new Error('No event.');
    await note(noted, 'storage', 'Access Denied');
    const before = Date.now();
    const [id] = await deadLetter([noted, bare, 'not an event']);
    await deadLetter([undelivered], { place: 'undelivered' });

    const listed = documents(await run('dlq', 'extraction', '--json'));
    const totals = listed.pop();
    const day = 86_400_000;
    const byKey = new Map(listed.map((each) => [each['key'], each]));
    expect(byKey.get('recipes/list-noted.ndjson')).toMatchObject({
      id,
      place: 'dlq',
      dataset: 'recipes',
      attempts: 5,
      code: 'storage',
      reason: 'Access Denied',
      standing: 'open',
    });
    const expiry = Number(byKey.get('recipes/list-noted.ndjson')?.['expiresAt']) - before;
    expect(Math.round(expiry / day)).toBe(14);
    expect(byKey.get('recipes/list-bare.ndjson')).toMatchObject({ code: 'no_note' });
    expect(byKey.get(undefined)).toMatchObject({ body: 'not an event', code: 'no_note' });
    expect(byKey.get('recipes/list-undelivered.ndjson')).toMatchObject({
      place: 'undelivered',
      attempts: 186,
      code: 'NO_PERMISSIONS',
      reason: 'The rule may not send.',
    });
    expect(totals).toMatchObject({ messages: 4, unseen: 0 });

    const { stdout } = await run('dlq');
    expect(stdout).toContain('extraction, DLQ: 1 message, storage\n  Access Denied\n');
    expect(stdout).toContain('extraction, undelivered queue: 1 message, NO_PERMISSIONS\n');
    expect(stdout).toContain('4 messages in all.');
    expect(documents(await run('dlq', 'loading', '--json'))).toEqual([
      { messages: 0, unseen: 0, reasons: [] },
    ]);
  });

  test('marks a message whose work another message has done', async () => {
    const body = await put('recipes/done.ndjson');
    await target.sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: target.outputs.queues.extraction,
        Entries: [{ Id: '0', MessageBody: body }],
      }),
    );
    await settledState(target, 'recipes/done.ndjson', parseObjectEvent(body).versionId);
    await deadLetter([body]);
    expect(await lying()).toMatchObject([{ key: 'recipes/done.ndjson', standing: 'done' }]);
    expect((await run('dlq')).stdout).toContain('1 message, no_note, already done');
  });

  test('leaves every message visible at its end, also after Ctrl-C', async () => {
    await deadLetter(Array.from({ length: 200 }, (_, i) => eventOf(`recipes/held-${i}.ndjson`, `v${i}`)));
    expect(await run('dlq', '--json')).toMatchObject({ status: 0 });
    expect(await lying()).toHaveLength(200);
    const child = startSluice(pipeline.directory, ['dlq', '--json']);
    // It holds the messages as soon as it says that it reads them.
    const interrupted = await finished(child, 'Reading the DLQs');
    expect(interrupted).toMatchObject({ status: 130, stdout: '' });
    expect(await lying()).toHaveLength(200);
  });
});
