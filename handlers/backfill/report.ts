import pLimit from 'p-limit';
import * as z from 'zod';
import { registry } from '../../datasets/index.ts';
import {
  type BatchOutcomes,
  type BatchRecord,
  batchesPrefix,
  batchOutcomes,
  batchRecord,
  CHECK_LABEL,
  detailsPrefix,
  endsPrefix,
  LONGEST_LIST,
  latestRevision,
  machines,
  type Note,
  type Records,
  type Report,
  reportKey,
  statusOf,
  type TrackedVersion,
  versionOutcome,
} from '../../domain/operations/backfill.ts';
import { sumOfWork } from '../../domain/operations/expected-work.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { versionPath } from '../../domain/versions/key-layout.ts';
import { count, type Tally } from '../../domain/versions/receipt.ts';
import { findDocument, readDocument, writeDocument } from '../../store/documents.ts';
import { Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { batch } from './batch.ts';
import type { MapRun, MapRunsOf } from './map-runs.ts';
import { readBatch, writeBatch } from './send-batch.ts';

const AT_ONCE = 16;

/** The tasks that the state machine can ask for. */
export const reportingTask = z.discriminatedUnion('task', [
  /** Records that a batch can't be sent, with its keys and the reason. */
  z.object({ task: z.literal('give-up'), batch, reason: z.string() }),
  /** Checks the outcomes of some batches. `Items` are the files that `sendBatch` wrote. */
  z.object({
    task: z.literal('check'),
    batch: z.object({
      BatchInput: z.object({ machine: z.enum(machines), execution: z.string() }),
      Items: z.array(z.object({ Key: z.string() })),
    }),
  }),
  /** Writes the report at the end of the execution. */
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

/** @returns for the task `report` a summary that is small enough for the state machine; otherwise nothing */
export async function reportOn(task: ReportingTask, context: Reporting): Promise<object> {
  switch (task.task) {
    case 'give-up':
      await giveUp(task, context);
      return {};
    case 'check':
      for (const { Key } of task.batch.Items) await checkBatch(Key, task.batch.BatchInput, context);
      return {};
    case 'report': {
      const { status, objects } = await writeReport(task, context);
      const { skipped: _, ...counts } = objects;
      return {
        status,
        ...counts,
        report: `s3://${context.buckets.failed}/${reportKey(task.machine, task.execution)}`,
      };
    }
  }
}

/**
 * Keeps the objects that an earlier attempt recorded: it may have sent them, so their outcomes are checked.
 */
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
  const { objects } = await readDocument(store, buckets.failed, recordKey, batchRecord);
  const ledger = new Ledger(store, buckets.ledger);
  const limit = pLimit(AT_ONCE);
  const found = await Promise.all(
    objects
      .flatMap(({ watched }) => watched ?? [])
      .map((each) =>
        limit(() =>
          endOfVersion(each, ledger).catch((error: unknown) => {
            if (!(error instanceof UnreadableDocument)) throw error;
            return { ...each, end: 'failed' as const, reason: error.message, records: nothing };
          }),
        ),
      ),
  );
  const keysOf = (end: string) => found.filter((each) => each.end === end).map(({ key }) => key);
  const notesOf = (end: string): Note[] =>
    found
      .filter((each) => each.end === end)
      .map(({ key, versionId, reason = '' }) => ({ key, versionId, reason }));
  const ends: BatchOutcomes = {
    succeeded: keysOf('succeeded'),
    superseded: keysOf('superseded'),
    partly: notesOf('partly'),
    failed: notesOf('failed'),
    records: found.reduce((sums, each) => plus(sums, each.records), nothing),
  };
  const name = recordKey.slice(batchesPrefix(machine, execution).length);
  await writeDocument(store, buckets.failed, endsPrefix(machine, execution) + name, ends);
}

async function endOfVersion(each: TrackedVersion, ledger: Ledger) {
  const dataset = registry.nameOf(each.key);
  const entry = await ledger.entry(versionPath({ dataset, ...each }));
  const done = { ...each, versionId: latestRevision(each, entry) };
  const receipts = await ledger.receipts(versionPath({ dataset, ...done }));
  return { ...done, ...versionOutcome(done, entry, receipts) };
}

/** Adds up the outcomes of all batches, with only a few batches in memory at a time. */
async function writeReport(ending: Ending, { store, mapRuns, now, buckets }: Reporting): Promise<Report> {
  const { machine, execution, executionArn, startedAt, input, dryRun } = ending;
  const sums = new Sums();
  const prefix = batchesPrefix(machine, execution);
  const endOfBatch = (key: string) => endsPrefix(machine, execution) + key.slice(prefix.length);
  const keys = await store.list(buckets.failed, prefix);
  for (let start = 0; start < keys.length; start += AT_ONCE) {
    const batches = await Promise.all(
      keys.slice(start, start + AT_ONCE).map(async (key) => ({
        sent: await readDocument(store, buckets.failed, key, batchRecord),
        ends: await findDocument(store, buckets.failed, endOfBatch(key), batchOutcomes),
      })),
    );
    for (const { sent, ends } of batches) sums.add(sent, ends);
  }
  const troubles = [...ending.troubles, ...sums.troubles(itemsToSend(await mapRuns(executionArn)))];
  const { objects, records, expected, partly, failed } = sums;
  const report: Report = {
    machine,
    execution,
    status: statusOf(objects, troubles, dryRun),
    startedAt,
    finishedAt: new Date(now()).toISOString(),
    input,
    objects,
    records,
    ...(dryRun && { expected }),
    troubles,
    partly,
    failed,
    details: `s3://${buckets.failed}/${detailsPrefix(machine, execution)}`,
  };
  await writeDocument(store, buckets.failed, reportKey(machine, execution), report);
  return report;
}

/** The outcomes of batches, added up. */
class Sums {
  readonly objects: Report['objects'] & { readonly skipped: Tally } = {
    listed: 0,
    sent: 0,
    skipped: {},
    succeeded: 0,
    partly: 0,
    failed: 0,
    superseded: 0,
  };
  readonly partly: Note[] = [];
  readonly failed: Note[] = [];
  records: Records = nothing;
  expected = sumOfWork([]);
  readonly #givenUp = new Set<string>();
  #unchecked = 0;

  /** @param ends `undefined` if the outcomes of the batch were never checked */
  add({ listed, objects, expected, givenUp }: BatchRecord, ends: BatchOutcomes | undefined): void {
    this.objects.listed += listed;
    if (expected !== undefined) this.expected = sumOfWork([this.expected, expected]);
    for (const { of, skip } of objects) {
      if (skip === undefined) this.objects.sent += 1;
      else count(this.objects.skipped, skip);
      if (skip === 'missing') this.#fail([of], 'there is no such object');
      if (skip === 'unreadable')
        this.#fail([of], 'its ledger entry or a receipt can’t be read: npx sluice explain');
    }
    if (givenUp !== undefined) this.#fail(givenUp.keys, `not sent: ${givenUp.reason}`);
    if (givenUp?.keys.length === 0) this.#givenUp.add(givenUp.reason);
    if (ends === undefined) this.#unchecked += objects.filter(({ watched }) => watched !== undefined).length;
    else this.#addEnds(ends);
  }

  #addEnds({ succeeded, superseded, partly, failed, records }: BatchOutcomes): void {
    this.objects.succeeded += succeeded.length;
    this.objects.superseded += superseded.length;
    this.objects.partly += partly.length;
    this.objects.failed += failed.length;
    note(this.partly, partly);
    note(this.failed, failed);
    this.records = plus(this.records, records);
  }

  #fail(keys: readonly string[], reason: string): void {
    this.objects.failed += keys.length;
    note(
      this.failed,
      keys.map((key) => ({ key, versionId: '', reason })),
    );
  }

  /** @param items how many items Step Functions has counted */
  troubles(items: number): string[] {
    const unknown = items - this.objects.listed;
    return [
      ...(unknown > 0
        ? [
            `${objects(unknown)} may not have been sent: Step Functions listed more than there are records of.`,
          ]
        : []),
      ...[...this.#givenUp].map((reason) => `A batch may have been sent only in part: ${reason}`),
      ...(this.#unchecked > 0 ? [`The outcome of ${objects(this.#unchecked)} is unknown.`] : []),
    ];
  }
}

function note(list: Note[], more: readonly Note[]): void {
  list.push(...more.slice(0, Math.max(0, LONGEST_LIST - list.length)));
}

const objects = (n: number) => `${n} object${n === 1 ? '' : 's'}`;

const itemsToSend = (runs: readonly MapRun[]) =>
  runs.reduce((sum, { label, items }) => (label === CHECK_LABEL ? sum : sum + items), 0);

const nothing: Records = { read: 0, written: 0, filtered: 0, rejected: 0 };
const plus = (a: Records, b: Records): Records => ({
  read: a.read + b.read,
  written: a.written + b.written,
  filtered: a.filtered + b.filtered,
  rejected: a.rejected + b.rejected,
});
