import { errorText } from '../../../domain/errors.ts';
import { extractedVersions } from '../../../domain/operations/replay.ts';
import { type RejectLine, recordText } from '../../../domain/records/reject.ts';
import { type Stage, stages } from '../../../domain/stage.ts';
import { type LedgerPlace, versionSegment } from '../../../domain/versions/key-layout.ts';
import {
  type Receipt,
  rejectedBy,
  type StoredObject,
  type Tally,
  withoutLines,
} from '../../../domain/versions/receipt.ts';
import { unreadableDocument } from '../../../store/ledger.ts';
import { listedEntry } from '../../../store/ledger-listing.ts';
import { isNotFound } from '../../../store/object-store.ts';
import { concurrently } from '../../concurrently.ts';
import type { Target } from '../../target/target.ts';
import { UserError } from '../../terminal/user-error.ts';
import { entryOf, ledgerOf } from '../ledger.ts';
import { failedVersions } from './failed-versions.ts';
import { rejectLines } from './lines.ts';

const VERSIONS_AT_ONCE = 16;
/** A file has 8 MiB. */
const FILES_AT_ONCE = 4;
/** A file is written before the receipt that names it: a function's time at most, and clocks may differ. */
const BEFORE_RECEIPT_MS = 3_600_000;

export interface RejectsRequest {
  /** Of the raw bucket; empty for all. */
  readonly keys: readonly string[];
  /** Empty for any code. */
  readonly codes: readonly string[];
  readonly dataset?: string | undefined;
  /** When the work item that rejected them ended, in milliseconds since the epoch. */
  readonly since: number;
  /** How many rejects to read at most. All are counted, by receipts. */
  readonly limit: number;
  /** Whether to read what the sender sent, which may be 1 MiB a record. */
  readonly withRecord: boolean;
}

/** Whose records were rejected, and where. */
interface RejectedOf {
  readonly key: string;
  readonly dataset: string;
  /** With its revision. */
  readonly versionId: string;
  /** Whether the tables show the version, or it is prepared for that, or it was rejected. */
  readonly standing: 'active' | 'prepared' | 'rejected';
  readonly stage: Stage;
  /** When the work item that rejected them ended, and by which code. */
  readonly finishedAt: string;
  readonly codeVersion: string;
}

/** What a work item rejected, by those codes that were asked for. */
export interface RejectedWork extends RejectedOf {
  readonly rejected: Tally;
  /** How many of them have no line, since too many of their version are rejected. */
  readonly withoutLines: number;
}

/** A rejected record of a version that is active, prepared or rejected. */
export interface ListedReject extends RejectedOf, Omit<RejectLine, 'record'> {
  /** The record as it was sent, as JSON text; absent when it was no text, or was not asked for. */
  readonly record?: string | undefined;
}

/** A work item with rejects, one of its rejects, or why some can't be listed. */
export type RejectStep =
  | { readonly work: RejectedWork }
  | { readonly reject: ListedReject }
  | { readonly problem: string };

/**
 * Lists the rejected records of active, prepared and rejected versions, object by object. The counts are
 * those of the receipts, as in `status` and `reconcile`. It keeps a few files in memory, however
 * many there are.
 *
 * @throws {UserError} when the ledger does not know one of the keys
 */
export async function* rejects(target: Target, request: RejectsRequest): AsyncGenerator<RejectStep> {
  let left = request.limit;
  const read = concurrently(rejectFiles(target, request), FILES_AT_ONCE, async (found) =>
    'file' in found && left > 0 ? rejectsIn(target, found, request, left) : [found],
  );
  for await (const steps of read)
    for (const step of steps) {
      if ('file' in step || ('reject' in step && left === 0)) continue;
      if ('reject' in step) left -= 1;
      yield step;
    }
}

/** A file of rejects. */
interface RejectFile {
  readonly of: RejectedOf;
  readonly file: StoredObject;
}
type Found = Exclude<RejectStep, { reject: unknown }> | RejectFile;

async function* rejectFiles(target: Target, request: RejectsRequest): AsyncGenerator<Found> {
  const found = concurrently(placesOf(target, request), VERSIONS_AT_ONCE, (place) =>
    foundIn(target, place, request),
  );
  for await (const all of found) yield* all;
}

/** A version by the segments of its keys; without `version`, an object's active and rejected ones. */
interface Place extends LedgerPlace {
  readonly version?: string;
}

