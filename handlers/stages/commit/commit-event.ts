import type { Announcement } from '../../../domain/versions/announcement.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import type { ActiveEntry } from '../../../domain/versions/version-status.ts';
import type { Snapshot } from '../../../formats/iceberg/metadata/metadata.ts';

/** The event that the table shows a version, or that it shows nothing of a deleted object. */
export function commitEvent(
  { dataset, key, current }: ActiveEntry,
  files: readonly StoredObject[],
  snapshot: Snapshot | undefined,
): Announcement {
  const { versionId, sequencer, type } = current;
  const of = { dataset, key, versionId, sequencer, snapshot: snapshot && String(snapshot['snapshot-id']) };
  if (type === 'deleted') return { type: 'Version Deleted', detail: of };
  const rows = files.reduce((sum, { records }) => sum + records, 0);
  return { type: 'Version Published', detail: { ...of, rows, files: files.length } };
}
