import { UNKNOWN_DATASET } from '../versions/key-layout.ts';
import { isSettled, type LedgerEntry } from '../versions/ledger.ts';
import { plainFilesOf } from '../versions/plain-files.ts';
import type { Receipt } from '../versions/receipt.ts';
import { isVersion, parseRevision } from '../versions/revision.ts';
import { isUnderWay } from './replay.ts';
import { redeliverEvent, reprocessEvent, type SyntheticEvent } from './sweep.ts';

/**
 * What brings an object that older code left to every sink. `reprocess`: its version, in its next revision.
 * `publish`: its version as it is, or its deletion, since there are no files that a table could not show.
 */
export type Takeover =
  | { readonly work: 'reprocess' | 'publish'; readonly event: SyntheticEvent }
  /**
   * Why its version can't be reprocessed. `rejected`: it was, and no record was usable, so the revision took
   * no effect. `under_way`: a newer revision is being extracted or prepared, or that has died.
   */
  | { readonly left: 'rejected' | 'under_way' };

/**
 * How an object is taken over; `undefined` if there is nothing to do, or if the work on it goes on by itself.
 *
 * Its plain files are not registered in the table as they are, nor rewritten: readers would need a mapping of
 * names in place of field ids, and receipts, which are for good, would no longer tell what the files hold.
 * Reprocessed, the version is like any other.
 *
 * @param receipts of the active version, and `isPublished` whether it is
 * @param revisions the segments of all revisions that have receipts
 */
export function takeover(
  entry: LedgerEntry,
  receipts: readonly Receipt[],
  isPublished: boolean,
  revisions: Iterable<string>,
): Takeover | undefined {
  const { dataset, key, current, attempts } = entry;
  if (current === undefined || dataset === UNKNOWN_DATASET || isSettled(entry) || isPublished)
    return undefined;
  const again = redeliverEvent(key, current);
  if (current.type === 'deleted') return { work: 'publish', event: { ...again, type: 'deleted' } };
  const extraction = receipts.find((each) => each.stage === 'extraction');
  const transformed = receipts.filter((each) => each.stage === 'transformation').length;
  if (extraction === undefined || transformed < extraction.parts.length) return undefined;
  if (plainFilesOf(receipts).length === 0) return { work: 'publish', event: again };
  const { versionId } = parseRevision(current.versionId);
  if (isUnderWay(entry, current.versionId)) return { left: 'under_way' };
  const newer = attempts.find((each) => isVersion(each.versionId, versionId));
  if (newer !== undefined) return { left: newer.status === 'rejected' ? 'rejected' : 'under_way' };
  return { work: 'reprocess', event: reprocessEvent(key, current, revisions, extraction.bytes) };
}
