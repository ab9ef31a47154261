import type { Dataset } from '../../../domain/dataset.ts';
import { errorText, PermanentError, TransientError } from '../../../domain/errors.ts';
import type { Position } from '../../../domain/records/decoding/position.ts';
import type { ByteRange, Source } from '../../../domain/records/decoding/source.ts';
import { splitOutlined } from '../../../domain/records/segments/split-outlined.ts';
import type { Registry } from '../../../domain/registry.ts';
import {
  extractionReceiptKey,
  faultKey,
  type VersionPath,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';
import { isDirectoryMarker, mayBeMarker, type ObjectEvent } from '../../../domain/versions/object-event.ts';
import { attemptAt, withExtracted, withHandedOver } from '../../../domain/versions/publishing/conclusion.ts';
import { extractionOf } from '../../../domain/versions/publishing/verdict.ts';
import {
  type ExtractionReceipt,
  extractionReceipt,
  type TransformationReceipt,
} from '../../../domain/versions/receipt.ts';
import { revisionName } from '../../../domain/versions/revision.ts';
import { statusOf } from '../../../domain/versions/version-status.ts';
import { writeFault } from '../../../store/failed-objects.ts';
import { type EntryState, Ledger } from '../../../store/ledger.ts';
import { ObjectNotFound, type ObjectStore } from '../../../store/object-store.ts';
import type { StageContext } from '../context.ts';
import { type Outcome, withoutRecords } from '../outcome.ts';
import { conclude, type Publishing, publishIfWhole } from '../publish.ts';
import { type OutputBuckets, removeExtracted, removeUnpublished, removeUnread } from '../removal.ts';
import { removeSuperseded } from '../supersede.ts';
import { outcomeOf, type Transforming } from '../transformation/transform-records.ts';
import { Checkpoints } from './checkpoints.ts';
import { recordInPlace, transformInPlace } from './in-place.ts';
import { Outlines } from './outlines.ts';
import { PartsWriter } from './parts-writer.ts';
import { type TakenUp, takeUp } from './take-up.ts';

export interface ExtractionBuckets extends OutputBuckets {
  readonly raw: string;
  readonly ledger: string;
}

/** The receipts of an extraction, and of the transformation of its only part if that was done in place. */
interface Extracted {
  readonly receipt: ExtractionReceipt;
  readonly transformation?: TransformationReceipt | undefined;
  /** Whether another invocation has the receipt of the transformation, and tells of it. */
  readonly isToldElsewhere?: boolean | undefined;
  /** Whether only the receipt of the transformation is there, which tells of the extraction too. */
  readonly isImplied?: boolean | undefined;
  /** Why a small object was not transformed in place, if that failed. */
  readonly whyStored?: unknown;
}

/**
 * Processes an event of the raw bucket: extracts a new version, or retracts a deleted object. Does nothing if
 * the version is done already, is older than the active one, or is being extracted by another invocation; or
 * if it is a directory marker.
 *
 * @throws {TransientError} `in_progress` while another invocation holds the lease of this version
 */
export async function extractObject(
  event: ObjectEvent,
  buckets: ExtractionBuckets,
  context: StageContext,
): Promise<Outcome> {
  const { store, registry } = context;
  const dataset = registry.of(event.key);
  const name = registry.nameOf(event.key);
  const ledger = new Ledger(store, buckets.ledger);
  if (await isIgnored(event, ledger, registry)) return withoutRecords(name, 'ignored');
  const taken = await takeUp(event, ledger, buckets, context);
  if ('result' in taken) return taken;
  const { path, before, claimed } = taken;
  const versionId = revisionName(event.versionId, taken.event.revision);
  const publishing = { ledger, buckets, context };
  let done = before ? { receipt: before } : await extracted(taken, dataset, ledger, buckets, context);
  if (done === undefined) {
    const isHandedOver = await handOver(taken, ledger, context);
    if (isHandedOver) return withoutRecords(name, 'continued', { key: event.key, versionId });
    return leaveOvertaken(path, ledger, buckets, context);
  }
  let entry = await ended(path, done, claimed, publishing);
  if (entry === undefined && done.isImplied) {
    // Somebody else has touched the entry since the claim, and may have extracted the version too.
    done = await recorded(path, done, publishing);
    entry = await ended(path, done, await ledger.known(path), publishing);
  }
  const { receipt } = done;
  if (entry === undefined) return leaveOvertaken(path, ledger, buckets, context);
  // Not before the entry says that nobody needs them: whoever writes one then looks at it.
  await new Outlines(event, path, buckets.temp, context).removeAll();
  await removeUnread(entry, event.versionId, ledger, store, buckets, receipt);
  await removeSuperseded(entry, ledger, store, buckets);
  if (before !== undefined) return withoutRecords(name, 'duplicate');
  return {
    dataset: name,
    result: receipt.fault === undefined ? 'done' : 'failed',
    read: receipt.read,
    written: receipt.read,
    filtered: {},
    rejected: {},
    object: { key: event.key, versionId },
    outputs: receipt.parts.length,
    ...(receipt.fault && { fault: receipt.fault }),
    ...(done.transformation && !done.isToldElsewhere && { inPlace: outcomeOf(done.transformation, entry) }),
    ...(done.whyStored !== undefined && { whyStored: errorText(done.whyStored) }),
  };
}

/** Removes what was extracted of a version that was overtaken meanwhile. */
async function leaveOvertaken(
  path: VersionPath,
  ledger: Ledger,
  buckets: ExtractionBuckets,
  { store }: StageContext,
): Promise<Outcome> {
  await removeExtracted(path, store, buckets);
  await removeUnpublished(path, ledger, store, buckets);
  // Perhaps this very write removed the attempt from the entry, and its answer was lost.
  await removeSuperseded(await ledger.entry(path), ledger, store, buckets);
  return withoutRecords(path.dataset, 'stale');
}

/**
 * Hands the rest of a version to a message of its own. The claim is given back before the message is sent:
 * whoever receives it would take the version for one that somebody is at.
 *
 * @returns whether the version still counts
 * @throws {TransientError} `in_progress` if another invocation has claimed it, since by its clock the lease
 * was over: if that one dies, this message must be left
 */
async function handOver(
  { event, path, claimed }: TakenUp,
  ledger: Ledger,
  { now, invocation, handOver: send }: StageContext,
): Promise<boolean> {
  let isTheirs = false;
  const handedOver = now();
  const free = await ledger.swap(
    path,
    (latest) => {
      if (latest === undefined || statusOf(latest, path) !== 'live') return undefined;
      const next = withHandedOver(latest, path, invocation, handedOver);
      isTheirs = next === undefined;
      return next;
    },
    claimed,
  );
  if (isTheirs) {
    const message = `Another invocation has begun to extract ${JSON.stringify(event.key)}. This message will be retried.`;
    throw new TransientError('in_progress', message, { stage: 'extraction' });
  }
  if (free === undefined) return false;
  await send({ ...event, handedOver });
  return true;
}

/** Whether a directory marker comes, or one goes that was never anything else. */
async function isIgnored(event: ObjectEvent, ledger: Ledger, registry: Registry): Promise<boolean> {
  if (event.type === 'created') return isDirectoryMarker(event);
  return mayBeMarker(event.key) && (await ledger.entry(registry.placeOf(event.key))) === undefined;
}

/**
 * Notes that a version is extracted. One without parts is whole, and so is one whose parts were transformed
 * meanwhile.
 *
 * @returns the entry afterwards; `undefined` if the version was overtaken, or perhaps extracted by somebody
 * else, while no receipt of its extraction is there
 */
async function ended(
  path: VersionPath,
  { receipt, transformation, isImplied }: Extracted,
  claimed: EntryState | undefined,
  publishing: Publishing,
): Promise<LedgerEntry | undefined> {
  if (claimed === undefined) return undefined;
  const parts = receipt.parts.length;
  const extraction = extractionOf(receipt);
  const transformations = transformation ? [transformation] : [];
  if (parts === transformations.length)
    return conclude(path, { ...receipt, parts, extraction, transformations }, claimed, publishing, isImplied);
  const noted = await publishing.ledger.swap(
    path,
    (latest) => latest && withExtracted(latest, path, { parts, extraction }),
    claimed,
  );
  const mayBeWhole = receipt.inPlace ?? (noted && attemptAt(noted.entry, path)?.ahead);
  if (noted === undefined || mayBeWhole !== true) return noted?.entry;
  return (await publishIfWhole(path, noted, publishing)) ?? noted.entry;
}

/**
 * Extracts a version, and records it. If another extraction of it has ended before, that one's receipt
 * counts: one of them may have found the version deleted, or have had other code.
 *
 * @returns `undefined` if there was no time for all of it: a checkpoint says where it goes on
 */
async function extracted(
  taken: TakenUp,
  dataset: Dataset | undefined,
  ledger: Ledger,
  buckets: ExtractionBuckets,
  context: StageContext,
): Promise<Extracted | undefined> {
  const { path } = taken;
  const checkpoints = new Checkpoints(context.store, buckets.temp, path);
  const publishing = { ledger, buckets, context };
  const done = await extract(taken, dataset, checkpoints, publishing);
  if (done === undefined) return undefined;
  const { receipt, transformation } = done;
  const inPlace = transformation && (await recordInPlace(path, transformation, receipt, publishing));
  const mine = inPlace
    ? { ...done, transformation: inPlace.transformation, isToldElsewhere: !inPlace.isOwn }
    : done;
  if (inPlace?.isOwn) return { ...mine, isImplied: true };
  const first = await recorded(path, mine, publishing);
  await checkpoints.remove();
  return first;
}

/** Writes the receipt of an extraction. @returns what counts: the first */
async function recorded(path: VersionPath, mine: Extracted, publishing: Transforming): Promise<Extracted> {
  const { ledger, buckets, context } = publishing;
  const done = { ...mine, isImplied: false };
  if (await ledger.writeReceipt(extractionReceiptKey(path), done.receipt)) return done;
  const first = (await ledger.receipt(extractionReceiptKey(path), extractionReceipt)) ?? done.receipt;
  if (first.parts.length > 0) return { ...done, receipt: first };
  // It had gone for the other one. Nobody will read what was made of it.
  if (done.transformation) await removeUnpublished(path, ledger, context.store, buckets);
  return { receipt: first };
}

/**
 * Cuts the event's version of the object into its records, which go to the temp bucket in parts. What is in
 * them is the transformation's business.
 *
 * Memory is bounded by the size of a part, not of the object. If the object can't be read, or not to its end,
 * that is a fault of the object: it is recorded, not thrown. Only transient errors are thrown.
 *
 * @returns `undefined` if there was no time for all of it
 */
async function extract(
  { event, mayGoOn }: TakenUp,
  dataset: Dataset | undefined,
  checkpoints: Checkpoints,
  { ledger, buckets, context }: Transforming,
): Promise<Extracted | undefined> {
  const { store, now, elapsed, codeVersion, registry, limits } = context;
  const startedAt = elapsed();
  const before = mayGoOn ? await checkpoints.read(codeVersion) : undefined;
  const sentAt = before?.sentAt ?? new Date(context.sentAt).toISOString();
  const durationMs = () => Math.round((before?.durationMs ?? 0) + elapsed() - startedAt);
  const versionId = revisionName(event.versionId, event.revision);
  const object = { dataset: registry.nameOf(event.key), key: event.key, versionId };
  const path = versionPath(object);
  const { loadedAt } = event;
  const part = { ...object, sequencer: event.sequencer, ...(loadedAt && { loadedAt }) };
  const parts = new PartsWriter(context, buckets.temp, path, part, dataset, before?.parts);
  const save = async (position: Position) => {
    const stored = parts.written.map(({ records, bytes }) => [records, bytes] as const);
    await checkpoints.write({ codeVersion, position, parts: stored, sentAt, durationMs: durationMs() });
  };
  let savedAt = startedAt;
  let fault: PermanentError | undefined;
  try {
    if (dataset === undefined) throw unknownPrefix(event.key, registry);
    const source: Source = (range) => open(store, event, range);
    const outlines = new Outlines(event, path, buckets.temp, context);
    for await (const found of splitOutlined(dataset, source, before?.position, limits, outlines)) {
      await parts.add(found);
      if (parts.border === undefined) continue;
      if (context.isEnding()) {
        await parts.stored();
        await save(parts.border);
        return undefined;
      }
      if (elapsed() - savedAt < limits.checkpointMs) continue;
      await save(parts.border);
      savedAt = elapsed();
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    fault = error;
  } finally {
    await parts.stored().catch(() => {});
  }
  if (fault !== undefined)
    await writeFault(store, buckets.failed, faultKey({ path, stage: 'extraction' }), object, fault);
  const told = () => ({ finishedAt: new Date(now()).toISOString(), durationMs: durationMs() });
  const whenCut = told();
  // An earlier attempt may have stored the part, and somebody may be transforming it.
  const small = mayGoOn || fault !== undefined || context.isEnding() ? undefined : parts.small;
  let whyStored: unknown;
  const transforming = { ledger, buckets, context };
  const transformation =
    small &&
    dataset &&
    (await transformInPlace(path, small, dataset, transforming).catch((error: unknown) => {
      whyStored = error;
      return undefined;
    }));
  if (transformation !== undefined) parts.leaveOut();
  await parts.finish();

  const receipt: ExtractionReceipt = {
    stage: 'extraction',
    ...object,
    sequencer: event.sequencer,
    bytes: event.size ?? 0,
    read: parts.records,
    parts: parts.written,
    ...(transformation && { inPlace: true }),
    rejected: {},
    rejects: [],
    ...(fault && { fault: { code: fault.code, message: fault.message } }),
    sentAt,
    ...(transformation ? whenCut : told()),
    codeVersion,
  };
  return { receipt, transformation, whyStored };
}

async function open(
  store: ObjectStore,
  { bucket, key, versionId }: ObjectEvent,
  range: ByteRange | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  try {
    return await store.read({ bucket, key, versionId }, range);
  } catch (error) {
    if (!(error instanceof ObjectNotFound)) throw error;
    const message = 'The version no longer exists: it expired or was deleted for good before it was read.';
    throw new PermanentError('version_not_found', message, { stage: 'extraction', cause: error });
  }
}

function unknownPrefix(key: string, { all }: Registry): PermanentError {
  const known = all.map(({ source }) => source.prefix).join(', ');
  const message = `No dataset reads ${JSON.stringify(key)}: keys begin with ${known}. Upload it under one of these.`;
  return new PermanentError('unknown_prefix', message, { stage: 'extraction' });
}
