import type { Announcement } from '../../../domain/versions/announcement.ts';
import { isShownBy } from '../../../domain/versions/ledger.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import type { ActiveEntry } from '../../../domain/versions/version-status.ts';
import type { StageContext } from '../context.ts';

/**
 * Whether a commit is to be told of on the bus: if it is new to the ledger entry, or an attempt that died may
 * have noted it there without telling it.
 *
 * @param entry as it was before the commit
 */
export function isToBeTold(entry: ActiveEntry, { receives }: Pick<StageContext, 'receives'>): boolean {
  return receives > 1 || !isShownBy('committed', entry);
}

/** The event that the table shows a version, or that it shows nothing of a deleted object. */
export function commitEvent(
  { dataset, key, current }: ActiveEntry,
  files: readonly StoredObject[],
  snapshot: string | undefined,
): Announcement {
  const { versionId, sequencer, type } = current;
  const of = { dataset, key, versionId, sequencer, snapshot };
  if (type === 'deleted') return { type: 'Version Deleted', detail: of };
  const rows = files.reduce((sum, { records }) => sum + records, 0);
  return { type: 'Version Published', detail: { ...of, rows, files: files.length } };
}
