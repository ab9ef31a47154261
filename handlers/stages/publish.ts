import { PermanentError } from '../../domain/errors.ts';
import { sumOf } from '../../domain/operations/reconciliation.ts';
import type { Announcement } from '../../domain/versions/announcement.ts';
import {
  faultKey,
  transformationReceiptKey,
  UNKNOWN_DATASET,
  type VersionPath,
  versionPath,
} from '../../domain/versions/key-layout.ts';
import { type Extraction, isSettled, type LedgerEntry, type Version } from '../../domain/versions/ledger.ts';
import { plainFilesOf } from '../../domain/versions/plain-files.ts';
import { filesInEntry, type PublishedPart } from '../../domain/versions/publication.ts';
import { attemptAt, withVerdict } from '../../domain/versions/publishing/conclusion.ts';
import { isOfWhole, sumsOf, type Verdict, verdictOf } from '../../domain/versions/publishing/verdict.ts';
import type { TransformationReceipt } from '../../domain/versions/receipt.ts';
import { isActive, isActiveVersion } from '../../domain/versions/version-status.ts';
import { writeFault } from '../../store/failed-objects.ts';
import type { EntryState, Ledger } from '../../store/ledger.ts';
import type { StageContext } from './context.ts';
import { type OutputBuckets, removeData } from './removal.ts';
import { removeSuperseded } from './supersede.ts';

/** What it takes to publish. */
export interface Publishing {
  readonly ledger: Ledger;
  readonly buckets: OutputBuckets;
  readonly context: Pick<StageContext, 'store' | 'announce' | 'registry'>;
}

/**
 * Decides about a version, and publishes it if it takes effect, once every part of it is transformed. Each
 * invocation that writes one of its receipts calls this: the last of them finds the version whole, and who
 * comes again completes what one that died has left undone. A version that was overtaken is never published.
 *
 * @param known the entry as it was after the receipt was written, or before if the version was extracted then
 * @param own the receipt of the transformation of a part, if the caller has written it
 * @returns the entry afterwards; `undefined` if the version is not whole, or was overtaken
 */
export async function publishIfWhole(
  path: VersionPath,
  known: EntryState | undefined,
  publishing: Publishing,
  own?: TransformationReceipt,
): Promise<LedgerEntry | undefined> {
  const attempt = attemptAt(known?.entry, path);
  if (attempt?.status === 'rejected') return dropped(path, known, publishing);
  if (attempt?.status !== 'extracted') {
    if (isActive(known?.entry, path)) await publishActive(known?.entry, publishing, own && [own]);
    // Whoever found it overtaken may have died before its output was removed.
    else if (attempt === undefined)
      await removeSuperseded(known?.entry, publishing.ledger, publishing.context.store, publishing.buckets);
    return known?.entry;
  }
  const { parts, extraction } = attempt;
  const transformations = await transformationsOf(path, parts, publishing.ledger, own && [own]);
  if (transformations === undefined || extraction === undefined || known === undefined) return undefined;
  return conclude(path, { ...attempt, extraction, transformations }, known, publishing);
}

/** A version that is whole, by its receipts. */
interface WholeVersion extends Version {
  readonly parts: number;
  readonly extraction: Extraction;
  readonly transformations: readonly TransformationReceipt[];
}

/**
 * Decides about a version that is whole. A version that is not accepted leaves its rejects, and no files.
 *
 * @param known the entry as the caller knows it
 * @param isOnly whether to decide only if the entry is still as the caller knows it
 * @returns the entry afterwards; `undefined` if the version was overtaken
 * @throws {Error} if its receipts contradict each other
 */
export async function conclude(
  path: VersionPath,
  whole: WholeVersion,
  known: EntryState,
  publishing: Publishing,
  isOnly = false,
): Promise<LedgerEntry | undefined> {
  const { ledger, buckets, context } = publishing;
  const { versionId, parts, extraction, transformations } = whole;
  const { key } = known.entry;
  const sums = sumsOf(extraction, transformations);
  if ('contradiction' in sums)
    throw new Error(
      `${JSON.stringify(key)} is not published, since its receipts contradict each other: ${sums.contradiction}. To reprocess it: npx sluice replay ${key} --force`,
    );
  const rules = context.registry.rulesOf(key);
  const before = recordsBefore(known.entry);
  const verdict = verdictOf(sums, rules, { before, transformations });
  const { accepted, fault } = verdict;
  if (fault?.code === 'shrunk') {
    // The caller may have read the entry before its work: nobody is told of a fault that is none any more.
    const latest = await ledger.known(path);
    if (latest !== undefined && recordsBefore(latest.entry) !== before)
      return isOnly ? undefined : conclude(path, whole, latest, publishing);
  }
  const note = faultKey({ path, stage: 'extraction' });
  if (fault !== undefined && isOfWhole(fault.code) && extraction.fault?.code !== fault.code) {
    const error = new PermanentError(fault.code, fault.message, { stage: 'extraction' });
    const object = { dataset: path.dataset, key, versionId };
    await writeFault(context.store, buckets.failed, note, object, error);
  }
  // Before the ledger notes it: an attempt that dies in between tells it again.
  if (fault !== undefined || !accepted)
    await context.announce?.([await failureOf(path, whole, verdict, ledger)]);
  const isTheSame = (latest: LedgerEntry) =>
    rules.maxShrink === undefined || recordsBefore(latest) === before;
  const decided = { parts, records: extraction.read, ...filesInEntry(transformations), ...verdict };
  const mayDecide = (latest: LedgerEntry) => !isOnly || latest === known.entry;
  const entry = await ledger.swap(
    path,
    (latest) => {
      if (latest === undefined || !mayDecide(latest)) return undefined;
      return isTheSame(latest) ? withVerdict(latest, path, decided) : latest;
    },
    known,
  );
  // Another version has taken effect meanwhile, and this one is to be compared with that.
  if (entry !== undefined && !isTheSame(entry.entry) && isUndecided(entry.entry, path)) {
    if (fault !== undefined && fault !== extraction.fault) await context.store.remove(buckets.failed, [note]);
    return conclude(path, whole, entry, publishing);
  }
  if (entry === undefined) {
    const latest = await ledger.entry(path);
    const stands =
      latest !== undefined && (isActiveVersion(latest, path) || attemptAt(latest, path) !== undefined);
    // Who overtook it may have removed all that there was before the fault was written; who took it over may
    // have decided the same.
    if (fault !== undefined && !stands) await context.store.remove(buckets.failed, [note]);
    // It may be this attempt that gave the version up, when only the answer to its write was lost.
    await removeSuperseded(latest, ledger, context.store, buckets);
    return undefined;
  }
  if (!isActive(entry.entry, path)) return dropped(path, entry, publishing);
  await publishActive(entry.entry, publishing, transformations);
  return entry.entry;
}

