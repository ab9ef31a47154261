import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { SyntheticEvent } from '../../domain/operations/sweep.ts';
import { takeover } from '../../domain/operations/takeover.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { versionPath, versionSegment } from '../../domain/versions/key-layout.ts';
import { isSettled, type LedgerEntry } from '../../domain/versions/ledger.ts';
import { revisionName } from '../../domain/versions/revision.ts';
import { unreadableDocument } from '../../store/ledger.ts';
import { type ListedEntry, listedEntries } from '../../store/ledger-listing.ts';
import { isNotFound } from '../../store/object-store.ts';
import { QueueSender } from '../../store/queue-sender.ts';
import { concurrently } from '../concurrently.ts';
import type { Target } from '../target/target.ts';
import { ledgerOf } from './ledger.ts';
import { describeState, troubleText } from './states/describe-state.ts';
import { isStuck, type ObjectState } from './states/object-state.ts';
import { waitFor } from './states/wait.ts';

const LOOKS_AT_ONCE = 16;

/**
 * Why an object is left as it is. `no_raw_version`: the raw bucket no longer has the version. `stuck`: the
 * work on it does not go on.
 */
export type Left = 'rejected' | 'under_way' | 'no_raw_version' | 'unreadable' | 'stuck';

/** An object that older code left, and what became of it. */
export interface TakenOver {
  readonly key: string;
  readonly dataset: string;
  /** The active version as older code made it, or the deletion. */
  readonly versionId: string;
  readonly work?: 'reprocess' | 'publish';
  readonly left?: Left;
  /** More about why. */
  readonly reason?: string | undefined;
}

interface Candidate extends TakenOver {
  readonly event?: SyntheticEvent;
}

export interface TakeoverRequest {
  readonly dataset?: string | undefined;
  readonly dryRun: boolean;
  /** How many objects are under way at a time, so that newer uploads do not wait behind the whole lake. */
  readonly atOnce: number;
  /** How long to wait for so many at most, in seconds. */
  readonly timeout: number;
}

/**
 * Has all that older code left brought to every sink, as many objects at a time as asked for, and yields each
 * when its work has ended. What a run leaves undone, another one finds again in the ledger.
 *
 * @throws {UserError} on a timeout
 */
export async function* takenOver(
  target: Target,
  { dataset, dryRun, atOnce, timeout }: TakeoverRequest,
): AsyncGenerator<TakenOver> {
  const batch: Candidate[] = [];
  for await (const candidate of candidates(target, dataset)) {
    if (candidate.event === undefined || dryRun) {
      yield withoutEvent(candidate);
      continue;
    }
    batch.push(candidate);
    if (batch.length >= atOnce) yield* processed(target, batch.splice(0), timeout);
  }
  yield* processed(target, batch, timeout);
}

async function* candidates(target: Target, dataset: string | undefined): AsyncGenerator<Candidate> {
  const listed = listedEntries(target, target.outputs.buckets.ledger, dataset);
  const looked = concurrently(listed, LOOKS_AT_ONCE, (each) =>
    candidateOf(target, each).catch((error: unknown): Candidate => {
      const { message } = unreadableDocument(error);
      const key = `${each.dataset}/${each.objectId}`;
      return { key, dataset: each.dataset, versionId: '', left: 'unreadable', reason: message };
    }),
  );
  for await (const candidate of looked) if (candidate !== undefined) yield candidate;
}

/** @throws {UnreadableDocument} */
async function candidateOf(target: Target, listed: ListedEntry): Promise<Candidate | undefined> {
  const { registry } = target;
  // No code can process an object whose dataset is gone.
  if (!listed.hasEntry || registry.named(listed.dataset) === undefined) return undefined;
  const ledger = ledgerOf(target);
  const entry = await ledger.entry(listed);
  if (entry?.current === undefined || isSettled(entry)) return undefined;
  const { key, dataset, current } = entry;
  const { versionId } = current;
  const path = versionPath({ dataset, key, versionId });
  const receipts = await ledger.receiptsOf(listed.versions.get(versionSegment(versionId)) ?? []);
  const found = takeover(entry, receipts, await ledger.isPublished(path), listed.versions.keys());
  if (found === undefined) return undefined;
  const of = { key, dataset, versionId };
  if ('left' in found) return { ...of, ...found };
  if (found.work === 'reprocess' && !(await hasRawVersion(target, found.event)))
    return { ...of, left: 'no_raw_version' };
  return { ...of, ...found };
}

async function hasRawVersion({ s3, outputs }: Target, { key, versionId }: SyntheticEvent): Promise<boolean> {
  try {
    await s3.send(new HeadObjectCommand({ Bucket: outputs.buckets.raw, Key: key, VersionId: versionId }));
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function* processed(
  target: Target,
  batch: readonly Candidate[],
  timeout: number,
): AsyncGenerator<TakenOver> {
  const { queues, buckets } = target.outputs;
  const sender = new QueueSender(target.sqs, queues.extraction, 'Replay');
  const events = batch.flatMap(({ event }) => event ?? []);
  for (const event of events) await sender.send(toQueueMessage(buckets.raw, event, 'Replay'));
  await sender.flush();
  // A deletion has no state of its own; its work is short.
  const awaited = events
    .filter(({ type }) => type === 'created')
    .map(({ key, versionId, revision }) => ({ key, versionId: revisionName(versionId, revision) }));
  const states = new Map((await waitFor(target, awaited, timeout)).map((state) => [state.key, state]));
  for (const candidate of batch) {
    const state = states.get(candidate.key);
    const left = state && (await leftAfter(target, candidate, state));
    yield { ...withoutEvent(candidate), ...left };
  }
}

async function leftAfter(
  target: Target,
  candidate: Candidate,
  state: ObjectState,
): Promise<Pick<TakenOver, 'left' | 'reason'>> {
  if (isStuck(state)) return { left: 'stuck', reason: troubleText(state) };
  const entry = await ledgerOf(target)
    .entry(target.registry.placeOf(candidate.key))
    .catch(unreadableDocument);
  if (entry instanceof UnreadableDocument) return { left: 'unreadable', reason: entry.message };
  const isAsBefore = candidate.work === 'reprocess' && isActiveIn(entry, candidate);
  return isAsBefore ? { left: 'rejected', reason: describeState(state) } : {};
}

const isActiveIn = (entry: LedgerEntry | undefined, { versionId }: Candidate) =>
  entry?.current?.type === 'created' && entry.current.versionId === versionId;

function withoutEvent({ event: _, ...taken }: Candidate): TakenOver {
  return taken;
}