async function* placesOf(target: Target, { keys, dataset, since }: RejectsRequest): AsyncGenerator<Place> {
  for (const key of keys) {
    const known = await entryOf(target, key).catch(unreadableDocument);
    if (known === undefined)
      throw new UserError(
        `The ledger does not know ${key}, so none of its records was rejected. To see its state: npx sluice status ${key}`,
      );
    const place = target.registry.placeOf(key);
    yield 'entry' in known ? { ...place, dataset: known.entry.dataset } : place;
  }
  if (keys.length === 0)
    yield* failedVersions(target, 'rejects', { dataset, since: since - BEFORE_RECEIPT_MS });
}

/** An object whose state can't be read does not stop the others. */
async function foundIn(target: Target, place: Place, request: RejectsRequest): Promise<Found[]> {
  const known = await ledgerOf(target).known(place).catch(unreadableDocument);
  if (known === undefined) return [];
  if (!('entry' in known)) return [{ problem: known.message }];
  const { key, dataset, current } = known.entry;
  if (request.dataset !== undefined && dataset !== request.dataset) return [];
  const { versions } = await listedEntry(target, target.outputs.buckets.ledger, place);
  const all: Found[] = [];
  const { attempts } = known.entry;
  for (const { versionId } of extractedVersions(known.entry)) {
    const segment = versionSegment(versionId);
    if (place.version !== undefined && place.version !== segment) continue;
    const { receipts, unreadable } = await ledgerOf(target).readableReceipts(versions.get(segment) ?? []);
    all.push(...unreadable.map(({ message }) => ({ problem: message })));
    const attempt = attempts.find((each) => each.versionId === versionId);
    const isWaiting = attempt?.status === 'extracted';
    const standing = versionId === current?.versionId ? 'active' : isWaiting ? 'prepared' : 'rejected';
    for (const receipt of inOrder(receipts)) {
      const rejected = rejectedBy(receipt, request.codes);
      if (Object.keys(rejected).length === 0 || Date.parse(receipt.finishedAt) < request.since) continue;
      const { stage, finishedAt, codeVersion } = receipt;
      const of = { key, dataset, versionId, standing, stage, finishedAt, codeVersion } as const;
      all.push(
        { work: { ...of, rejected, withoutLines: withoutLines(receipt, request.codes) } },
        ...receipt.rejects.map((file) => ({ of, file })),
      );
    }
  }
  return all;
}

/** In the order in which records pass the stages; within a stage by part. */
function inOrder(receipts: readonly Receipt[]): Receipt[] {
  const part = (receipt: Receipt) => ('part' in receipt ? receipt.part : 0);
  return receipts.toSorted((a, b) => stages.indexOf(a.stage) - stages.indexOf(b.stage) || part(a) - part(b));
}

async function rejectsIn(
  target: Target,
  { of, file: { key, records } }: RejectFile,
  { codes, withRecord }: RejectsRequest,
  most: number,
): Promise<RejectStep[]> {
  const bucket = target.outputs.buckets.failed;
  const found: RejectStep[] = [];
  const problem = (what: string): RejectStep[] => [
    ...found,
    {
      problem: `s3://${bucket}/${key} ${what}. To reprocess its object: npx sluice replay ${of.key} --force`,
    },
  ];
  try {
    for await (const { reject, line } of rejectLines(target, bucket, key)) {
      if (codes.length > 0 && !codes.includes(reject.code)) continue;
      const { record: _, excerpt, ...rest } = reject;
      const sent = withRecord ? { record: recordText(line), ...(excerpt !== undefined && { excerpt }) } : {};
      found.push({ reject: { ...of, ...rest, ...sent } });
      if (found.length === most) break;
    }
    return found;
  } catch (error) {
    if (isNotFound(error))
      return (await isReplaced(target, of)) ? [] : problem(`is missing, with ${records} rejects`);
    if (error instanceof Error && '$metadata' in error) throw error;
    return problem(`can’t be read: ${errorText(error)}`);
  }
}

/** Whether another version took effect since the receipt was read: the rejects went with their version. */
async function isReplaced(target: Target, { key, versionId }: RejectedOf): Promise<boolean> {
  const known = await entryOf(target, key);
  return known === undefined || !extractedVersions(known.entry).some((each) => each.versionId === versionId);
}
