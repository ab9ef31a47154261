import { DisableRuleCommand, EventBridgeClient, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { SendMessageBatchCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deadLetterQueues, withOpenQueues } from '../../../cli/ledger/dead-letters/dead-letters.ts';
import { queueDepth, queueStates } from '../../../cli/target/queue-state.ts';
import { localCredentials, type Target } from '../../../cli/target/target.ts';
import { type TransientCode, TransientError } from '../../../domain/errors.ts';
import { type Stage, stages } from '../../../domain/stage.ts';
import { toQueueMessage } from '../../../domain/versions/event-message.ts';
import type { DeadLetter, DeadLetterPlace } from '../../../domain/versions/failures/dead-letter.ts';
import { gaveUpKey } from '../../../domain/versions/key-layout.ts';
import { parseObjectEvent } from '../../../domain/versions/object-event.ts';
import { writeFault } from '../../../store/failed-objects.ts';
import { readText } from '../../../store/listing.ts';
import { s3ObjectStore } from '../../../store/object-store.ts';
import {
  eventually,
  settledState,
  startTestPipeline,
  type TestPipeline,
} from '../../pipeline/running-pipeline.ts';
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
  const item = target.registry.workItemOf('extraction', event);
  const error = new TransientError(code, message, { stage: 'extraction' });
  const key = gaveUpKey(item);
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
    await deadLetter(Array.from({ length: 100 }, (_, i) => eventOf(`recipes/held-${i}.ndjson`, `v${i}`)));
    expect(await run('dlq', '--json')).toMatchObject({ status: 0 });
    expect(await lying()).toHaveLength(100);
    const child = startSluice(pipeline.directory, ['dlq', '--json']);
    // It holds the messages as soon as it says that it reads them.
    const interrupted = await finished(child, 'Reading the DLQs');
    expect(interrupted).toMatchObject({ status: 130, stdout: '' });
    expect(await lying()).toHaveLength(100);
  });
});

