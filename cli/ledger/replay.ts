import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { liveAlias } from '../../domain/environment.ts';
import {
  extractedVersions,
  isBySameCode,
  isUnderWay,
  matchingCodes,
} from '../../domain/operations/replay.ts';
import { reprocessEvent, type SyntheticEvent } from '../../domain/operations/sweep.ts';
import type { Stage } from '../../domain/stage.ts';
import { renderDocument } from '../../domain/versions/document.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import {
  type LedgerPlace,
  ledgerEntryKey,
  objectId,
  partsPrefix,
  versionSegment,
} from '../../domain/versions/key-layout.ts';
import { ledgerEntry } from '../../domain/versions/ledger.ts';
import { rebuiltEntry } from '../../domain/versions/rebuilt-entry.ts';
import type { Tally } from '../../domain/versions/receipt.ts';
import { revisionName } from '../../domain/versions/revision.ts';
import { unreadableDocument } from '../../store/ledger.ts';
import { listedEntry } from '../../store/ledger-listing.ts';
import { QueueSender } from '../../store/queue-sender.ts';
import { concurrently } from '../concurrently.ts';
import type { Target } from '../target/target.ts';
import { ledgerOf } from './ledger.ts';
import { failedVersions } from './rejects/failed-versions.ts';

const AT_ONCE = 16;

export interface ReplayRequest {
  /** Codes of rejects or faults; empty for any code. */
  readonly codes: readonly string[];
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly dataset?: string | undefined;
  /** Only these objects; empty for all. */
  readonly keys: readonly string[];
  /** Include versions already processed by the deployed code; with keys, even those without rejects. */
  readonly force: boolean;
}

/** An active or rejected version, and what a replay does with it. */
export interface Candidate {
  readonly key: string;
  readonly dataset: string;
  /** With its revision. */
  readonly versionId: string;
  /** Rejected records and faults, by those codes that were asked for. */
  readonly codes: Tally;
  /** The event that reprocesses it; absent when it is skipped. */
  readonly event?: SyntheticEvent;
  /** Why: the deployed code has processed it, a newer revision is under way, or its state can't be read. */
  readonly skipped?: 'same_code' | 'under_way' | 'unreadable';
}

/**
 * Finds the versions whose rejects or faults a replay may close. It only lists the failed bucket, without
 * reading it.
 */
export async function* candidates(target: Target, request: ReplayRequest): AsyncGenerator<Candidate> {
  const deployed = await deployedCode(target);
  const found = concurrently(versionsToLookAt(target, request), AT_ONCE, (place) =>
    candidateOf(target, place, request, deployed),
  );
  for await (const all of found) yield* all;
}

/**
 * Sends the events of the candidates to the extraction, and yields each candidate. The last events are sent
 * when the generator has ended.
 *
 * @param rate events per second; unlimited by default
 */
export async function* replayed(
  target: Target,
  request: ReplayRequest,
  rate?: number,
): AsyncGenerator<Candidate> {
  const { queues, buckets } = target.outputs;
  const sender = new QueueSender(target.sqs, queues.extraction, 'Replay', rate);
  for await (const candidate of candidates(target, request)) {
    const { event } = candidate;
    if (event !== undefined) await sender.send(toQueueMessage(buckets.raw, event, 'Replay'));
    yield candidate;
  }
  await sender.flush();
}

/**
 * A version by the segments of its keys; `version` is `undefined` for the active and the rejected ones of an
 * object.
 */
interface Place extends LedgerPlace {
  readonly version: string | undefined;
}

async function* versionsToLookAt(
  target: Target,
  { since, dataset, keys }: ReplayRequest,
): AsyncGenerator<Place> {
  if (keys.length > 0) {
    for (const key of keys)
      yield {
        ...target.registry.placeOf(key),
        version: undefined,
      };
    return;
  }
  const seen = new Set<string>();
  for (const kind of ['rejects', 'faults'] as const)
    for await (const place of failedVersions(target, kind, { since, dataset })) {
      const prefix = partsPrefix(place);
      if (!seen.has(prefix)) yield place;
      seen.add(prefix);
    }
}

/**
 * An unreadable object does not stop the others. If it was asked for by key and with force, it is repaired.
 */
