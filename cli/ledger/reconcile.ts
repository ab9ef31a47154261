import { isDeepStrictEqual } from 'node:util';
import pLimit, { type LimitFunction } from 'p-limit';
import type { Dataset } from '../../domain/dataset.ts';
import { revisionSequencer } from '../../domain/tables/row-identity.ts';
import { rowSchema } from '../../domain/tables/stored-row.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import {
  type LedgerPlace,
  parseFailedKey,
  parsePartKey,
  parseProcessedKey,
  type VersionPath,
  versionSegment,
} from '../../domain/versions/key-layout.ts';
import { isInterrupted, type LedgerEntry, shownVersions } from '../../domain/versions/ledger.ts';
import { type Receipt, type Tally, withLines } from '../../domain/versions/receipt.ts';
import {
  contradictions,
  type Difference,
  differencesOfFile,
  differencesOfRejects,
  differencesOfTables,
  type InTables,
  type NamedFile,
  type Place,
  type RecordTotals,
  summarize,
  sumOf,
  type UnreadFile,
} from '../../domain/versions/reconciliation.ts';
import { type KnownEntry, unreadableDocument } from '../../store/ledger.ts';
import { type ListedEntry, listedEntries, listedEntry } from '../../store/ledger-listing.ts';
import { listObjects } from '../../store/listing.ts';
import { concurrently } from '../concurrently.ts';
import { KeySet } from '../key-set.ts';
import type { Target } from '../target/target.ts';
import { countRecords } from './count-records.ts';
import { entryOf, ledgerOf } from './ledger.ts';

const OBJECTS_AT_ONCE = 16;
const FILES_AT_ONCE = 32;

/** Looks up what MySQL holds of a version of an object, by the sequencer of its revision. */
export type LookInTables = (dataset: string, key: string, sequencer: string) => Promise<InTables>;

/** One version of an object, according to its receipts and its sinks. */
export interface Reconciled {
  readonly key: string;
  readonly dataset: string;
  readonly versionId: string;
  /**
   * `current`: the tables show it. `rejected`: none of its records is usable, so the previous version stays
   * active. `interrupted`: its extraction died, and the tables show what it had passed on by then. `deleted`:
   * no sink should have anything of the object, but one does.
   */
  readonly standing: 'current' | 'rejected' | 'interrupted' | 'deleted';
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  /** How many rows each sink has. */
  readonly found: { readonly lake: number; readonly archive: number; readonly tables?: number };
  /** Files that were not read, since S3 keeps them in an archive class. `found` lacks their rows. */
  readonly unread: readonly UnreadFile[];
  /** Rows in MySQL that were only counted, since their schema is not the code's. */
  readonly uncompared: number;
  readonly differences: readonly Difference[];
}

/** A file that no receipt of an active version names. */
export interface Orphan {
  readonly place: Place;
  readonly file: string;
}

/** A version, an orphaned file, or the number of files of a bucket that have been compared so far. */
export type Step =
  | { readonly version: Reconciled }
  | { readonly orphan: Orphan }
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
  const asked = await Promise.all(keys.map((key) => limit(() => placeOf(target, key))));
  const wanted = new Set(asked.map(idOf));
  const entries =
    keys.length === 0 ? listedEntries(target, target.outputs.buckets.ledger) : entriesOf(target, asked);
  for await (const reconciled of concurrently(entries, OBJECTS_AT_ONCE, (listed) =>
    reconcileObject(target, listed, limit, lookInTables),
  )) {
    for (const { version, files } of reconciled) {
      for (const file of files) named.add(nameOf(file.place, file.key));
      yield { version };
    }
  }
  const datasets = new Set(asked.map(({ dataset }) => dataset));
  const prefixes = keys.length === 0 ? [''] : [...datasets].map((name) => `${name}/`);
  for (const place of places) {
    let compared = 0;
    for (const prefix of prefixes) {
      const listing = listObjects(target, target.outputs.buckets[place], `${folders[place]}${prefix}`);
      const looked = concurrently(listing, FILES_AT_ONCE, async ({ Key }) => {
        if (named.has(nameOf(place, Key))) return undefined;
        const path = pathOf(place, Key);
        if (keys.length > 0 && (path === undefined || !wanted.has(idOf(path)))) return undefined;
        return (await isNamedNow(target, place, Key, path)) ? undefined : { place, file: Key };
      });
      for await (const orphan of looked) {
        compared += 1;
        yield orphan === undefined ? { compared, place } : { orphan };
      }
    }
  }
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

