import { type VersionPath, versionSegment } from './key-layout.ts';
import type { LedgerEntry } from './ledger.ts';

export type VersionStatus = 'live' | 'superseded' | 'gone';

/**
 * The status of a version. `live`: it is active, or may become so. `superseded`: the tables may show it
 * until they show its successor. `gone`: any output of it is left over.
 *
 * @param path of which only the version's segment counts
 */
export function statusOf(known: LedgerEntry | undefined, { version }: VersionPath): VersionStatus {
  if (known === undefined) return 'live';
  const isIt = (versionId: string) => versionSegment(versionId) === version;
  const { attempts, superseded } = known;
  const withParts = attempts.filter(({ status, parts }) => status === 'extracting' || parts > 0);
  if (isActiveVersion(known, { version })) return 'live';
  if (withParts.some(({ versionId }) => isIt(versionId))) return 'live';
  return superseded.some(isIt) ? 'superseded' : 'gone';
}

/**
 * Whether there is an entry, and it knows nothing of a version: not even that it was rejected, as one without
 * parts may have been that keeps its rejects. An entry that was lost can be rebuilt.
 */
export function isForgotten(known: LedgerEntry | undefined, path: VersionPath): boolean {
  if (known === undefined || statusOf(known, path) !== 'gone') return false;
  return !known.attempts.some(({ versionId }) => versionSegment(versionId) === path.version);
}

/** A ledger entry of an object of which something took effect. */
export type ActiveEntry = LedgerEntry & { readonly current: NonNullable<LedgerEntry['current']> };

/** The object as it is active: its version, or the event that deleted it. */
export function activeObject({ key, current }: ActiveEntry): {
  readonly key: string;
  readonly versionId: string;
} {
  return { key, versionId: current.versionId };
}

/** Whether a version is active. A deletion for good has the name of its version, and is none. */
export function isActiveVersion(
  { current }: Pick<LedgerEntry, 'current'>,
  { version }: Pick<VersionPath, 'version'>,
): boolean {
  return current?.type === 'created' && versionSegment(current.versionId) === version;
}

/** Whether this is the name of the active version, or of the deletion that is active. */
export function isActive(
  entry: LedgerEntry | undefined,
  { version }: Pick<VersionPath, 'version'>,
): entry is ActiveEntry {
  return entry?.current !== undefined && versionSegment(entry.current.versionId) === version;
}
