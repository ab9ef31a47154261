import pLimit from 'p-limit';
import {
  type BatchRecord,
  batchesPrefix,
  type Plan,
  planBackfill,
  planReplay,
  type ReplayWish,
  type Skip,
} from '../../domain/backfill.ts';
import { datasetOf } from '../../domain/datasets/index.ts';
import { messageOf } from '../../domain/event-message.ts';
import {
  objectId,
  parseFailedKey,
  parseLedgerKey,
  receiptsPrefix,
  UNKNOWN_DATASET,
  type VersionPath,
} from '../../domain/key-layout.ts';
import { type Receipt, receipt } from '../../domain/receipt.ts';
import { nextEdition } from '../../domain/sweep.ts';
import type { ObjectStore } from '../edges/object-store.ts';
import type { Send } from '../edges/queue.ts';
import type { Look } from '../edges/raw-objects.ts';
import { Ledger } from '../stages/ledger.ts';
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
  readonly deployed: ReplayWish['deployed'];
}

/** Sends the objects of a batch on their way, those that need it, and writes down what became of each. */
export async function sendBatch(batch: Batch, surroundings: Sending): Promise<void> {
  const { BatchInput, Items } = batch;
  const { machine, dryRun } = BatchInput;
  const { send, store, now, buckets } = surroundings;
  const limit = pLimit(AT_ONCE);
  const plans = await Promise.all(
    worksOf(batch).map((work) => limit(() => (work === undefined ? out : work(surroundings)))),
  );
  const events = plans.flatMap((plan) => ('event' in plan ? [plan.event] : []));
  const reason = machine === 'backfill' ? 'Backfill' : 'Replay';
  if (!dryRun) await send(events.map((event) => messageOf(buckets.raw, event, reason, now())));

  const skipped: Record<string, number> = {};
  for (const plan of plans) if ('skip' in plan) skipped[plan.skip] = (skipped[plan.skip] ?? 0) + 1;
  const record: BatchRecord = {
    listed: Items.length,
    skipped,
    sent: events.length,
    watched: dryRun ? [] : plans.flatMap(({ watched }) => watched ?? []),
  };
  await writeBatch(batch, record, store, buckets.failed);
}

export function writeBatch(
  batch: Batch,
  record: BatchRecord,
  store: ObjectStore,
  bucket: string,
): Promise<void> {
  const { machine, execution } = batch.BatchInput;
  return store.write({
    bucket,
    key: batchesPrefix(machine, execution) + batchName(batch),
    body: JSON.stringify(record),
    contentType: 'application/json',
  });
}

type Work = (surroundings: Sending) => Promise<Plan>;

const skip = (why: Skip): Plan => ({ skip: why });
const out = skip('out_of_range');

/** What there is to find out, an entry a key or a version; `undefined` for what is out of range. */
function worksOf({ BatchInput, Items }: Batch): (Work | undefined)[] {
  const { machine, since, until } = BatchInput;
  const inRange = (modified: number) => modified >= since && modified < until;
  const listed = Items.map(({ Key, LastModified }) => ({
    key: Key,
    modified: LastModified === undefined ? undefined : LastModified * 1000,
  }));
  if (machine === 'backfill')
    return listed.map(({ key, modified }) =>
      modified !== undefined && !inRange(modified)
        ? undefined
        : async (surroundings) => lookAtObject(key, inRange, surroundings),
    );
  // A version may have left several files.
  const versions = new Map<string, Work | undefined>();
  for (const { key, modified = 0 } of listed) {
    const path = parseFailedKey(key);
    if (path === undefined) continue;
    const id = `${path.dataset}/${path.objectId}/${path.version}`;
    if (inRange(modified)) versions.set(id, (surroundings) => lookAtVersion(path, BatchInput, surroundings));
    else if (!versions.has(id)) versions.set(id, undefined);
  }
  return [...versions.values()];
}

async function lookAtObject(
  key: string,
  inRange: (modified: number) => boolean,
  { store, look, buckets, now }: Sending,
): Promise<Plan> {
  const latest = await look(key);
  if (latest !== undefined && !inRange(latest.modified)) return out;
  const place = { dataset: datasetOf(key)?.name ?? UNKNOWN_DATASET, objectId: objectId(key) };
  const head = await new Ledger(store, buckets.ledger).head(place);
  // Without a head there are no receipts.
  const editions = head === undefined ? [] : await editionsOf(place, store, buckets.ledger);
  return planBackfill(key, latest, head, (versionId) => nextEdition(editions, versionId), now());
}

async function lookAtVersion(
  path: VersionPath,
  { codes, force }: Batch['BatchInput'],
  { store, buckets, deployed }: Sending,
): Promise<Plan> {
  const head = await new Ledger(store, buckets.ledger).head(path);
  const [receipts, editions] = await Promise.all([
    receiptsOf(path, store, buckets.ledger),
    editionsOf(path, store, buckets.ledger),
  ]);
  return planReplay(path.version, head, receipts, editions, { codes, force, deployed });
}

/** The versions of a key that have receipts, as they stand in keys. */
async function editionsOf(
  { dataset, objectId: id }: Pick<VersionPath, 'dataset' | 'objectId'>,
  store: ObjectStore,
  bucket: string,
): Promise<string[]> {
  const keys = await store.list(bucket, `receipts/${dataset}/${id}/`);
  return [...new Set(keys.flatMap((key) => parseLedgerKey(key)?.version ?? []))];
}

/** All receipts of a version. */
export async function receiptsOf(path: VersionPath, store: ObjectStore, bucket: string): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  for (const key of await store.list(bucket, receiptsPrefix(path))) {
    const found = await store.find(bucket, key);
    if (found !== undefined) receipts.push(receipt.parse(JSON.parse(found.text)));
  }
  return receipts;
}
