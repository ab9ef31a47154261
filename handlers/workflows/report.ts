import pLimit from 'p-limit';
import * as z from 'zod';
import {
  type BatchEnds,
  batchEnds,
  batchesPrefix,
  batchRecord,
  detailsPrefix,
  endOf,
  endsPrefix,
  LONGEST_LIST,
  latestEdition,
  machines,
  type Note,
  type Report,
  reportKey,
  statusOf,
} from '../../domain/backfill.ts';
import { datasetOf } from '../../domain/datasets/index.ts';
import { UNKNOWN_DATASET, versionPath } from '../../domain/key-layout.ts';
import type { MapRun, MapRunsOf } from '../edges/map-runs.ts';
import type { ObjectStore } from '../edges/object-store.ts';
import { Ledger } from '../stages/ledger.ts';
import { batch } from './batch.ts';
import { readBatch, receiptsOf, writeBatch } from './send-batch.ts';

const AT_ONCE = 16;
/** The map that sends nothing. */
const CHECK = 'Check';

/** What the state machine asks for. */
export const reportingTask = z.discriminatedUnion('task', [
  /** A batch can't be sent: its keys are written down with the reason. */
  z.object({ task: z.literal('give-up'), batch, reason: z.string() }),
  /** How the versions of some batches ended. `Items` are files that `sendBatch` left. */
  z.object({
    task: z.literal('check'),
    batch: z.object({
      BatchInput: z.object({ machine: z.enum(machines), execution: z.string() }),
      Items: z.array(z.object({ Key: z.string() })),
    }),
  }),
  /** The end of the execution. */
  z.object({
    task: z.literal('report'),
    machine: z.enum(machines),
    execution: z.string(),
    executionArn: z.string(),
    startedAt: z.string(),
    input: z.unknown(),
    dryRun: z.boolean(),
    troubles: z.array(z.string()),
  }),
]);
export type ReportingTask = z.infer<typeof reportingTask>;
type Ending = Extract<ReportingTask, { task: 'report' }>;

export interface Reporting {
  readonly store: ObjectStore;
  readonly mapRuns: MapRunsOf;
  readonly now: () => number;
  readonly buckets: { readonly failed: string; readonly ledger: string };
}

/** @returns of a `report`, what is small enough for the state machine to go on with */
export async function reportOn(task: ReportingTask, surroundings: Reporting): Promise<object> {
  switch (task.task) {
    case 'give-up':
      await giveUp(task, surroundings);
      return {};
    case 'check':
      for (const { Key } of task.batch.Items) await checkBatch(Key, task.batch.BatchInput, surroundings);
      return {};
    case 'report': {
      const { status, objects } = await writeReport(task, surroundings);
      const { skipped: _, ...counts } = objects;
      return {
        status,
        ...counts,
        report: `s3://${surroundings.buckets.failed}/${reportKey(task.machine, task.execution)}`,
      };
    }
  }
}

/** What an attempt wrote down, it may have sent: how that ended is looked at. */
async function giveUp(
  { batch, reason }: Extract<ReportingTask, { task: 'give-up' }>,
  { store, buckets }: Reporting,
): Promise<void> {
  const before = await readBatch(batch, store, buckets.failed);
  const keys = before === undefined ? batch.Items.map(({ Key }) => Key) : [];
  const record = { listed: batch.Items.length, objects: before?.objects ?? [], givenUp: { keys, reason } };
  await writeBatch(batch, record, store, buckets.failed);
}

async function checkBatch(
  recordKey: string,
  { machine, execution }: Pick<Ending, 'machine' | 'execution'>,
  { store, buckets }: Reporting,
): Promise<void> {
  const { objects } = await read(store, buckets.failed, recordKey, batchRecord);
  const ledger = new Ledger(store, buckets.ledger);
  const limit = pLimit(AT_ONCE);
  const found = await Promise.all(
    objects
      .flatMap(({ watched }) => watched ?? [])
      .map((each) =>
        limit(async () => {
          const { key } = each;
          const dataset = datasetOf(key)?.name ?? UNKNOWN_DATASET;
          const head = await ledger.head(versionPath({ dataset, ...each }));
          const done = { ...each, versionId: latestEdition(each, head) };
          const receipts = await receiptsOf(versionPath({ dataset, ...done }), store, buckets.ledger);
          return { ...done, ...endOf(done, head, receipts) };
        }),
      ),
  );
  const keysOf = (end: string) => found.filter((each) => each.end === end).map(({ key }) => key);
  const notesOf = (end: string): Note[] =>
    found
      .filter((each) => each.end === end)
      .map(({ key, versionId, reason = '' }) => ({ key, versionId, reason }));
  const ends: BatchEnds = {
    succeeded: keysOf('succeeded'),
    superseded: keysOf('superseded'),
    partly: notesOf('partly'),
    failed: notesOf('failed'),
    records: found.reduce((sums, each) => plus(sums, each.records), nothing),
  };
  const name = recordKey.slice(batchesPrefix(machine, execution).length);
  await write(store, buckets.failed, endsPrefix(machine, execution) + name, ends);
}

