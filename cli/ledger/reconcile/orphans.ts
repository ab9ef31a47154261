import type { _Object } from '@aws-sdk/client-s3';
import { garbageIsGoneAfter } from '../../../domain/operations/garbage.ts';
import { contradictions, type Place, summarize } from '../../../domain/operations/reconciliation.ts';
import { parseCheckpointKey } from '../../../domain/records/checkpoint.ts';
import { parseOutlineKey } from '../../../domain/records/segments/outline.ts';
import { UnreadableDocument } from '../../../domain/versions/document.ts';
import {
  parseCompactedKey,
  parseDataKey,
  parseFailedKey,
  parseFileKey,
  parsePartKey,
  type VersionPath,
  versionSegment,
} from '../../../domain/versions/key-layout.ts';
import { type LedgerEntry, shownVersions } from '../../../domain/versions/ledger.ts';
import { isForgotten, statusOf } from '../../../domain/versions/version-status.ts';
import { unreadableDocument } from '../../../store/ledger.ts';
import { listedEntry } from '../../../store/ledger-listing.ts';
import type { Target } from '../../target/target.ts';
import { ledgerOf } from '../ledger.ts';
import { partsOf } from './files.ts';

/** The version whose file this is by its key, if it is one. */
export function pathOf(place: Place, key: string): VersionPath | undefined {
  if (place === 'temp') return parsePartKey(key) ?? parseCheckpointKey(key);
  return place === 'failed' ? parseFailedKey(key) : parseFileKey(key);
}

/** Whether the ledger says that a table may show a version: it may have been committed meanwhile. */
export async function isKnown(target: Target, path: VersionPath): Promise<boolean> {
  const known = await ledgerOf(target).known(path).catch(unreadableDocument);
  // An unreadable document has been reported already.
  if (known === undefined || known instanceof UnreadableDocument) return known !== undefined;
  return statusOf(known.entry, path) !== 'gone';
}

/**
 * Looks again at a file that no receipt named: its version may have been extracted meanwhile. What is left
 * over is garbage, of an age at which the hourly maintenance may not have removed it yet.
 */
export async function lookAgain(
  target: Target,
  place: Place,
  { Key: key, LastModified: modified }: Pick<_Object, 'LastModified'> & { readonly Key: string },
  path: VersionPath | undefined,
): Promise<'named' | 'left_over' | 'orphaned'> {
  // One stays if its writer died or was late, and expires with the parts.
  if (place === 'temp' && parseOutlineKey(key) !== undefined) return 'named';
  const known = path && (await ledgerOf(target).known(path).catch(unreadableDocument));
  // An unreadable document has been reported already.
  if (known instanceof UnreadableDocument) return 'named';
  if (path !== undefined && known !== undefined && (await isNamed(target, place, key, path, known.entry)))
    return 'named';
  const isRecent = modified !== undefined && modified.getTime() >= Date.now() - garbageIsGoneAfter;
  return isRecent && isGarbage(place, key, path, known?.entry) ? 'left_over' : 'orphaned';
}

/** Whether the maintenance removes a file that nothing names. */
function isGarbage(
  place: Place,
  key: string,
  path: VersionPath | undefined,
  entry: LedgerEntry | undefined,
): boolean {
  if (place === 'processed' && parseCompactedKey(key) !== undefined) return true;
  const isLookedAt = place === 'failed' || (place === 'processed' && parseDataKey(key) !== undefined);
  return isLookedAt && path !== undefined && isForgotten(entry, path);
}

async function isNamed(
  target: Target,
  place: Place,
  key: string,
  path: VersionPath,
  entry: LedgerEntry,
): Promise<boolean> {
  const { attempts, superseded } = entry;
  const isIt = ({ versionId }: { versionId: string }) => versionSegment(versionId) === path.version;
  // Receipts of a version that is being extracted are still to come; superseded versions are removed when
  // their successor is complete.
  if (attempts.some((each) => each.status === 'extracting' && isIt(each))) return true;
  if (superseded.some((versionId) => isIt({ versionId }))) return true;
  if (![...shownVersions(entry), ...attempts].some(isIt)) return false;
  // One stays if its writer died before it was removed, and expires with the parts.
  if (place === 'temp' && parseCheckpointKey(key) !== undefined) return true;
  const { versions } = await listedEntry(target, target.outputs.buckets.ledger, path);
  const { receipts, unreadable } = await ledgerOf(target).readableReceipts(versions.get(path.version) ?? []);
  if (unreadable.length > 0) return true;
  // A file whose own receipt is missing has been reported already, as unfinished.
  if (contradictions(receipts).some(({ kind }) => kind === 'unfinished')) return true;
  return [...summarize(receipts).files, ...partsOf(receipts)].some(
    (file) => file.place === place && file.key === key,
  );
}