interface ReconciledFiles {
  readonly version: Reconciled;
  readonly files: readonly NamedFile[];
}

/** The versions of an entry that may have rows or files. `now` in milliseconds since the epoch. */
function versionsToShow(entry: LedgerEntry, now: number) {
  const ended = entry.attempts.filter((each) => each.status === 'rejected' || isInterrupted(each, now));
  return [
    ...shownVersions(entry).map((each) => ({ ...each, standing: 'current' as const })),
    ...ended.map(({ status, ...each }) => ({
      ...each,
      standing: status === 'rejected' ? status : ('interrupted' as const),
    })),
  ];
}

async function reconcileObject(
  target: Target,
  listed: ListedEntry,
  limit: LimitFunction,
  lookInTables: LookInTables | undefined,
): Promise<ReconciledFiles[]> {
  const known = listed.hasEntry ? await ledgerOf(target).known(listed).catch(unreadableDocument) : undefined;
  if (known === undefined) return [];
  if (known instanceof UnreadableDocument) return [await ofUnreadableEntry(target, listed, known)];
  const { key, dataset } = known.entry;
  const versions = await Promise.all(
    versionsToShow(known.entry, Date.now()).map(async ({ standing, versionId, sequencer }) => {
      const keys = listed.versions.get(versionSegment(versionId)) ?? [];
      const { receipts, unreadable } = await ledgerOf(target).readableReceipts(keys);
      const totals = summarize(receipts);
      const { lake, archive, unread, differences } = await reconcileFiles(target, totals, limit);
      const inTables =
        standing !== 'rejected' && totals.tables !== undefined
          ? await lookInTables?.(dataset, key, revisionSequencer({ sequencer, versionId }))
          : undefined;
      const tables = tablesDifferences(totals, inTables, target.registry.named(dataset));
      const { read, written, filtered, rejected, files } = totals;
      const version: Reconciled = {
        key,
        dataset,
        versionId,
        standing,
        read,
        written,
        filtered,
        rejected,
        found: { lake, archive, ...(inTables && { tables: inTables.rows }) },
        unread,
        uncompared: tables.uncompared,
        differences: target.registry.isGone(dataset)
          ? [{ kind: 'dataset_gone', of: dataset, found: inTables?.rows ?? lake }]
          : [
              ...unreadable.map(differenceOf),
              ...(standing === 'current' && unreadable.length === 0 ? contradictions(receipts) : []),
              ...(standing === 'interrupted' ? interruption(lake, archive, inTables) : []),
              ...differences,
              ...tables.differences,
            ],
      };
      return { version, files: [...files, ...partsOf(receipts)], inTables };
    }),
  );
  const stray = await strayRows(target, listed, known, lookInTables, versions);
  return stray === undefined ? versions : withStray(versions, known.entry, stray);
}

/**
 * Rows in MySQL of other versions of an object than those that may have rows. While a version is being
 * extracted or removed, there may be such rows, so they are not reported.
 *
 * @param versions the versions of the object that have been read already
 */
async function strayRows(
  target: Target,
  listed: ListedEntry,
  known: KnownEntry,
  lookInTables: LookInTables | undefined,
  versions: readonly { readonly inTables: InTables | undefined }[],
): Promise<Difference | undefined> {
  const { key, dataset, current, attempts, superseded } = known.entry;
  if (
    lookInTables === undefined ||
    target.registry.isGone(dataset) ||
    target.registry.named(dataset) === undefined
  )
    return undefined;
  if (superseded.length > 0 || attempts.some(({ status }) => status === 'extracting')) return undefined;
  const shown = current?.type === 'created' ? revisionSequencer(current) : '';
  const looked = versions.find(({ inTables }) => inTables !== undefined)?.inTables;
  const { others } = looked ?? (await lookInTables(dataset, key, shown));
  if (others === 0) return undefined;
  const since = await ledgerOf(target).known(listed).catch(unreadableDocument);
  if (since === undefined || since instanceof UnreadableDocument) return undefined;
  return isDeepStrictEqual(since.entry, known.entry)
    ? { kind: 'stray', of: 'rows in MySQL', found: others }
    : undefined;
}

