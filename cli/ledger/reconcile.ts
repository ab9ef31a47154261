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
} from '../../domain/versions/reconciliation.ts';
import { concurrently } from '../concurrently.ts';
import { KeySet } from '../key-set.ts';
import type { Target } from '../target/target.ts';
import { countRecords } from './count-records.ts';
import {
  entryOf,
  type ListedEntry,
  listedEntries,
  listedEntry,
  readableReceipts,
  readEntry,
  unreadableDocument,
} from './ledger.ts';
import { listObjects } from './listing.ts';

const OBJECTS_AT_ONCE = 16;
const FILES_AT_ONCE = 32;

/** Looks up what MySQL holds of a version of an object, by the sequencer of its revision. */
export type LookInTables = (dataset: string, key: string, sequencer: string) => Promise<InTables>;

/** One version of an object, as its receipts and as its sinks have it. */
export interface Reconciled {
  readonly key: string;
  readonly dataset: string;
  readonly versionId: string;
  /**
   * `current`: the tables show it. `rejected`: nothing of it can be used, and what was before stands. `interrupted`: its
   * extraction has died, and what it had passed on by then is in the tables. `deleted`: nothing of the object is to be
   * anywhere, and something is.
   */
  readonly standing: 'current' | 'rejected' | 'interrupted' | 'deleted';
  readonly read: number;
  readonly written: number;
  readonly filtered: Tally;
  readonly rejected: Tally;
  /** Rows that were found in each sink. */
  readonly found: { readonly lake: number; readonly archive: number; readonly tables?: number };
  /** Rows in MySQL of another schema than the code's that may have been changed: they were only counted. */
  readonly uncompared: number;
  readonly differences: readonly Difference[];
}

/** A file that no receipt of a version that stands names. */
export interface Orphan {
  readonly place: Place;
  readonly file: string;
}

/** What is looked at: a version, a file that belongs to none, or how many files of a bucket have been compared. */
export type Step =
  | { readonly version: Reconciled }
  | { readonly orphan: Orphan }
  | { readonly compared: number; readonly place: Place };

/**
 * Holds what receipts say against what is in the lake, the archive, the failed bucket and MySQL, for the versions that
 * stand; and each bucket's listing against what receipts name.
 *
 * A footer is read of each file. Names of files take eight bytes each.
 *
 * @param keys of the raw bucket; all that the ledger knows of, when there are none
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
  const entries = keys.length === 0 ? listedEntries(target) : entriesOf(target, asked);
  for await (const standing of concurrently(entries, OBJECTS_AT_ONCE, (listed) =>
    reconcileObject(target, listed, limit, lookInTables),
  )) {
    for (const { version, files } of standing) {
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
/** Of the failed bucket, the rejects: what else lies there is a note, which nobody counts. */
const folders: Readonly<Record<Place, string>> = { temp: '', processed: '', archive: '', failed: 'rejects/' };

const nameOf = (place: Place, key: string) => `${place}/${key}`;
const idOf = ({ dataset, objectId: id }: LedgerPlace) => `${dataset}/${id}`;

async function placeOf(target: Target, key: string): Promise<LedgerPlace> {
  const place = target.registry.placeOf(key);
  const known = target.registry.of(key) === undefined ? await entryOf(target, key) : undefined;
  return known === undefined ? place : { ...place, dataset: known.entry.dataset };
}

async function* entriesOf(target: Target, asked: readonly LedgerPlace[]): AsyncGenerator<ListedEntry> {
  for (const place of asked) yield await listedEntry(target, place);
}

interface Standing {
  readonly version: Reconciled;
  readonly files: readonly NamedFile[];
}

