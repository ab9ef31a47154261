import type { Dataset } from '../../domain/dataset.ts';
import { PermanentError } from '../../domain/errors.ts';
import { decode } from '../../domain/records/decoding/decode.ts';
import { parsePartLine } from '../../domain/records/part.ts';
import { RejectCount } from '../../domain/records/reject-limit.ts';
import { transformRecord } from '../../domain/records/transformation.ts';
import { validate } from '../../domain/records/validation.ts';
import type { Registry } from '../../domain/registry.ts';
import { extractionReceiptKey, faultKey, rejectsKey, versionPath } from '../../domain/versions/key-layout.ts';
import { conclude, takesEffect } from '../../domain/versions/ledger.ts';
import type { ObjectEvent } from '../../domain/versions/object-event.ts';
import { count, type ExtractionReceipt, type Tally } from '../../domain/versions/receipt.ts';
import { revisionName } from '../../domain/versions/revision.ts';
import { RejectsWriter, writeFault } from '../../store/failed-objects.ts';
import { Ledger } from '../../store/ledger.ts';
import { ObjectNotFound, type ObjectStore } from '../../store/object-store.ts';
import { settleAll } from '../../store/settle-all.ts';
import type { StageContext } from './context.ts';
import { type Outcome, withoutRecords } from './outcome.ts';
import { PartsWriter } from './parts-writer.ts';
import { type OutputBuckets, removeExtracted, removeSuperseded, removeUnread } from './supersede.ts';
import { takeUp } from './take-up.ts';

export interface ExtractionBuckets extends OutputBuckets {
  readonly ledger: string;
}

/**
 * Works on an event of the raw bucket: takes up a new version, retracts what was deleted, and leaves alone what was
 * done before, what is older than what took effect, and what somebody else is at.
 *
 * @throws {TransientError} `in_progress` while another invocation holds the lease of this version
 */
export async function extractObject(
  event: ObjectEvent,
  buckets: ExtractionBuckets,
  surroundings: StageContext,
): Promise<Outcome> {
  const { store, registry } = surroundings;
  const dataset = registry.of(event.key);
  const name = registry.nameOf(event.key);
  const ledger = new Ledger(store, buckets.ledger);
  const taken = await takeUp(event, ledger, buckets, surroundings);
  if ('result' in taken) return taken;
  const { path, before } = taken;
  const receipt = before ?? (await extract(taken.event, dataset, buckets, surroundings));
  if (before === undefined) await ledger.writeReceipt(extractionReceiptKey(path), receipt);

  const accepted = takesEffect(receipt, registry.rulesOf(event.key).onReject);
  const versionId = revisionName(event.versionId, taken.event.revision);
  const entry = await ledger.change(
    path,
    (latest) => latest && conclude(latest, versionId, { accepted, parts: receipt.parts.length }),
  );
  if (entry === undefined) {
    await removeExtracted(path, store, buckets);
    // It may be this very write of the entry that took it out, and whose answer was lost.
    await removeSuperseded(await ledger.entry(path), ledger, store, buckets);
    return withoutRecords(name, 'stale');
  }
  await removeUnread(entry, event.versionId, ledger, store, buckets);
  await removeSuperseded(entry, ledger, store, buckets);
  if (before !== undefined) return withoutRecords(name, 'duplicate');
  return {
    dataset: name,
    result: receipt.fault === undefined ? 'done' : 'failed',
    read: receipt.read,
    written: receipt.valid,
    filtered: {},
    rejected: receipt.rejected,
    ...(receipt.fault && { fault: receipt.fault }),
  };
}

/**
 * Reads the object at the event's version, record by record: valid records go to the temp bucket in parts, the others
 * to the failed bucket with their reason.
 *
 * Memory is bounded by the size of a part, not of the object. What can't be read at all, or not to its end, is a
 * fault of the object: recorded, and no error. What remains are transient errors, which are thrown.
 */
async function extract(
  event: ObjectEvent,
  dataset: Dataset | undefined,
  buckets: ExtractionBuckets,
  surroundings: StageContext,
): Promise<ExtractionReceipt> {
  const { store, now, elapsed, codeVersion, registry } = surroundings;
  const startedAt = elapsed();
  const versionId = revisionName(event.versionId, event.revision);
  const object = { dataset: registry.nameOf(event.key), key: event.key, versionId };
  const path = versionPath(object);
  const parts = new PartsWriter(surroundings, buckets.temp, path, { ...object, sequencer: event.sequencer });
  const rejects = new RejectsWriter(surroundings, buckets.failed, (file) =>
    rejectsKey(path, 'extraction', file),
  );
  const rejected: Tally = {};
  let read = 0;
  let usable = false;
  const limit = new RejectCount(dataset);
  let fault: PermanentError | undefined;
  try {
    if (dataset === undefined) throw unknownPrefix(event.key, registry);
    for await (const records of decode(dataset, () => open(store, event))) {
      for (const raw of records) {
        read += 1;
        const validated = validate(dataset, raw, read);
        if ('line' in validated) {
          usable ||= isUsable(dataset, validated.line, event.key);
          if (parts.add(validated.line)) await parts.flush();
        } else {
          count(rejected, validated.reject.code);
          await rejects.add(validated.reject);
          limit.add(read);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    fault = error;
  } finally {
    await parts.settled();
  }
  fault = limit.end(read, fault);
  if (fault !== undefined)
    await writeFault(store, buckets.failed, faultKey(path, 'extraction'), object, fault);
  // What takes no effect leaves nothing but its rejects: its parts that are stored go when that is concluded.
  const isRefused = fault?.code === 'too_many_rejects' && dataset?.onReject === 'keep';
  if (isRefused && parts.records > 0) rejected[fault?.code ?? ''] = parts.records;
  await settleAll([rejects.flush(), ...(isRefused ? [] : [parts.finish()])]);

  return {
    stage: 'extraction',
    ...object,
    sequencer: event.sequencer,
    bytes: event.size ?? 0,
    read,
    valid: isRefused ? 0 : parts.records,
    rejected,
    parts: isRefused ? [] : parts.written,
    rejects: rejects.files,
    usable,
    ...(fault && { fault: { code: fault.code, message: fault.message } }),
    finishedAt: new Date(now()).toISOString(),
    durationMs: Math.round(elapsed() - startedAt),
    codeVersion,
  };
}

/** Whether a valid record becomes a row, or is filtered: what the transformation will make of it. */
function isUsable(dataset: Dataset, line: string, key: string): boolean {
  const [recordNumber, record] = parsePartLine(line);
  return !('reject' in transformRecord(dataset, record, { key, recordNumber }));
}

async function open(
  store: ObjectStore,
  { bucket, key, versionId }: ObjectEvent,
): Promise<AsyncIterable<Uint8Array>> {
  try {
    return await store.read({ bucket, key, versionId });
  } catch (error) {
    if (!(error instanceof ObjectNotFound)) throw error;
    const message =
      'The version is not there any more: it expired or was deleted for good before it was read.';
    throw new PermanentError('version_not_found', message, { stage: 'extraction', cause: error });
  }
}

function unknownPrefix(key: string, { all }: Registry): PermanentError {
  const known = all.map(({ source }) => source.prefix).join(', ');
  const message = `No dataset reads ${JSON.stringify(key)}: keys begin with ${known}. Upload it under one of these.`;
  return new PermanentError('unknown_prefix', message, { stage: 'extraction' });
}
