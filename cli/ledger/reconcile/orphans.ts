import type { _Object } from '@aws-sdk/client-s3';
import { garbageIsGoneAfter } from '../../../domain/operations/garbage.ts';
import { contradictions, type Place, summarize } from '../../../domain/operations/reconciliation.ts';
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
import { shownVersions } from '../../../domain/versions/ledger.ts';
import { attemptAt } from '../../../domain/versions/publishing/conclusion.ts';
import { statusOf } from '../../../domain/versions/version-status.ts';
import { unreadableDocument } from '../../../store/ledger.ts';
import { listedEntry } from '../../../store/ledger-listing.ts';
import type { Target } from '../../target/target.ts';
import { ledgerOf } from '../ledger.ts';
import { partsOf } from './files.ts';

/** The version whose file this is by its key, if it is one. */
export function pathOf(place: Place, key: string): VersionPath | undefined {
  if (place === 'temp') return parsePartKey(key);
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
 * Whether a file that nothing names is garbage that the hourly maintenance will remove: of a version that is
 * gone, or compacted; of an age at which it may not have done so yet.
 */
export async function isLeftOver(
  target: Target,
  place: Place,
  { Key: key, LastModified: modified }: Pick<_Object, 'LastModified'> & { readonly Key: string },
): Promise<boolean> {
  if (modified === undefined || modified.getTime() < Date.now() - garbageIsGoneAfter) return false;
  if (place === 'processed' && parseCompactedKey(key) !== undefined) return true;
  const path =
    place === 'processed' ? parseDataKey(key) : place === 'failed' ? parseFailedKey(key) : undefined;
  if (path === undefined) return false;
  const known = await ledgerOf(target).known(path).catch(unreadableDocument);
  if (known === undefined || known instanceof UnreadableDocument) return false;
  return statusOf(known.entry, path) === 'gone' && attemptAt(known.entry, path) === undefined;
}

/** Looks again at a file that no receipt named: its version may have been extracted meanwhile. */
export async function isNamedNow(
  target: Target,
  place: Place,
  key: string,
  path: VersionPath | undefined,
): Promise<boolean> {
  const known = path && (await ledgerOf(target).known(path).catch(unreadableDocument));
  // An unreadable document has been reported already.
  if (known instanceof UnreadableDocument) return true;
  if (path === undefined || known === undefined) return false;
  const { attempts, superseded } = known.entry;
  const isIt = ({ versionId }: { versionId: string }) => versionSegment(versionId) === path.version;
  // Receipts of a version that is being extracted are still to come; superseded versions are removed when
  // their successor is complete.
  if (attempts.some((each) => each.status === 'extracting' && isIt(each))) return true;
  if (superseded.some((versionId) => isIt({ versionId }))) return true;
  if (![...shownVersions(known.entry), ...attempts].some(isIt)) return false;
  const { versions } = await listedEntry(target, target.outputs.buckets.ledger, path);
  const { receipts, unreadable } = await ledgerOf(target).readableReceipts(versions.get(path.version) ?? []);
  if (unreadable.length > 0) return true;
  // A file whose own receipt is missing has been reported already, as unfinished.
  if (contradictions(receipts).some(({ kind }) => kind === 'unfinished')) return true;
  return [...summarize(receipts).files, ...partsOf(receipts)].some(
    (file) => file.place === place && file.key === key,
  );
}
