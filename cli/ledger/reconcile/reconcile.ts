import pLimit from 'p-limit';
import type { Place } from '../../../domain/operations/reconciliation.ts';
import {
  type LedgerPlace,
  parseCompactedKey,
  parseDataKey,
  versionPath,
} from '../../../domain/versions/key-layout.ts';
import { type ListedEntry, listedEntries, listedEntry } from '../../../store/ledger-listing.ts';
import { listObjects } from '../../../store/listing.ts';
import { concurrently } from '../../concurrently.ts';
import { KeySet } from '../../key-set.ts';
import type { Target } from '../../target/target.ts';
import { entryOf } from '../ledger.ts';
import { reconcileObject } from './object.ts';
import { isKnown, lookAgain, pathOf } from './orphans.ts';
import type { LookInTables, Reconciled } from './reconciled.ts';
import { ShownFiles } from './tables.ts';

const OBJECTS_AT_ONCE = 16;
const FILES_AT_ONCE = 32;

/** A file that no receipt of an active version names. */
export interface Orphan {
  readonly place: Place;
  readonly file: string;
  /** The table that shows it nevertheless. */
  readonly shownBy?: string;
}

/**
 * A version; an orphaned file; one that is left over, which the maintenance will remove; or the number of
 * files of a bucket that have been compared so far.
 */
export type Step =
  | { readonly version: Reconciled }
  | { readonly orphan: Orphan }
  | { readonly leftOver: Orphan }
  | { readonly compared: number; readonly place: Place };

/**
 * Compares the receipts of the active versions with the lake, the archive, the failed bucket and MySQL, and
 * each bucket's listing with the files that receipts name. It reads the footer of each file, and keeps eight
 * bytes per file name.
 *
 * @param keys of the raw bucket; empty for all keys of the ledger
 */
export async function* reconcile(
  target: Target,
  keys: readonly string[],
  lookInTables: LookInTables | undefined,
): AsyncGenerator<Step> {
  const limit = pLimit(FILES_AT_ONCE);
  const named = new KeySet();
  const reconciledVersions = new KeySet();
  const shown = new ShownFiles(target);
  const asked = await Promise.all(keys.map((key) => limit(() => placeOf(target, key))));
  const wanted = new Set(asked.map(idOf));
  const entries =
    keys.length === 0 ? listedEntries(target, target.outputs.buckets.ledger) : entriesOf(target, asked);
  for await (const reconciled of concurrently(entries, OBJECTS_AT_ONCE, (listed) =>
    reconcileObject(target, listed, limit, lookInTables, shown),
  )) {
    for (const { version, files } of reconciled) {
      for (const file of files) named.add(nameOf(file.place, file.key));
      const { dataset, key, versionId } = version;
      const { objectId, version: segment } = versionPath({ dataset, key, versionId });
      reconciledVersions.add(`${dataset}/${objectId}/${segment}`);
      yield { version };
    }
  }
  const tables = target.registry.all.filter(({ processedAs }) => processedAs !== 'csv');
  for (const { name } of tables)
    for await (const file of shown.files(name)) {
      if (named.has(nameOf('processed', file)) || parseCompactedKey(file) !== undefined) continue;
      const path = pathOf('processed', file);
      if (keys.length > 0 && (path === undefined || !wanted.has(idOf(path)))) continue;
      if ((await lookAgain(target, 'processed', { Key: file }, path)) === 'named') continue;
      if (await shown.shows(name, file)) yield { orphan: { place: 'processed', file, shownBy: name } };
    }
  for (const { name } of tables)
    for (const { key: file, versions } of await shown.compacted(name))
      for (const version of versions.keys()) {
        const [objectId = '', segment = ''] = version.split('/');
        const path = { dataset: name, objectId, version: segment };
        if (keys.length > 0 && !wanted.has(idOf(path))) continue;
        if (reconciledVersions.has(`${name}/${version}`) || (await isKnown(target, path))) continue;
        yield { orphan: { place: 'processed', file, shownBy: name } };
      }
  const datasets = new Set(asked.map(({ dataset }) => dataset));
  const prefixes = keys.length === 0 ? [''] : [...datasets].map((name) => `${name}/`);
  for (const place of places) {
    let compared = 0;
    for (const prefix of prefixes) {
      const listing = listObjects(target, target.outputs.buckets[place], `${folders[place]}${prefix}`);
      const looked = concurrently(listing, FILES_AT_ONCE, async (object) => {
        const { Key } = object;
        if (named.has(nameOf(place, Key))) return undefined;
        const path = pathOf(place, Key);
        if (keys.length > 0 && (path === undefined || !wanted.has(idOf(path)))) return undefined;
        if (place === 'processed' && (await isOfTable(target, shown, Key))) return undefined;
        const found = await lookAgain(target, place, object, path);
        if (found === 'named') return undefined;
        const orphan = { place, file: Key };
        return found === 'left_over' ? { leftOver: orphan } : { orphan };
      });
      for await (const found of looked) {
        compared += 1;
        yield found ?? { compared, place };
      }
    }
  }
}

/** Whether a file is an Iceberg table's own, or one that an older snapshot shows. */
async function isOfTable({ registry }: Target, shown: ShownFiles, key: string): Promise<boolean> {
  const [table = '', folder] = key.split('/');
  if (registry.named(table)?.processedAs === 'csv') return false;
  if (folder === 'metadata') return true;
  const isData = parseDataKey(key) !== undefined || parseCompactedKey(key) !== undefined;
  return isData && (await shown.keeps(table, key));
}

const places: readonly Place[] = ['temp', 'processed', 'archive', 'failed'];
/** In the failed bucket only the rejects: its other files are notes, which no receipt names. */
const folders: Readonly<Record<Place, string>> = { temp: '', processed: '', archive: '', failed: 'rejects/' };

const nameOf = (place: Place, key: string) => `${place}/${key}`;
const idOf = ({ dataset, objectId: id }: LedgerPlace) => `${dataset}/${id}`;

async function placeOf(target: Target, key: string): Promise<LedgerPlace> {
  const place = target.registry.placeOf(key);
  const known = target.registry.of(key) === undefined ? await entryOf(target, key) : undefined;
  return known === undefined ? place : { ...place, dataset: known.entry.dataset };
}

async function* entriesOf(target: Target, asked: readonly LedgerPlace[]): AsyncGenerator<ListedEntry> {
  for (const place of asked) yield await listedEntry(target, target.outputs.buckets.ledger, place);
}