/** Adds stray rows to the object's first version, or without one to its deletion. */
function withStray(
  versions: readonly ReconciledFiles[],
  { key, dataset, current }: LedgerEntry,
  stray: Difference,
) {
  const [shown, ...rest] = versions;
  if (shown !== undefined) {
    const { version, files } = shown;
    return [{ files, version: { ...version, differences: [...version.differences, stray] } }, ...rest];
  }
  const version = { key, dataset, versionId: current?.versionId ?? '', standing: 'deleted' as const };
  return [{ version: { ...version, ...nothing, differences: [stray] }, files: [] }];
}

const nothing = {
  read: 0,
  written: 0,
  filtered: {},
  rejected: {},
  found: { lake: 0, archive: 0 },
  unread: [],
  uncompared: 0,
};

function differenceOf({ key, reason }: UnreadableDocument): Difference {
  return { kind: 'unreadable', of: key, place: 'ledger', reason };
}

/** An unreadable entry does not tell the object's versions or key; a receipt tells the key. */
async function ofUnreadableEntry(
  target: Target,
  { dataset, objectId: id, versions }: ListedEntry,
  error: UnreadableDocument,
): Promise<ReconciledFiles> {
  const keys = [...versions.values()].flat().slice(0, 1);
  const [receipt] = (await ledgerOf(target).readableReceipts(keys)).receipts;
  const key = receipt?.key ?? `${dataset}/${id}`;
  const differences = [differenceOf(error)];
  return {
    version: { key, dataset, versionId: '', standing: 'current', ...nothing, differences },
    files: [],
  };
}

/** Reports rows of an interrupted extraction: they stay in the sinks until its message is processed again. */
function interruption(lake: number, archive: number, tables: InTables | undefined): Difference[] {
  const mysql = tables === undefined ? '' : `, ${tables.rows} in MySQL`;
  const reason = `${lake} rows in the lake, ${archive} in the archive${mysql}`;
  return [
    { kind: 'interrupted', of: 'extraction', found: Math.max(lake, archive, tables?.rows ?? 0), reason },
  ];
}

/** The parts of a version, which stay in the temp bucket until they expire. */
function partsOf(receipts: readonly Receipt[]): NamedFile[] {
  return receipts.flatMap((each) =>
    each.stage === 'extraction' ? each.parts.map((part): NamedFile => ({ ...part, place: 'temp' })) : [],
  );
}

function tablesDifferences(totals: RecordTotals, found: InTables | undefined, known: Dataset | undefined) {
  return found === undefined || known === undefined
    ? { differences: [], uncompared: 0 }
    : differencesOfTables(totals, found, rowSchema(known));
}

async function reconcileFiles(
  target: Target,
  { files, rejected, tables }: RecordTotals,
  limit: LimitFunction,
) {
  const { buckets } = target.outputs;
  const found = await Promise.all(
    files.map((file) =>
      limit(async () => ({ file, found: await countRecords(target, buckets[file.place], file) })),
    ),
  );
  const rowsIn = (place: Place) =>
    found.reduce(
      (sum, each) =>
        each.file.place === place && each.found !== undefined && 'records' in each.found
          ? sum + each.found.records
          : sum,
      0,
    );
  const differences = found.flatMap((each) => differencesOfFile(each.file, each.found));
  const unread = found.flatMap(({ file: { place, key, records }, found: each }) =>
    each !== undefined && 'storageClass' in each
      ? [{ place, file: key, storageClass: each.storageClass, records }]
      : [],
  );
  // A missing file of rejects has been reported already, and an unread one can't be counted.
  const rejects = [...differences, ...unread].some(({ place }) => place === 'failed')
    ? []
    : differencesOfRejects(
        sumOf([withLines(rejected), tables?.rejected ?? {}]),
        sumOf(
          found.map((each) =>
            each.found !== undefined && 'byCode' in each.found ? (each.found.byCode ?? {}) : {},
          ),
        ),
      );
  return {
    lake: rowsIn('processed'),
    archive: rowsIn('archive'),
    unread,
    differences: [...differences, ...rejects],
  };
}

function pathOf(place: Place, key: string): VersionPath | undefined {
  if (place === 'temp') return parsePartKey(key);
  return place === 'failed' ? parseFailedKey(key) : parseProcessedKey(key);
}

/** Looks again at a file that no receipt named: its version may have been extracted meanwhile. */
async function isNamedNow(
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
