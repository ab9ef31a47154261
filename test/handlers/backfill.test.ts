import { describe, expect, test } from 'vitest';
import { batchesPrefix, batchRecord, report, reportKey } from '../../domain/operations/backfill.ts';
import { parseObjectEvent } from '../../domain/versions/object-event.ts';
import { type Batch, batchName } from '../../handlers/backfill/batch.ts';
import { type Reporting, reportOn } from '../../handlers/backfill/report.ts';
import { type Sending, sendBatch } from '../../handlers/backfill/send-batch.ts';
import { extractObject } from '../../handlers/stages/extraction/extract-object.ts';
import { MemoryStore, stageContextOf } from '../store/memory-store.ts';
import { buckets, drain, extract, ndjson, putRaw, recipe, runAll } from './flow.ts';

const execution = 'e1';
const batchOf = (items: Batch['Items'], more: Partial<Batch['BatchInput']> = {}): Batch => ({
  BatchInput: {
    machine: 'backfill',
    execution,
    dataset: '',
    dryRun: false,
    since: 0,
    until: 8.64e15,
    codes: [],
    force: false,
    deployed: { extraction: 'next', transformation: 'next', loading: 'next' },
    ...more,
  },
  Items: items,
});
const named = (...keys: string[]) => keys.map((Key) => ({ Key }));

/** The functions' context over buckets in memory, and the messages that were sent. */
function workplace(store = new MemoryStore(), more: Partial<Sending> = {}) {
  const messages: string[] = [];
  const senders = new Set<string>();
  const sending: Sending = {
    store,
    look: async (key) =>
      store.keys('raw').includes(key)
        ? { versionId: 'v1', deleted: false, size: 1, modified: 5_000 }
        : undefined,
    send: async (bodies, by) => {
      senders.add(by);
      messages.push(...bodies);
    },
    now: () => 0,
    buckets: { raw: 'raw', failed: 'failed', ledger: 'ledger' },
    ...more,
  };
  const recordOf = (batch: Batch) =>
    batchRecord.parse(
      JSON.parse(
        store
          .body(
            'failed',
            batchesPrefix(batch.BatchInput.machine, batch.BatchInput.execution) + batchName(batch),
          )
          .toString(),
      ),
    );
  const ending = {
    store,
    mapRuns: async () => [{ label: 'Check', items: 7 }],
    now: () => 9_000,
    buckets: { failed: 'failed', ledger: 'ledger' },
  };
  const endReport = async (
    machine: 'backfill' | 'replay',
    troubles: string[] = [],
    dryRun = false,
    more: Partial<Reporting> = {},
  ) => {
    const Items = named(
      ...store.keys('failed').filter((key) => key.startsWith(batchesPrefix(machine, execution))),
    );
    if (!dryRun)
      await reportOn({ task: 'check', batch: { BatchInput: { machine, execution }, Items } }, ending);
    const answer = await reportOn(
      {
        task: 'report',
        machine,
        execution,
        executionArn: 'arn',
        startedAt: new Date(0).toISOString(),
        input: {},
        dryRun,
        troubles,
      },
      { ...ending, ...more },
    );
    const written = report.parse(JSON.parse(store.body('failed', reportKey(machine, execution)).toString()));
    return { answer, written };
  };
  /** Has the stages work on what was sent, or the first of them alone. */
  const work = async (sent: readonly string[], extractionOnly = false) => {
    for (const body of sent) await extractObject(parseObjectEvent(body), buckets, stageContextOf(store));
    if (!extractionOnly) await drain(store);
  };
  return { store, sending, messages, senders, recordOf, endReport, ending, work };
}

const A = 'recipes/a.ndjson';
const B = 'recipes/b é+.ndjson';

