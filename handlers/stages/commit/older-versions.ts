import { type VersionPath, versionPath } from '../../../domain/versions/key-layout.ts';
import type { ActiveEntry } from '../../../domain/versions/version-status.ts';

/** The versions of an object that a sink may still show, besides the active one. */
export function olderVersions({ dataset, key, current, committed, superseded }: ActiveEntry): VersionPath[] {
  const names = new Set([...superseded, ...(committed?.type === 'created' ? [committed.versionId] : [])]);
  if (current.type === 'created') names.delete(current.versionId);
  return [...names].map((versionId) => versionPath({ dataset, key, versionId }));
}