async function candidateOf(
  target: Target,
  place: Place,
  request: ReplayRequest,
  deployed: Readonly<Record<Stage, string>>,
): Promise<Candidate[]> {
  const isForced = request.keys.length > 0 && request.force;
  try {
    return await readableCandidate(target, place, request, deployed);
  } catch (error) {
    const document = unreadableDocument(error);
    if (isForced && document.key.startsWith('heads/') && (await rebuildEntry(target, place)))
      return readableCandidate(target, place, request, deployed);
    const { dataset, objectId: id } = place;
    return [{ key: `${dataset}/${id}`, dataset, versionId: '', codes: {}, skipped: 'unreadable' }];
  }
}

async function readableCandidate(
  target: Target,
  place: Place,
  { codes, force, keys }: ReplayRequest,
  deployed: Readonly<Record<Stage, string>>,
): Promise<Candidate[]> {
  const known = await ledgerOf(target).known(place);
  // No code can process an object whose dataset is gone.
  if (known === undefined || target.registry.isGone(known.entry.dataset)) return [];
  const { key, dataset } = known.entry;
  const { versions } = await listedEntry(target, target.outputs.buckets.ledger, place);
  const all: Candidate[] = [];
  for (const version of extractedVersions(known.entry)) {
    const segment = versionSegment(version.versionId);
    if (place.version !== undefined && place.version !== segment) continue;
    const anything = keys.length > 0 && force;
    const { receipts, unreadable } = await ledgerOf(target).readableReceipts(versions.get(segment) ?? []);
    for (const error of anything ? [] : unreadable) throw error;
    const matched = matchingCodes(receipts, codes, version.fault);
    if (Object.keys(matched.codes).length === 0 && !anything) continue;
    const candidate = {
      key,
      dataset,
      versionId: version.versionId,
      codes: matched.codes,
    };
    if (isUnderWay(known.entry, version.versionId)) all.push({ ...candidate, skipped: 'under_way' });
    else if (!force && isBySameCode(receipts, matched.last, deployed))
      all.push({ ...candidate, skipped: 'same_code' });
    else {
      const size = receipts.find((each) => each.stage === 'extraction')?.bytes;
      all.push({ ...candidate, event: reprocessEvent(key, version, versions.keys(), size) });
    }
  }
  return all;
}

/**
 * Rebuilds an unreadable ledger entry from its key's receipts. Returns false when the key has no receipts.
 */
async function rebuildEntry(target: Target, place: Place): Promise<boolean> {
  const { s3, outputs } = target;
  const at = { Bucket: outputs.buckets.ledger, Key: ledgerEntryKey(place) };
  const { ETag } = await s3.send(new HeadObjectCommand(at));
  const { versions } = await listedEntry(target, target.outputs.buckets.ledger, place);
  const { receipts } = await ledgerOf(target).readableReceipts([...versions.values()].flat());
  const rebuilt = rebuiltEntry(receipts, target.registry.named(place.dataset) ?? { onReject: 'replace' });
  if (rebuilt === undefined) return false;
  const Body = renderDocument(ledgerEntry, rebuilt);
  await s3.send(new PutObjectCommand({ ...at, Body, ContentType: 'application/json', IfMatch: ETag }));
  return true;
}

/** The version of each function's deployed code, as receipts write it. */
async function deployedCode({ lambda, outputs }: Target): Promise<Readonly<Record<Stage, string>>> {
  const of = async (stage: Stage) => {
    const { Environment } = await lambda.send(
      new GetFunctionConfigurationCommand({ FunctionName: outputs.functions[stage], Qualifier: liveAlias }),
    );
    return Environment?.Variables?.['CODE_VERSION'] ?? '';
  };
  const [extraction, transformation, commit, loading] = await Promise.all([
    of('extraction'),
    of('transformation'),
    of('commit'),
    of('loading'),
  ]);
  return { extraction, transformation, commit, loading };
}

/** The name of the revision that an event makes. */
export function replayedName({ versionId, revision }: SyntheticEvent): string {
  return revisionName(versionId, revision);
}

/** How many rejects and faults of the candidate's codes a revision still has. */
export async function codesLeft(
  target: Target,
  { dataset, key, codes }: Candidate,
  name: string,
): Promise<number> {
  const { versions } = await listedEntry(target, target.outputs.buckets.ledger, {
    dataset,
    objectId: objectId(key),
  });
  const receipts = await ledgerOf(target).receiptsOf(versions.get(versionSegment(name)) ?? []);
  const left = matchingCodes(receipts, Object.keys(codes)).codes;
  return Object.values(left).reduce((sum, n) => sum + n, 0);
}
