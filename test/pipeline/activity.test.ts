import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { followActivity } from '../../cli/ledger/activity.ts';
import { isConserved } from '../../cli/ledger/states/object-state.ts';
import { TroubleFinder } from '../../cli/ledger/states/trouble.ts';
import type { Step } from '../../domain/activity/activity.ts';
import { total } from '../../domain/versions/receipt.ts';
import { eventually, settledState, startTestPipeline, type TestPipeline } from './running-pipeline.ts';

const good = { title: 'Soup', ingredients: ['water', 'salt'], directions: ['Boil for 10 minutes.'] };
const ndjson = (records: readonly unknown[]) => records.map((each) => `${JSON.stringify(each)}\n`).join('');

let pipeline: TestPipeline;

beforeAll(async () => {
  pipeline = await startTestPipeline();
});

afterAll(() => pipeline.close());

async function put(key: string, body: string): Promise<string> {
  const { s3, outputs } = pipeline.target;
  const { VersionId } = await s3.send(
    new PutObjectCommand({ Bucket: outputs.buckets.raw, Key: key, Body: body }),
  );
  return VersionId ?? 'null';
}

/** Follows until these keys have ended. */
async function followUntil(since: number, ...keys: string[]): Promise<Step[]> {
  const steps: Step[] = [];
  const enough = new AbortController();
  for await (const step of followActivity(pipeline.target, { since, signal: enough.signal, pollMs: 50 })) {
    steps.push(step);
    const ended = new Set(steps.flatMap((each) => (each.ended ? [each.key] : [])));
    if (keys.every((key) => ended.has(key))) enough.abort();
  }
  return steps;
}

const endsOf = (steps: readonly Step[], of: string) =>
  steps.flatMap(({ key, versionId, ended }) => (key === of && ended ? [{ versionId, ...ended }] : []));

describe('following the activity by the logs of the functions', () => {
  test('tells the end of each object with the counts that its receipts have, whether it sees them begin or not', async () => {
    const since = Date.now();
    // Two difficulties, and so two files, in one part, which is one loading.
    const long = { ...good, directions: Array.from({ length: 40 }, () => 'Stir.') };
    const body = ndjson([good, long, { title: 1 }]);
    const versionId = await put('recipes/two.ndjson', body);
    await put('recipes/none.ndjson', ndjson([{ title: 1 }]));
    await put('recipes/broken.json', 'no recipes');
    const keys = ['recipes/two.ndjson', 'recipes/none.ndjson', 'recipes/broken.json'];
    const steps = await followUntil(since, ...keys);
    const state = await settledState(pipeline.target, 'recipes/two.ndjson', versionId);
    expect(isConserved(state)).toBe(true);
    const counts = { read: 3, written: 2, filtered: total(state.filtered), rejected: 1 };
    expect(endsOf(steps, 'recipes/two.ndjson')).toEqual([
      { outcome: 'done', versionId, ...counts, tookMs: expect.any(Number) },
    ]);
    expect(endsOf(steps, 'recipes/none.ndjson')).toMatchObject([
      { outcome: 'rejected', read: 1, rejected: 1 },
    ]);
    expect(endsOf(steps, 'recipes/broken.json')).toMatchObject([
      { outcome: 'failed', code: expect.stringMatching(/^[a-z_]+$/) },
    ]);
    const stages = steps.filter(({ key }) => key === 'recipes/two.ndjson').map(({ stage }) => stage);
    expect(stages.sort()).toEqual(['commit', 'extraction', 'loading', 'transformation']);

    // A follower that comes too late for the extraction asks the ledger.
    const late = steps.find(({ stage, key }) => stage === 'transformation' && key === 'recipes/two.ndjson');
    const again = await followUntil(late?.at ?? 0, 'recipes/two.ndjson');
    expect(endsOf(again, 'recipes/two.ndjson')).toMatchObject([{ outcome: 'done', versionId, ...counts }]);
  });

  test('tells of a deletion, and of the attempts of a message that goes back to the queue', async () => {
    const since = Date.now();
    const { s3, outputs, control } = pipeline.target;
    await control?.addFault({
      kind: 'answer',
      operation: 'GetObject',
      status: 500,
      function: outputs.functions.extraction,
      times: 20,
    });
    const slow = await put('recipes/slow.ndjson', ndjson([good]));
    const enough = new AbortController();
    const retried: Step[] = [];
    for await (const step of followActivity(pipeline.target, { since, signal: enough.signal, pollMs: 50 })) {
      if (step.key !== 'recipes/slow.ndjson') continue;
      retried.push(step);
      enough.abort();
    }
    expect(retried).toMatchObject([{ result: 'retried', code: 'storage', attempt: 1, stage: 'extraction' }]);
    // The function puts its message off: it comes back when its time is over, not after six times of it.
    const object = { dataset: 'recipes', key: 'recipes/slow.ndjson', versionId: slow };
    const trouble = await eventually(
      () => new TroubleFinder(pipeline.target).troubleOf(object, 'extraction'),
      'the note of the attempt',
    );
    expect(trouble).toMatchObject({ kind: 'retrying', code: 'storage', attempt: 1, of: 5 });
    expect(trouble.next).toBeLessThan(trouble.at + 400_000);
    await control?.clearFaults();
    await put('recipes/gone.ndjson', ndjson([good]));
    await followUntil(since, 'recipes/gone.ndjson');
    const deletedAt = Date.now();
    await s3.send(new DeleteObjectCommand({ Bucket: outputs.buckets.raw, Key: 'recipes/gone.ndjson' }));
    const steps = await followUntil(deletedAt, 'recipes/gone.ndjson');
    const [end, ...others] = endsOf(steps, 'recipes/gone.ndjson');
    expect([end, others]).toMatchObject([{ outcome: 'retracted' }, []]);
    // The sinks are told of it under the same name, so that it is known to have ended.
    const told: Step[] = [];
    const both = new AbortController();
    for await (const step of followActivity(pipeline.target, {
      since: deletedAt,
      signal: both.signal,
      pollMs: 50,
    })) {
      if (step.stage === 'commit' || step.stage === 'loading') told.push(step);
      if (new Set(told.map(({ stage }) => stage)).size === 2) both.abort();
    }
    for (const step of told)
      expect(step).toMatchObject({ key: 'recipes/gone.ndjson', versionId: end?.versionId });
  });
});
