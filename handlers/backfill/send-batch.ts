import pLimit from 'p-limit';
import { registry } from '../../datasets/index.ts';
import {
  type BatchEntry,
  type BatchRecord,
  batchesPrefix,
  batchRecord,
  overAttempts,
  type Plan,
  planBackfill,
  planReplay,
  planReprocessing,
} from '../../domain/operations/backfill.ts';
import { expectedOf, sumOfWork } from '../../domain/operations/expected-work.ts';
import { extractedVersions } from '../../domain/operations/replay.ts';
import { nextRevision } from '../../domain/operations/sweep.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { parseFailedKey, type VersionPath, versionPath } from '../../domain/versions/key-layout.ts';
import { findDocument, writeDocument } from '../../store/documents.ts';
import { Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { Send } from '../../store/queue-sender.ts';
import type { Look } from '../../store/raw-objects.ts';
import { type Batch, batchName } from './batch.ts';

const AT_ONCE = 16;

export interface Sending {
  readonly store: ObjectStore;
  /** Looks up keys of the raw bucket. */
  readonly look: Look;
  /** Sends messages to the extraction's queue. */
  readonly send: Send;
  readonly now: () => number;
  readonly buckets: { readonly raw: string; readonly failed: string; readonly ledger: string };
}

/**
 * Sends the events of those objects of a batch that need one. The plan for each object is recorded first, so
 * that no event is sent without a record.
 */
export async function sendBatch(batch: Batch, context: Sending): Promise<void> {
  const { BatchInput, Items } = batch;
  const { machine, dryRun } = BatchInput;
  const { send, store, now, buckets } = context;
  const limit = pLimit(AT_ONCE);
  const planned = (
    await Promise.all(
      candidatesOf(batch).map(({ of, plan }) =>
        limit(async () => {
          const plans = typeof plan === 'function' ? await unlessUnreadable(plan(context)) : [plan];
          return plans.map((each) => ({ of, plan: each }));
        }),
      ),
    )
  ).flat();
  const entries = planned.map(({ of, plan }): BatchEntry => {
    const { watched } = plan;
    return { of, ...('skip' in plan && { skip: plan.skip }), ...(watched && !dryRun && { watched }) };
  });
  const before = await readBatch(batch, store, buckets.failed);
  const record = {
    listed: Items.length,
    objects: overAttempts(before?.objects ?? [], entries),
    ...(dryRun && { expected: expectedWorkOf(planned.map(({ plan }) => plan)) }),
  };
  await writeBatch(batch, record, store, buckets.failed);
  if (dryRun) return;
  const events = planned.flatMap(({ plan }) => ('event' in plan ? [plan.event] : []));
  const reason = machine === 'backfill' ? 'Backfill' : 'Replay';
  await send(
    events.map((event) => toQueueMessage(buckets.raw, event, reason, now())),
    reason,
  );
}

const recordKey = (batch: Batch) =>
  batchesPrefix(batch.BatchInput.machine, batch.BatchInput.execution) + batchName(batch);

/** The record that an earlier attempt wrote of a batch. */
export function readBatch(
  batch: Batch,
  store: ObjectStore,
  bucket: string,
): Promise<BatchRecord | undefined> {
  return findDocument(store, bucket, recordKey(batch), batchRecord);
}

export function writeBatch(
  batch: Batch,
  record: BatchRecord,
  store: ObjectStore,
  bucket: string,
): Promise<void> {
  return writeDocument(store, bucket, recordKey(batch), record);
}

const expectedWorkOf = (plans: readonly Plan[]) =>
  sumOfWork(plans.flatMap((plan) => ('event' in plan ? [expectedOf(plan.event.size ?? 0, plan.known)] : [])));

/** An object whose documents in the ledger can't be read does not hold up the others. */
function unlessUnreadable(plans: Promise<readonly Plan[]>): Promise<readonly Plan[]> {
  return plans.catch((error: unknown): Plan[] => {
    if (error instanceof UnreadableDocument) return [{ skip: 'unreadable' }];
    throw error;
  });
}

/** An object or a version, with its plan or a function that makes its plans: one for each of its versions. */
interface Candidate {
  readonly of: string;
  readonly plan: Plan | ((context: Sending) => Promise<readonly Plan[]>);
}

const out: Plan = { skip: 'out_of_range' };

/** The candidates of a batch: one for each object, or for each version that has documents of rejects. */
function candidatesOf({ BatchInput, Items }: Batch): Candidate[] {
  const { machine, since, until, dataset } = BatchInput;
  const { of: items = machine === 'backfill' ? 'objects' : 'documents' } = BatchInput;
  const inRange = (modified: number) => modified >= since && modified < until;
  const listed = Items.map(({ Key, LastModified }) => ({
    key: Key,
    modified: LastModified === undefined ? undefined : LastModified * 1000,
  }));
  if (items === 'objects')
    return listed.map(({ key, modified }): Candidate => {
      if (dataset !== '' && registry.nameOf(key) !== dataset)
        return { of: key, plan: { skip: 'other_dataset' } };
      if (modified !== undefined && !inRange(modified)) return { of: key, plan: out };
      return { of: key, plan: (context) => lookAtObject(key, modified === undefined, BatchInput, context) };
    });
  // A version may have several files in the failed bucket.
  const versions = new Map<string, Candidate>();
  for (const { key, modified = 0 } of listed) {
    const path = parseFailedKey(key);
    if (path === undefined) continue;
    const of = `${path.dataset}/${path.objectId}/${path.version}`;
    if (inRange(modified))
      versions.set(of, { of, plan: (context) => lookAtVersion(path, BatchInput, context) });
    else if (!versions.has(of)) versions.set(of, { of, plan: out });
  }
  return [...versions.values()];
}

/** @param named whether a manifest names the key: then a missing object is an error, not a deletion */
async function lookAtObject(
  key: string,
  named: boolean,
  { machine, since, until, force, deployed }: Batch['BatchInput'],
  { store, look, buckets, now }: Sending,
): Promise<readonly Plan[]> {
  const latest = await look(key);
  if (latest === undefined && named) return [{ skip: 'missing' }];
  if (latest !== undefined && (latest.modified < since || latest.modified >= until)) return [out];
  const place = registry.placeOf(key);
  const ledger = new Ledger(store, buckets.ledger);
  const entry = await ledger.entry(place);
  // Without an entry there are no receipts.
  const revisions = entry === undefined ? [] : await ledger.versionsWithReceipts(place);
  const plan = planBackfill(key, latest, entry, (versionId) => nextRevision(revisions, versionId), now());
  if (machine === 'backfill') return [plan];
  const done = await Promise.all(
    (entry === undefined ? [] : extractedVersions(entry)).map(async ({ versionId }) => ({
      versionId,
      receipts: await ledger.receipts(versionPath({ ...place, key, versionId })),
    })),
  );
  return planReprocessing(plan, entry, done, revisions, { force, deployed });
}

async function lookAtVersion(
  path: VersionPath,
  { codes, force, deployed }: Batch['BatchInput'],
  { store, buckets }: Sending,
): Promise<readonly Plan[]> {
  const ledger = new Ledger(store, buckets.ledger);
  const entry = await ledger.entry(path);
  const [receipts, revisions] = await Promise.all([ledger.receipts(path), ledger.versionsWithReceipts(path)]);
  return [planReplay(path.version, entry, receipts, revisions, { codes, force, deployed })];
}