/** How many records the active version has, which a version that takes effect would replace. */
const recordsBefore = (entry: LedgerEntry | undefined) =>
  entry?.current?.type === 'created' ? entry.current.records : undefined;

function isUndecided(entry: LedgerEntry, path: VersionPath): boolean {
  const attempt = attemptAt(entry, path);
  return attempt !== undefined && attempt.status !== 'rejected';
}

async function failureOf(
  path: VersionPath,
  { versionId, sequencer, transformations }: WholeVersion,
  { accepted: takesEffect, fault }: Verdict,
  ledger: Ledger,
): Promise<Announcement> {
  const extraction = await ledger.extraction(path);
  if (extraction === undefined) throw new Error(`The receipt of the extraction of ${path.objectId} is gone.`);
  const { dataset, key, read } = extraction;
  const rejected = sumOf([extraction, ...transformations].map((each) => each.rejected));
  return {
    type: 'Version Failed',
    detail: { dataset, key, versionId, sequencer, takesEffect, read, rejected, ...(fault && { fault }) },
  };
}

/** Removes the prepared files of a version that was rejected: no sink ever shows them. */
async function dropped(
  path: VersionPath,
  known: EntryState | undefined,
  { ledger, buckets, context }: Publishing,
): Promise<LedgerEntry | undefined> {
  if ((attemptAt(known?.entry, path)?.parts ?? 0) > 0) await removeData(path, context.store, buckets);
  await removeSuperseded(known?.entry, ledger, context.store, buckets);
  return known?.entry;
}

/**
 * Publishes what is active: a version that is whole, or a deletion. Removes what it replaces, as far as no
 * sink shows it.
 *
 * @param known receipts of its transformation, perhaps not all
 */
export async function publishActive(
  entry: LedgerEntry | undefined,
  { ledger, buckets, context }: Publishing,
  known: readonly TransformationReceipt[] = [],
): Promise<void> {
  if (entry !== undefined) await publish(entry, ledger, known);
  await removeSuperseded(entry, ledger, context.store, buckets);
}

async function publish(
  entry: LedgerEntry,
  ledger: Ledger,
  known: readonly TransformationReceipt[],
): Promise<void> {
  const { dataset, key, current, superseded } = entry;
  if (current === undefined || dataset === UNKNOWN_DATASET) return;
  if (isSettled(entry) && (current.type === 'created' || superseded.length === 0)) return;
  const { versionId, sequencer } = current;
  const path = versionPath({ dataset, key, versionId });
  const of = { dataset, key, versionId, sequencer };
  if (current.type === 'deleted') {
    await ledger.publishDeletion(path, { type: 'deleted', ...of });
    return;
  }
  const transformations = await transformationsOf(path, current.parts, ledger, known);
  if (transformations === undefined) return;
  // No table can show them: the version is reprocessed when the lake is taken over.
  if (plainFilesOf(transformations).length > 0) return;
  const parts = transformations.map(
    ({ part, loadedAt, outputs }): PublishedPart => ({
      type: 'created',
      ...of,
      part,
      parts: transformations.length,
      ...(loadedAt && { loadedAt }),
      files: outputs,
    }),
  );
  await ledger.publish(
    path,
    parts.length > 0 ? parts : [{ type: 'created', ...of, part: 0, parts: 0, files: [] }],
  );
}

/**
 * The receipts of all parts of a version, in their order; `undefined` while one of them is missing.
 *
 * @param parts how many there are, if the ledger entry tells @param known some of them
 */
async function transformationsOf(
  path: VersionPath,
  parts: number | undefined,
  ledger: Ledger,
  known: readonly TransformationReceipt[] = [],
): Promise<readonly TransformationReceipt[] | undefined> {
  const length = parts ?? (await ledger.extraction(path))?.parts.length;
  if (length === undefined) return undefined;
  const keys = Array.from({ length }, (_, part) => transformationReceiptKey(path, part));
  if (length === known.length) return known;
  // A listing costs twelve reads.
  if (keys.length > 1) {
    const there = new Set(await ledger.receiptKeys(path));
    if (!keys.every((key) => there.has(key))) return undefined;
  }
  const read = await ledger.receiptsOf(keys.filter((_, part) => !known.some((each) => each.part === part)));
  const others = read.filter((each): each is TransformationReceipt => each.stage === 'transformation');
  const found = [...known, ...others];
  return found.length === length ? found.sort((a, b) => a.part - b.part) : undefined;
}
