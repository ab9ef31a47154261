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
  type ReplayCriteria,
} from '../../domain/versions/backfill.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { parseFailedKey, type VersionPath } from '../../domain/versions/key-layout.ts';
import { nextRevision } from '../../domain/versions/sweep.ts';
import { findDocument, writeDocument } from '../../store/documents.ts';
import { Ledger } from '../../store/ledger.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import type { Send } from '../../store/queue-sender.ts';
import type { Look } from '../../store/raw-objects.ts';
import { type Batch, batchName } from './batch.ts';

const AT_ONCE = 16;

export interface Sending {
  readonly store: ObjectStore;
  /** At the raw bucket. */
  readonly look: Look;
  /** To the extraction's queue. */
  readonly send: Send;
  readonly now: () => number;
  readonly buckets: { readonly raw: string; readonly failed: string; readonly ledger: string };
  readonly deployed: ReplayCriteria['deployed'];
}

/** Sends the objects of a batch on their way, those that need it, once it is written down what is to become of each. */
export async function sendBatch(batch: Batch, surroundings: Sending): Promise<void> {
  const { BatchInput, Items } = batch;
  const { machine, dryRun } = BatchInput;
  const { send, store, now, buckets } = surroundings;
  const limit = pLimit(AT_ONCE);
  const planned = await Promise.all(
    worksOf(batch).map(({ of, plan }) =>
      limit(async () => ({
        of,
        plan: typeof plan === 'function' ? await unlessUnreadable(plan(surroundings)) : plan,
      })),
    ),
  );
  const entries = planned.map(({ of, plan }): BatchEntry => {
    const { watched } = plan;
    return { of, ...('skip' in plan && { skip: plan.skip }), ...(watched && !dryRun && { watched }) };
  });
  const before = await readBatch(batch, store, buckets.failed);
  const record = { listed: Items.length, objects: overAttempts(before?.objects ?? [], entries) };
  await writeBatch(batch, record, store, buckets.failed);
  if (dryRun) return;
  const events = planned.flatMap(({ plan }) => ('event' in plan ? [plan.event] : []));
  const reason = machine === 'backfill' ? 'Backfill' : 'Replay';
  await send(events.map((event) => toQueueMessage(buckets.raw, event, reason, now())));
}

const recordKey = (batch: Batch) =>
  batchesPrefix(batch.BatchInput.machine, batch.BatchInput.execution) + batchName(batch);

/** What an attempt before has written down of a batch. */
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

/** One object that nobody can read what the ledger has of holds up no other. */
function unlessUnreadable(plan: Promise<Plan>): Promise<Plan> {
  return plan.catch((error: unknown): Plan => {
    if (error instanceof UnreadableDocument) return { skip: 'unreadable' };
    throw error;
  });
}

/** An object, or a version, and what is to become of it, or how to find that out. */
interface Work {
  readonly of: string;
  readonly plan: Plan | ((surroundings: Sending) => Promise<Plan>);
}

const out: Plan = { skip: 'out_of_range' };

/** What there is to find out, an entry a key or a version. */
function worksOf({ BatchInput, Items }: Batch): Work[] {
  const { machine, since, until } = BatchInput;
  const inRange = (modified: number) => modified >= since && modified < until;
  const listed = Items.map(({ Key, LastModified }) => ({
    key: Key,
    modified: LastModified === undefined ? undefined : LastModified * 1000,
  }));
  if (machine === 'backfill')
    return listed.map(({ key, modified }) => ({
      of: key,
      plan:
        modified === undefined || inRange(modified)
          ? (surroundings) => lookAtObject(key, modified === undefined, inRange, surroundings)
          : out,
    }));
  // A version may have left several files.
  const versions = new Map<string, Work>();
  for (const { key, modified = 0 } of listed) {
    const path = parseFailedKey(key);
    if (path === undefined) continue;
    const of = `${path.dataset}/${path.objectId}/${path.version}`;
    if (inRange(modified))
      versions.set(of, { of, plan: (surroundings) => lookAtVersion(path, BatchInput, surroundings) });
    else if (!versions.has(of)) versions.set(of, { of, plan: out });
  }
  return [...versions.values()];
}

/** @param named by a manifest, so that somebody believes that it is there */
async function lookAtObject(
  key: string,
  named: boolean,
  inRange: (modified: number) => boolean,
  { store, look, buckets, now }: Sending,
): Promise<Plan> {
  const latest = await look(key);
  if (latest === undefined && named) return { skip: 'missing' };
  if (latest !== undefined && !inRange(latest.modified)) return out;
  const place = registry.placeOf(key);
  const ledger = new Ledger(store, buckets.ledger);
  const entry = await ledger.entry(place);
  // Without an entry there are no receipts.
  const revisions = entry === undefined ? [] : await ledger.versionsWithReceipts(place);
  return planBackfill(key, latest, entry, (versionId) => nextRevision(revisions, versionId), now());
}

async function lookAtVersion(
  path: VersionPath,
  { codes, force }: Batch['BatchInput'],
  { store, buckets, deployed }: Sending,
): Promise<Plan> {
  const ledger = new Ledger(store, buckets.ledger);
  const entry = await ledger.entry(path);
  const [receipts, revisions] = await Promise.all([ledger.receipts(path), ledger.versionsWithReceipts(path)]);
  return planReplay(path.version, entry, receipts, revisions, { codes, force, deployed });
}