describe('a batch of a backfill', () => {
  test('sends unknown objects as events that the extraction can read', async () => {
    const { store, sending, messages, senders, recordOf } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    putRaw(store, B, ndjson([recipe(2)]));
    const batch = batchOf(named(A, B, 'recipes/gone.ndjson'));
    await sendBatch(batch, sending);
    expect(messages.map(parseObjectEvent)).toMatchObject([
      { type: 'created', bucket: 'raw', key: A, versionId: 'v1', sequencer: '0', revision: 1 },
      { type: 'created', bucket: 'raw', key: B, versionId: 'v1', sequencer: '0', revision: 1 },
    ]);
    expect([...senders]).toEqual(['Backfill']);
    expect(recordOf(batch)).toMatchObject({
      listed: 3,
      objects: [{ of: A }, { of: B }, { of: 'recipes/gone.ndjson', skip: 'missing' }],
    });
  });

  test('continues after an object with an unreadable document in the ledger', async () => {
    const { store, sending, messages, recordOf, endReport } = workplace();
    for (const key of [A, B]) putRaw(store, key, ndjson([recipe(1)]));
    await runAll(store, A);
    const [entry = ''] = store.keys('ledger').filter((key) => key.startsWith('heads/'));
    store.put({ bucket: 'ledger', key: entry, body: '{"dataset":', contentType: '' });
    const batch = batchOf(named(A, B));
    await sendBatch(batch, sending);
    expect(messages.map(parseObjectEvent)).toMatchObject([{ key: B }]);
    expect(recordOf(batch).objects).toMatchObject([{ of: A, skip: 'unreadable' }, { of: B }]);
    expect((await endReport('backfill')).written.failed).toMatchObject([
      { key: A, reason: 'its ledger entry or a receipt can’t be read: npx sluice explain' },
      { key: B },
    ]);
  });

  test('reports a version with an unreadable receipt as failed, with the reason', async () => {
    const { store, sending, endReport, messages, work } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    await sendBatch(batchOf(named(A)), sending);
    await work(messages);
    const [receipt = ''] = store.keys('ledger').filter((key) => key.includes('/transformation/'));
    store.put({ bucket: 'ledger', key: receipt, body: '{}', contentType: '' });
    expect((await endReport('backfill')).written.failed).toMatchObject([
      { key: A, reason: expect.stringContaining(`${receipt} can’t be read`) },
    ]);
  });

  test('skips objects that are done, so that a repetition sends nothing, but checks their outcomes', async () => {
    const { store, sending, messages, recordOf, endReport } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    await runAll(store, A);
    const batch = batchOf(named(A));
    await sendBatch(batch, sending);
    expect(messages).toEqual([]);
    expect(recordOf(batch).objects).toMatchObject([{ of: A, skip: 'done', watched: { versionId: 'v1' } }]);
    expect((await endReport('backfill')).written).toMatchObject({
      status: 'succeeded',
      objects: { sent: 0, skipped: { done: 1 }, succeeded: 1 },
    });
  });

  test('does not count an object as succeeded that is extracted but stuck in a later stage', async () => {
    const { store, sending, messages, endReport, work } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    putRaw(store, 'recipes/broken.json', '[{"title":');
    await sendBatch(batchOf(named(A, 'recipes/broken.json'), { execution: 'e0' }), sending);
    await work(messages, true);
    const { messages: again, ...second } = workplace(store);
    await sendBatch(batchOf(named(A, 'recipes/broken.json')), second.sending);
    expect(again).toEqual([]);
    expect((await endReport('backfill')).written).toMatchObject({
      status: 'partly',
      partly: [{ key: A, reason: expect.stringContaining('parts transformed (0 of 1)') }],
      failed: [{ key: 'recipes/broken.json', reason: 'truncated' }],
    });
  });

  test('remembers the objects that an earlier attempt sent', async () => {
    const { store, sending, messages, recordOf, work } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    const batch = batchOf(named(A));
    await sendBatch(batch, sending);
    await work(messages);
    await sendBatch(batch, sending);
    expect(messages).toHaveLength(1);
    expect(recordOf(batch).objects).toEqual([
      { of: A, watched: { key: A, versionId: 'v1!0001', sequencer: '0' } },
    ]);
  });

  test('does not look up objects that are out of range by the listing', async () => {
    const looked: string[] = [];
    const { store, sending, recordOf } = workplace(undefined, {
      look: async (key) => {
        looked.push(key);
        return { versionId: 'v1', deleted: false, size: 1, modified: 5_000 };
      },
    });
    putRaw(store, A, ndjson([recipe(1)]));
    const batch = batchOf(
      [
        { Key: A, LastModified: 4 },
        { Key: B, LastModified: 5 },
        { Key: 'recipes/c.ndjson', LastModified: 6 },
      ],
      { since: 5_000, until: 6_000 },
    );
    await sendBatch(batch, sending);
    expect(looked).toEqual([B]);
    expect(recordOf(batch).objects.map(({ skip }) => skip)).toEqual([
      'out_of_range',
      undefined,
      'out_of_range',
    ]);
  });

  test('counts and sends nothing in a dry run', async () => {
    const { store, sending, messages, recordOf, endReport } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    const batch = batchOf(named(A), { dryRun: true });
    await sendBatch(batch, sending);
    expect(messages).toEqual([]);
    expect(recordOf(batch).objects).toEqual([{ of: A }]);
    expect((await endReport('backfill', [], true)).written).toMatchObject({
      status: 'counted',
      objects: { listed: 1, sent: 1 },
    });
  });

  test('fails if the queue refuses a message, and the outcomes of its recorded objects are checked', async () => {
    const { store, sending, ending, endReport } = workplace(undefined, {
      send: async () => {
        throw new Error('refused');
      },
    });
    putRaw(store, A, ndjson([recipe(1)]));
    const batch = batchOf(named(A));
    await expect(sendBatch(batch, sending)).rejects.toThrow('refused');
    await reportOn({ task: 'give-up', batch, reason: 'refused' }, ending);
    expect((await endReport('backfill')).written).toMatchObject({
      status: 'failed',
      objects: { listed: 1, sent: 1, failed: 1 },
      failed: [{ key: A, reason: expect.stringContaining('never started') }],
      troubles: ['A batch may have been sent only in part: refused'],
    });
  });
});

