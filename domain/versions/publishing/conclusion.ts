import { type VersionPath, versionSegment } from '../key-layout.ts';
import { type Attempt, type Extraction, isOlder, type LedgerEntry, union, withCurrent } from '../ledger.ts';
import { isVersion, parseRevision } from '../revision.ts';
import { isActiveVersion } from '../version-status.ts';
import type { Verdict } from './verdict.ts';

/** The attempt at a version, by the segment in its keys. */
export function attemptAt(
  known: LedgerEntry | undefined,
  { version }: Pick<VersionPath, 'version'>,
): Attempt | undefined {
  return known?.attempts.find(({ versionId }) => versionSegment(versionId) === version);
}

const idle = { message: '', invocation: '', codeVersion: '', leaseUntil: 0 } as const;

/** How an attempt ended, as the entry has it. */
export const ended = (status: 'extracted' | 'rejected', parts: number) =>
  ({ ...idle, status, parts }) as const;

/**
 * The entry after the extraction of a version, which made so many parts.
 *
 * @returns `undefined` if a newer event took effect meanwhile: then the version's output must be removed
 */
export function withExtracted(
  known: LedgerEntry,
  path: VersionPath,
  { parts, extraction }: { readonly parts: number; readonly extraction: Extraction },
): LedgerEntry | undefined {
  const attempt = attemptAt(known, path);
  if (attempt === undefined) return isActiveVersion(known, path) ? known : undefined;
  if (attempt.status !== 'extracting') return known;
  const { handedOver: _, ...rest } = attempt;
  return withAttempt(known, attempt, { ...rest, ...ended('extracted', parts), extraction });
}

/** The entry after a part of a version was transformed; unchanged if its extraction has ended. */
export function withTransformed(known: LedgerEntry, path: VersionPath): LedgerEntry {
  const attempt = attemptAt(known, path);
  if (attempt?.status !== 'extracting' || attempt.ahead === true) return known;
  return withAttempt(known, attempt, { ...attempt, ahead: true });
}

/**
 * The entry after an invocation has handed the rest of an extraction to a message of its own. Whoever
 * receives that may claim it at once, whatever the clocks say.
 *
 * @returns `undefined` if the invocation has no claim of the version any more
 */
export function withHandedOver(
  known: LedgerEntry,
  path: VersionPath,
  invocation: string,
  now: number,
): LedgerEntry | undefined {
  const attempt = attemptAt(known, path);
  if (attempt?.status !== 'extracting' || attempt.invocation !== invocation) return undefined;
  return withAttempt(known, attempt, { ...attempt, leaseUntil: 0, handedOver: now });
}

const withAttempt = (known: LedgerEntry, attempt: Attempt, next: Attempt): LedgerEntry => ({
  ...known,
  attempts: known.attempts.map((each) => (each === attempt ? next : each)),
});

/** What the entry tells of a version that takes effect. */
type Decided = { readonly parts: number } & Pick<
  NonNullable<LedgerEntry['current']>,
  'records' | 'files' | 'loadedAt'
>;

/**
 * The entry after the decision about a version, which has so many parts and records. If it is not accepted,
 * the last good one stays active.
 *
 * @returns `undefined` if a newer event took effect meanwhile: then the version's output must be removed
 */
export function withVerdict(
  known: LedgerEntry,
  path: VersionPath,
  { parts, records, files, loadedAt, accepted, fault }: Verdict & Decided,
): LedgerEntry | undefined {
  const attempt = attemptAt(known, path);
  if (attempt === undefined) return isActiveVersion(known, path) ? known : undefined;
  // Whoever came first has decided by the same receipts.
  if (attempt.status === 'rejected') return known;
  const { sequencer, versionId, extraction: _, ahead: __, begunAt: ___, handedOver: ____, ...rest } = attempt;
  const found = fault && { fault };
  const told = { parts, ...(records !== undefined && { records }), ...(files && { files, loadedAt }) };
  if (accepted) return withCurrent(known, { type: 'created', sequencer, versionId, ...told, ...found });
  return withRejected(known, attempt, {
    ...rest,
    sequencer,
    versionId,
    ...ended('rejected', parts),
    ...found,
  });
}

/** Only the newest rejected version keeps its rejects, and its earlier revisions are obsolete. */
function withRejected(known: LedgerEntry, attempt: Attempt, mine: Attempt): LedgerEntry {
  const { attempts } = withAttempt(known, attempt, mine);
  const rejected = attempts.filter(({ status }) => status === 'rejected');
  const newest = rejected.reduce((a, b) => (isOlder(a, b) ? b : a));
  const isEarlier = (each: Attempt) =>
    isVersion(each.versionId, parseRevision(mine.versionId).versionId) && isOlder(each, mine);
  const rest = attempts.filter((each) => !rejected.includes(each) && !isEarlier(each));
  const gone = attempts.filter((each) => each !== newest && !rest.includes(each));
  return {
    ...known,
    attempts: [...rest, newest],
    superseded: union(
      known.superseded,
      gone.map(({ versionId }) => versionId),
    ),
  };
}