/** The versions of an entry that have something to show for. `now` in milliseconds since the epoch. */
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
): Promise<Standing[]> {
  const known = listed.hasEntry ? await readEntry(target, listed).catch(unreadableDocument) : undefined;
  if (known === undefined) return [];
  if (known instanceof UnreadableDocument) return [await ofUnreadableHead(target, listed, known)];
  const { key, dataset } = known.entry;
  const versions = await Promise.all(
    versionsToShow(known.entry, Date.now()).map(async ({ standing, versionId, sequencer }) => {
      const keys = listed.versions.get(versionSegment(versionId)) ?? [];
      const { receipts, unreadable } = await readableReceipts(target, keys);
      const account = summarize(receipts);
      const { lake, archive, differences } = await reconcileFiles(target, account, limit);
      const inTables =
        standing !== 'rejected' && account.tables !== undefined
          ? await lookInTables?.(dataset, key, revisionSequencer({ sequencer, versionId }))
          : undefined;
      const tables = tablesDifferences(account, inTables, target.registry.named(dataset));
      const { read, written, filtered, rejected, files } = account;
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
 * Rows in MySQL of a version of an object that is not to be there. While a version comes or goes, nobody can tell.
 *
 * @param versions what has been read of the object already
 */
async function strayRows(
  target: Target,
  listed: ListedEntry,
  known: NonNullable<Awaited<ReturnType<typeof readEntry>>>,
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
  const since = await readEntry(target, listed).catch(unreadableDocument);
  if (since === undefined || since instanceof UnreadableDocument) return undefined;
  return isDeepStrictEqual(since.entry, known.entry)
    ? { kind: 'stray', of: 'rows in MySQL', found: others }
    : undefined;
}

/** Without a version that stands, they are told of the deletion, or of the newest version that came to nothing. */
function withStray(versions: readonly Standing[], { key, dataset, current }: LedgerEntry, stray: Difference) {
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
  uncompared: 0,
};

function differenceOf({ key, reason }: UnreadableDocument): Difference {
  return { kind: 'unreadable', of: key, place: 'ledger', reason };
}

/** Of an object whose entry can't be read nobody knows what stands; a receipt tells its key. */
async function ofUnreadableHead(
  target: Target,
  { dataset, objectId: id, versions }: ListedEntry,
  error: UnreadableDocument,
): Promise<Standing> {
  const keys = [...versions.values()].flat().slice(0, 1);
  const [receipt] = (await readableReceipts(target, keys)).receipts;
  const key = receipt?.key ?? `${dataset}/${id}`;
  const differences = [differenceOf(error)];
  return {
    version: { key, dataset, versionId: '', standing: 'current', ...nothing, differences },
    files: [],
  };
}

/** Rows of an extraction that did not end are in the sinks, and maybe nobody knows. */
function interruption(lake: number, archive: number, tables: InTables | undefined): Difference[] {
  const mysql = tables === undefined ? '' : `, ${tables.rows} in MySQL`;
  const reason = `${lake} rows in the lake, ${archive} in the archive${mysql}`;
  return [
    { kind: 'interrupted', of: 'extraction', found: Math.max(lake, archive, tables?.rows ?? 0), reason },
  ];
}

/** Parts are of no use once they are transformed; until they expire they belong to their version. */
function partsOf(receipts: readonly Receipt[]): NamedFile[] {
  return receipts.flatMap((each) =>
    each.stage === 'extraction' ? each.parts.map((part): NamedFile => ({ ...part, place: 'temp' })) : [],
  );
}

function tablesDifferences(account: RecordTotals, found: InTables | undefined, known: Dataset | undefined) {
  return found === undefined || known === undefined
    ? { differences: [], uncompared: 0 }
    : differencesOfTables(account, found, rowSchema(known));
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
  // Where a file of rejects lacks, that says it.
  const rejects = differences.some(({ place }) => place === 'failed')
    ? []
    : differencesOfRejects(
        sumOf([withLines(rejected), tables?.rejected ?? {}]),
        sumOf(
          found.map((each) =>
            each.found !== undefined && 'byCode' in each.found ? (each.found.byCode ?? {}) : {},
          ),
        ),
      );
  return { lake: rowsIn('processed'), archive: rowsIn('archive'), differences: [...differences, ...rejects] };
}

function pathOf(place: Place, key: string): VersionPath | undefined {
  if (place === 'temp') return parsePartKey(key);
  return place === 'failed' ? parseFailedKey(key) : parseProcessedKey(key);
}

/** A second look at a file that no receipt named: the version may have come, or been extracted, since. */
async function isNamedNow(
  target: Target,
  place: Place,
  key: string,
  path: VersionPath | undefined,
): Promise<boolean> {
  const known = path && (await readEntry(target, path).catch(unreadableDocument));
  // What can't be read has been reported as such.
  if (known instanceof UnreadableDocument) return true;
  if (path === undefined || known === undefined) return false;
  const { attempts, superseded } = known.entry;
  const isIt = ({ versionId }: { versionId: string }) => versionSegment(versionId) === path.version;
  // Of a version that is being extracted nobody knows yet what it will have; and what goes, goes when its successor is there.
  if (attempts.some((each) => each.status === 'extracting' && isIt(each))) return true;
  if (superseded.some((versionId) => isIt({ versionId }))) return true;
  if (![...shownVersions(known.entry), ...attempts].some(isIt)) return false;
  const { versions } = await listedEntry(target, path);
  const { receipts, unreadable } = await readableReceipts(target, versions.get(path.version) ?? []);
  if (unreadable.length > 0) return true;
  // A file whose own receipt lacks is unfinished, and has been reported as such.
  if (contradictions(receipts).some(({ kind }) => kind === 'unfinished')) return true;
  return [...summarize(receipts).files, ...partsOf(receipts)].some(
    (file) => file.place === place && file.key === key,
  );
}