describe('the report of a backfill', () => {
  test('has the outcome of each object, and the sum of their records', async () => {
    const { store, sending, messages, endReport, work } = workplace();
    const keys = [A, B, 'recipes/broken.json', 'recipes/never.ndjson'];
    putRaw(store, A, ndjson([recipe(1), { title: 'x' }]));
    putRaw(store, B, ndjson([recipe(2)]));
    putRaw(store, 'recipes/broken.json', '[{"title":');
    putRaw(store, 'recipes/never.ndjson', ndjson([recipe(4)]));
    await sendBatch(batchOf(named(...keys)), sending);
    await work(messages.slice(0, 3));
    const { answer, written } = await endReport('backfill');
    expect(written).toMatchObject({
      status: 'partly',
      objects: { listed: 4, sent: 4, succeeded: 2, partly: 0, failed: 2 },
      records: { read: 3, written: 2, filtered: 0, rejected: 1 },
      failed: [
        { key: 'recipes/broken.json', reason: 'truncated' },
        { key: 'recipes/never.ndjson', reason: expect.stringContaining('never started') },
      ],
    });
    expect(answer).toMatchObject({
      status: 'partly',
      report: `s3://failed/${reportKey('backfill', execution)}`,
    });
  });

  test('reports an object in part if only its first stage is done', async () => {
    const { store, sending, messages, endReport, work } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    await sendBatch(batchOf(named(A)), sending);
    await work(messages, true);
    expect((await endReport('backfill')).written).toMatchObject({
      status: 'partly',
      partly: [{ key: A, reason: expect.stringContaining('parts transformed (0 of 1)') }],
    });
  });

  test('counts a batch that was given up as failed, with its keys and the reason', async () => {
    const { ending, endReport } = workplace();
    await reportOn({ task: 'give-up', batch: batchOf(named(A, B)), reason: 'the queue is full' }, ending);
    expect((await endReport('backfill', ['not everything was sent'])).written).toMatchObject({
      status: 'failed',
      objects: { listed: 2, sent: 0, failed: 2 },
      failed: [
        { key: A, reason: 'not sent: the queue is full' },
        { key: B, reason: 'not sent: the queue is full' },
      ],
      troubles: ['not everything was sent'],
    });
  });

  test('counts objects of a manifest that do not exist as failed', async () => {
    const { sending, endReport } = workplace();
    await sendBatch(batchOf(named('s3://raw/a')), sending);
    expect((await endReport('backfill')).written).toMatchObject({
      status: 'failed',
      failed: [{ key: 's3://raw/a', reason: 'there is no such object' }],
    });
  });

  test('says so if Step Functions listed more objects than batches have recorded', async () => {
    const { store, sending, messages, endReport, work } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    await sendBatch(batchOf(named(A)), sending);
    await work(messages);
    const mapRuns = async () => [
      { label: 'Prefix', items: 101 },
      { label: 'Check', items: 2 },
    ];
    expect((await endReport('backfill', [], false, { mapRuns })).written).toMatchObject({
      status: 'partly',
      objects: { listed: 1, succeeded: 1 },
      troubles: [expect.stringMatching(/^100 objects may not have been sent/)],
    });
  });

  test('says so if the outcomes of objects were never checked', async () => {
    const { store, sending, ending } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    await sendBatch(batchOf(named(A)), sending);
    const task = {
      task: 'report',
      machine: 'backfill',
      execution,
      executionArn: 'arn',
      startedAt: '',
    } as const;
    await reportOn({ ...task, input: {}, dryRun: false, troubles: [] }, ending);
    const written = JSON.parse(store.body('failed', reportKey('backfill', execution)).toString());
    expect(written).toMatchObject({ troubles: ['The outcome of 1 object is unknown.'] });
  });
});