/** Adds up what became of all batches, a few of which are held at a time. */
async function writeReport(ending: Ending, { store, mapRuns, now, buckets }: Reporting): Promise<Report> {
  const { machine, execution, executionArn, startedAt, input, dryRun } = ending;
  const troubles = [...ending.troubles];
  const objects = { listed: 0, sent: 0, succeeded: 0, partly: 0, failed: 0, superseded: 0 };
  const skipped: Record<string, number> = {};
  const partly: Note[] = [];
  const failed: Note[] = [];
  let records = nothing;
  let unchecked = 0;
  const note = (list: Note[], more: readonly Note[]) =>
    list.push(...more.slice(0, Math.max(0, LONGEST_LIST - list.length)));

  const fail = (lost: readonly string[], reason: string) => {
    objects.failed += lost.length;
    note(
      failed,
      lost.map((key) => ({ key, versionId: '', reason })),
    );
  };
  const givenUp = new Set<string>();

  const prefix = batchesPrefix(machine, execution);
  const keys = await store.list(buckets.failed, prefix);
  const limit = pLimit(AT_ONCE);
  for (let start = 0; start < keys.length; start += AT_ONCE) {
    const group = await Promise.all(
      keys.slice(start, start + AT_ONCE).map((key) =>
        limit(async () => ({
          sent: await read(store, buckets.failed, key, batchRecord),
          ends: await find(
            store,
            buckets.failed,
            endsPrefix(machine, execution) + key.slice(prefix.length),
            batchEnds,
          ),
        })),
      ),
    );
    for (const { sent, ends } of group) {
      objects.listed += sent.listed;
      for (const { of, skip } of sent.objects) {
        if (skip === undefined) objects.sent += 1;
        else skipped[skip] = (skipped[skip] ?? 0) + 1;
        if (skip === 'missing') fail([of], 'there is no such object');
      }
      if (sent.givenUp !== undefined) {
        const { keys: lost, reason } = sent.givenUp;
        fail(lost, `not sent: ${reason}`);
        if (lost.length === 0) givenUp.add(reason);
      }
      if (ends === undefined) {
        unchecked += sent.objects.filter(({ watched }) => watched !== undefined).length;
        continue;
      }
      objects.succeeded += ends.succeeded.length;
      objects.superseded += ends.superseded.length;
      objects.partly += ends.partly.length;
      objects.failed += ends.failed.length;
      note(partly, ends.partly);
      note(failed, ends.failed);
      records = plus(records, ends.records);
    }
  }
  const unknown = itemsToSend(await mapRuns(executionArn)) - objects.listed;
  if (unknown > 0)
    troubles.push(`${unknown} of what was listed may not have been sent: nothing was written down of it.`);
  for (const reason of givenUp) troubles.push(`A batch may not have been sent as a whole: ${reason}`);
  if (unchecked > 0)
    troubles.push(
      `It was not found out how all objects ended: ${unchecked} lack${unchecked === 1 ? 's' : ''}.`,
    );
  const counts = { ...objects, skipped };
  const report: Report = {
    machine,
    execution,
    status: statusOf(counts, troubles, dryRun),
    startedAt,
    finishedAt: new Date(now()).toISOString(),
    input,
    objects: counts,
    records,
    troubles,
    partly,
    failed,
    details: `s3://${buckets.failed}/${detailsPrefix(machine, execution)}`,
  };
  await write(store, buckets.failed, reportKey(machine, execution), report);
  return report;
}

const itemsToSend = (runs: readonly MapRun[]) =>
  runs.reduce((sum, { label, items }) => (label === CHECK ? sum : sum + items), 0);

const nothing = { read: 0, written: 0, filtered: 0, rejected: 0 };
const plus = (a: typeof nothing, b: typeof nothing): typeof nothing => ({
  read: a.read + b.read,
  written: a.written + b.written,
  filtered: a.filtered + b.filtered,
  rejected: a.rejected + b.rejected,
});

async function find<Schema extends z.ZodType>(
  store: ObjectStore,
  bucket: string,
  key: string,
  schema: Schema,
): Promise<z.infer<Schema> | undefined> {
  const found = await store.find(bucket, key);
  return found && schema.parse(JSON.parse(found.text));
}

async function read<Schema extends z.ZodType>(
  store: ObjectStore,
  bucket: string,
  key: string,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const found = await find(store, bucket, key, schema);
  if (found === undefined) throw new Error(`s3://${bucket}/${key} is gone.`);
  return found;
}

function write(store: ObjectStore, bucket: string, key: string, content: object): Promise<void> {
  return store.write({ bucket, key, body: JSON.stringify(content), contentType: 'application/json' });
}
