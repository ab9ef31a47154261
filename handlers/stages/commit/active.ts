import { type VersionPath, versionPath, versionSegment } from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry } from '../../../domain/versions/ledger.ts';

/** A ledger entry of an object of which something took effect. */
export type ActiveEntry = LedgerEntry & { readonly current: NonNullable<LedgerEntry['current']> };

/** Whether this is the name of the active version, or of the deletion that is active. */
export function isActive(
  entry: LedgerEntry | undefined,
  { version }: Pick<VersionPath, 'version'>,
): entry is ActiveEntry {
  return entry?.current !== undefined && versionSegment(entry.current.versionId) === version;
}

/** The versions of an object that a sink may still show, besides the active one. */
export function olderVersions({ dataset, key, current, committed, superseded }: ActiveEntry): VersionPath[] {
  const names = new Set([...superseded, ...(committed?.type === 'created' ? [committed.versionId] : [])]);
  if (current.type === 'created') names.delete(current.versionId);
  return [...names].map((versionId) => versionPath({ dataset, key, versionId }));
}