describe('a batch of a replay', () => {
  test('has each version reprocessed once, however many files it left, and the report follows the new revision', async () => {
    const { store, sending, messages, endReport } = workplace();
    putRaw(store, A, ndjson([recipe(1), { title: 'x' }]));
    putRaw(store, 'recipes/broken.json', '[{"title":');
    await runAll(store, A);
    await runAll(store, 'recipes/broken.json');
    const left = store.keys('failed');
    expect(left.length).toBeGreaterThanOrEqual(2);
    await sendBatch(batchOf(named(...left, ...left), { machine: 'replay' }), sending);
    const events = messages.map(parseObjectEvent);
    expect(events.map(({ key, revision }) => [key, revision]).sort()).toEqual([
      [A, 1],
      ['recipes/broken.json', 1],
    ]);
    const { written } = await endReport('replay');
    expect(written).toMatchObject({ status: 'failed', objects: { sent: 2, failed: 2 } });
    expect(written.failed.map(({ versionId }) => versionId)).toEqual(['v1!0001', 'v1!0001']);
  });

  test('skips files that the replay itself leaves behind, which are newer than it is', async () => {
    const { store, sending, messages, recordOf } = workplace();
    putRaw(store, A, ndjson([{ title: 'x' }]));
    await runAll(store, A);
    const items = store.keys('failed').map((Key) => ({ Key, LastModified: 10 }));
    const batch = batchOf(items, { machine: 'replay', until: 10_000 });
    await sendBatch(batch, sending);
    expect(messages).toEqual([]);
    expect(recordOf(batch).objects).toMatchObject([{ skip: 'out_of_range' }]);
  });
});