describe('sluice redrive', () => {
  const several = (n: number, name: string) =>
    Promise.all(Array.from({ length: n }, (_, i) => put(`recipes/${name}-${i}.ndjson`)));
  const keysOf = (letters: readonly DeadLetter[]) => letters.map(({ key }) => key).sort();

  /** Waits until each message's object is in the tables. */
  async function allDone(bodies: readonly string[]): Promise<void> {
    for (const { key, versionId } of bodies.map(parseObjectEvent))
      expect(await settledState(target, key, versionId)).toMatchObject({
        stage: 'done',
        read: 1,
        written: 1,
      });
  }

  async function recordOf(totals: Record<string, unknown> | undefined): Promise<Record<string, unknown>> {
    const { failed } = target.outputs.buckets;
    return JSON.parse(
      await readText(target, failed, String(totals?.['record']).slice(`s3://${failed}/`.length)),
    );
  }

  test('sends back the messages of one reason alone, and tells the end of each', async () => {
    const bodies = await several(3, 'reason');
    const [first = '', second = '', third = ''] = bodies;
    await note(first, 'database', 'Connection refused');
    await note(second, 'storage', 'Access Denied');
    await note(third, 'database', 'Connection refused');
    await deadLetter(bodies);
    const sent = await run(
      'redrive',
      '--code',
      'database',
      '--wait',
      '--json',
      '--reason',
      'the server is back',
    );
    expect(sent).toMatchObject({ status: 0 });
    const endings = documents(sent);
    const totals = endings.pop();
    expect(endings.map(({ result }) => result)).toEqual(['done', 'done']);
    expect(totals).toMatchObject({ sent: 2, results: { done: 2 } });
    expect(keysOf(await lying())).toEqual(['recipes/reason-1.ndjson']);
    await allDone([first, third]);
    expect(await recordOf(totals)).toMatchObject({
      action: 'redrive',
      reason: 'the server is back',
      selection: { codes: ['database'] },
      sent: 2,
      complete: true,
    });
  });

  test('sends everything back, also the events that EventBridge could not deliver', async () => {
    const bodies = await several(4, 'all');
    await deadLetter(bodies.slice(0, 2));
    await deadLetter(bodies.slice(2), { place: 'undelivered' });
    const sent = await run('redrive');
    expect(sent).toMatchObject({ status: 0 });
    expect(sent.stdout).toContain('Sent 4 messages back.');
    expect(await lying()).toEqual([]);
    await allDone(bodies);
  });

  test('only lists with --dry-run, and takes the oldest up to --limit', async () => {
    const bodies = [0, 1, 2].map((i) => eventOf(`recipes/dry-${i}.ndjson`, 'v1'));
    for (const body of bodies) await deadLetter([body]);
    const dry = documents(await run('redrive', '--limit', '2', '--dry-run', '--json'));
    expect(dry.at(-1)).toMatchObject({ selected: 2 });
    expect(dry.slice(0, -1).map(({ key }) => key)).toEqual(['recipes/dry-0.ndjson', 'recipes/dry-1.ndjson']);
    expect(await lying()).toHaveLength(3);
  });

  test('discards only with a reason, and only after the messages are in the record', async () => {
    const [body = '', other = ''] = [0, 1].map((i) => eventOf(`recipes/discard-${i}.ndjson`, 'v1'));
    await deadLetter([body, other]);
    const refused = await run('redrive', '--discard');
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain('--reason TEXT');
    expect(await lying()).toHaveLength(2);
    const args = ['--discard', '--reason', 'a test upload', '--key', 'recipes/discard-0.ndjson', '--json'];
    const [totals] = documents(await run('redrive', ...args));
    expect(totals).toMatchObject({ discarded: 1 });
    expect(await recordOf(totals)).toMatchObject({ reason: 'a test upload', messages: [{ body }] });
    expect(keysOf(await lying())).toEqual(['recipes/discard-1.ndjson']);
  });

  test('sends the others when the canary has ended well', async () => {
    const bodies = await several(3, 'canary');
    await deadLetter(bodies);
    const sent = await run('redrive', '--canary', '1', '--wait', '--json');
    expect(sent).toMatchObject({ status: 0 });
    expect(documents(sent).at(-1)).toMatchObject({ sent: 3, results: { done: 3 } });
    await allDone(bodies);
  });

  test('a run that is killed in the middle and started again loses no message and doubles no row', async () => {
    const bodies = await several(40, 'killed');
    await deadLetter(bodies);
    // A selection, which the command sends itself.
    const child = startSluice(pipeline.directory, ['redrive', '--dataset', 'recipes', '--rate', '10']);
    const ended = finished(child);
    child.stderr?.on('data', (text: string) => {
      if (text.includes('Sent ')) child.kill('SIGKILL');
    });
    expect(await ended).toMatchObject({ status: 137 });
    // Without a command, which would be run again and again.
    await eventually(async () => {
      const { inFlight } = await queueDepth(target, urlOf('extraction', 'dlq'));
      return inFlight === 0 ? true : undefined;
    }, 'the messages that the killed run held');
    let again = 0;
    await eventually(async () => {
      const totals = documents(await run('redrive', '--dataset', 'recipes', '--json')).at(-1);
      again += Number(totals?.['sent']);
      return totals?.['unseen'] === 0 && (await lying()).length === 0 ? true : undefined;
    }, 'an empty DLQ');
    expect(again).toBeGreaterThan(0);
    expect(again).toBeLessThan(40);
    await allDone(bodies);
  });

  test('stops when the canary comes back, with the others untouched', async () => {
    const bodies = [0, 1, 2, 3, 4].map((i) => `not an event ${i}`);
    for (const body of bodies) await deadLetter([body]);
    const child = startSluice(pipeline.directory, ['redrive', 'extraction', '--canary', '1', '--json']);
    const ended = finished(child);
    await eventually(async () => {
      const { dead } = (await queueStates(target)).find(({ stage }) => stage === 'extraction') ?? {};
      return dead === 4 ? true : undefined;
    }, 'the canary');
    // As SQS does after the last attempt, which the stage's visibility timeout puts off for minutes.
    await deadLetter(['not an event 0']);
    const stopped = await ended;
    expect(stopped).toMatchObject({ status: 1 });
    expect(stopped.stderr).toContain('Stopped: 1 of 1 canary came back');
    expect(documents(stopped).at(0)).toMatchObject({
      result: 'returned',
      letter: { body: 'not an event 0' },
    });
    expect((await lying()).map(({ body }) => body).sort()).toEqual(bodies);
  });
});