describe('a batch of a replay of whole objects', () => {
  const whole = (more: Partial<Batch['BatchInput']> = {}) =>
    batchOf(named(A), { machine: 'replay', of: 'objects', ...more });

  test('reprocesses an object without rejects in its next revision, once for each code', async () => {
    const { store, sending, messages, recordOf, endReport, work } = workplace();
    putRaw(store, A, ndjson([recipe(1), recipe(2)]));
    await runAll(store, A);
    await sendBatch(whole(), sending);
    expect(messages.map(parseObjectEvent)).toMatchObject([{ key: A, versionId: 'v1', revision: 1 }]);
    await work(messages);
    expect((await endReport('replay')).written).toMatchObject({
      status: 'succeeded',
      objects: { listed: 1, sent: 1, succeeded: 1 },
      records: { read: 2, written: 2 },
    });
    const deployed = { extraction: 'test', transformation: 'test', loading: 'test' };
    const again = workplace(store);
    await sendBatch(whole({ execution: 'e2', deployed }), again.sending);
    expect(again.messages).toEqual([]);
    expect(recordOf(whole({ execution: 'e2', deployed })).objects).toMatchObject([
      { of: A, skip: 'same_code', watched: { versionId: 'v1!0001' } },
    ]);
    await sendBatch(whole({ execution: 'e3', deployed, force: true }), again.sending);
    expect(again.messages.map(parseObjectEvent)).toMatchObject([{ key: A, revision: 2 }]);
  });

  test('reprocesses it if only one stage has other code', async () => {
    const { store, sending, messages } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    await runAll(store, A);
    const deployed = { extraction: 'test', transformation: 'test', loading: 'newer' };
    await sendBatch(whole({ deployed }), sending);
    expect(messages.map(parseObjectEvent)).toMatchObject([{ key: A, revision: 1 }]);
  });

  test('reprocesses the active version and a newer one that was rejected', async () => {
    const { store, sending, messages, recordOf } = workplace();
    const key = 'passengers/a.csv';
    const header = 'PassengerId,Survived,Pclass,Name,Sex,Age\n';
    putRaw(store, key, `${header}1,1,1,A,male,30\n`);
    await runAll(store, key);
    putRaw(store, key, `${header}x,1,1,A,male,30\n`);
    await extract(store, key, {}, { versionId: 'v2', sequencer: '2' });
    await drain(store);
    const look = async () => ({ versionId: 'v2', deleted: false, size: 1, modified: 5_000 });
    await sendBatch({ ...whole(), Items: named(key) }, { ...sending, look });
    expect(messages.map(parseObjectEvent).map(({ versionId, revision }) => [versionId, revision])).toEqual([
      ['v1', 1],
      ['v2', 1],
    ]);
    expect(recordOf({ ...whole(), Items: named(key) }).objects.map(({ of }) => of)).toEqual([key, key]);
  });

  test('processes an object that was never processed, and leaves alone one of another dataset', async () => {
    const { store, sending, messages, recordOf } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    putRaw(store, 'passengers/a.csv', '');
    const batch = { ...whole({ dataset: 'recipes' }), Items: named(A, 'passengers/a.csv') };
    await sendBatch(batch, sending);
    expect(messages.map(parseObjectEvent)).toMatchObject([{ key: A, revision: 1, sequencer: '0' }]);
    expect(recordOf(batch).objects.map(({ skip }) => skip)).toEqual([undefined, 'other_dataset']);
  });

  test('counts bytes, records and files in a dry run', async () => {
    const { store, sending, messages, endReport } = workplace();
    const body = ndjson([recipe(1), recipe(2, 40)]);
    putRaw(store, A, body);
    await runAll(store, A);
    putRaw(store, B, body);
    const look = async () => ({ versionId: 'v1', deleted: false, size: 6_001, modified: 5_000 });
    await sendBatch({ ...whole({ dryRun: true }), Items: named(A, B) }, { ...sending, look });
    expect(messages).toEqual([]);
    expect((await endReport('replay', [], true)).written).toMatchObject({
      status: 'counted',
      objects: { sent: 2 },
      // Those of A by its receipts; of B, which was never processed, one for 1,200 bytes.
      expected: { objects: 2, bytes: 1 + 6_001, records: 2 + 6, files: 2 + 1 },
    });
  });

  test('if it is tried again, keeps the version that it had sent, and sends it no more', async () => {
    const { store, sending, messages, recordOf, work } = workplace();
    putRaw(store, A, ndjson([recipe(1)]));
    await runAll(store, A, { codeVersion: 'old' });
    const batch = whole({ deployed: { extraction: 'test', transformation: 'test', loading: 'test' } });
    await sendBatch(batch, sending);
    await work(messages, true);
    await sendBatch(batch, sending);
    expect(messages).toHaveLength(1);
    expect(recordOf(batch).objects).toEqual([
      { of: A, watched: expect.objectContaining({ versionId: 'v1!0001' }) },
    ]);
  });
});
