import { isDeepStrictEqual } from 'node:util';
import type { LimitFunction } from 'p-limit';
import type { Dataset } from '../../../domain/dataset.ts';
import {
  contradictions,
  contradictionsOfPrepared,
  contradictionsOfShown,
  type Difference,
  differencesOfTables,
  type InTables,
  type NamedFile,
  type RecordTotals,
  summarize,
} from '../../../domain/operations/reconciliation.ts';
import { revisionSequencer } from '../../../domain/tables/row-identity.ts';
import { rowSchema } from '../../../domain/tables/stored-row.ts';
import { UnreadableDocument } from '../../../domain/versions/document.ts';
import { csvTableKey, versionPath, versionSegment } from '../../../domain/versions/key-layout.ts';
import {
  isInterrupted,
  isShownBy,
  type LedgerEntry,
  shownVersions,
} from '../../../domain/versions/ledger.ts';
import type { Receipt } from '../../../domain/versions/receipt.ts';
import { type KnownEntry, unreadableDocument } from '../../../store/ledger.ts';
import type { ListedEntry } from '../../../store/ledger-listing.ts';
import type { Target } from '../../target/target.ts';
import { ledgerOf } from '../ledger.ts';
import { partsOf, reconcileFiles } from './files.ts';
import type { LookInTables, Reconciled, ReconciledFiles } from './reconciled.ts';
import type { ShownFiles } from './tables.ts';

const standings = { extracting: 'interrupted', extracted: 'prepared', rejected: 'rejected' } as const;

/** The versions of an entry that may have rows or files. `now` in milliseconds since the epoch. */
function versionsToShow(entry: LedgerEntry, now: number) {
  const ended = entry.attempts.filter((each) => each.status !== 'extracting' || isInterrupted(each, now));
  return [
    ...shownVersions(entry).map((each) => ({ ...each, standing: 'current' as const })),
    ...ended.map(({ status, ...each }) => ({
      ...each,
      standing: standings[status],
    })),
  ];
}

/** Compares the versions of an object that may have rows or files. */
export async function reconcileObject(
  target: Target,
  listed: ListedEntry,
  limit: LimitFunction,
  lookInTables: LookInTables | undefined,
  shown: ShownFiles,
): Promise<ReconciledFiles[]> {
  const known = listed.hasEntry ? await ledgerOf(target).known(listed).catch(unreadableDocument) : undefined;
  if (known === undefined) return [];
  if (known instanceof UnreadableDocument) return [await ofUnreadableEntry(target, listed, known)];
  const { key, dataset } = known.entry;
  const versions = await Promise.all(
    versionsToShow(known.entry, Date.now()).map(async ({ standing, versionId, sequencer }) => {
      const keys = listed.versions.get(versionSegment(versionId)) ?? [];
      const { receipts, unreadable } = await ledgerOf(target).readableReceipts(keys);
      const { code } = known.entry.attempts.find((each) => each.versionId === versionId)?.fault ?? {};
      const totals = summarize(receipts, { refused: standing === 'rejected', ...(code && { code }) });
      const of = versionPath({ dataset, key, versionId });
      const isCurrent = standing === 'current' && unreadable.length === 0;
      const copies = isCurrent && isShownBy('committed', known.entry) ? copiesOf(totals) : [];
      const hidden = isCurrent ? await hiddenFiles(target, known.entry, of, totals, shown) : undefined;
      const { lake, archive, unread, differences } = await reconcileFiles(
        target,
        totals,
        { copies, compacted: hidden?.compacted ?? [] },
        limit,
      );
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
              ...(isCurrent ? contradictions(receipts) : []),
              ...(standing === 'prepared' ? contradictionsOfPrepared(receipts) : []),
              ...(isCurrent ? await publication(target, known.entry, of, receipts) : []),
              ...(hidden?.differences ?? []),
              ...(standing === 'interrupted' && lake > 0 ? [interruption(lake)] : []),
              ...differences,
              ...tables.differences,
            ],
      };
      return { version, files: [...files, ...copies, ...partsOf(receipts)], inTables };
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

/** Reports rows of an interrupted extraction: they stay, unseen, until its message is processed again. */
function interruption(rows: number): Difference {
  const reason = `${rows} rows in the lake, which no table shows`;
  return { kind: 'interrupted', of: 'extraction', found: rows, reason };
}

/** Compares the active version with its publication, and with what the ledger entry says of the sinks. */
async function publication(
  target: Target,
  entry: LedgerEntry,
  path: ReturnType<typeof versionPath>,
  receipts: readonly Receipt[],
): Promise<Difference[]> {
  // An object of no dataset is never published, nor does a stage of this code publish one of a dataset that
  // is gone.
  if (target.registry.named(entry.dataset) === undefined) return [];
  const parts = await ledgerOf(target).publishedParts(path).catch(unreadableDocument);
  if (parts instanceof UnreadableDocument) return [differenceOf(parts)];
  const isWhole = parts.some(({ part, parts: all }) => part === Math.max(all, 1) - 1);
  return contradictionsOfShown(receipts, {
    published: isWhole ? parts.flatMap(({ files }) => files.map((file) => file.key)) : undefined,
    committed: isShownBy('committed', entry),
    loaded: isShownBy('loaded', entry),
  });
}

/** The files of a committed version that its table does not show. */
interface Hidden {
  /** Their rows lie in compacted files, so that they may be gone. */
  readonly compacted: readonly NamedFile[];
  readonly differences: readonly Difference[];
}

async function hiddenFiles(
  target: Target,
  entry: LedgerEntry,
  path: ReturnType<typeof versionPath>,
  { files }: RecordTotals,
  shown: ShownFiles,
): Promise<Hidden> {
  const none = { compacted: [], differences: [] };
  const { dataset } = entry;
  if (!isShownBy('committed', entry) || target.registry.named(dataset)?.processedAs === 'csv') return none;
  const hidden: NamedFile[] = [];
  for (const file of files.filter(({ place }) => place === 'processed'))
    if (!(await shown.shows(dataset, file.key))) hidden.push(file);
  if (hidden.length === 0) return none;
  const rows = hidden.reduce((sum, { records }) => sum + records, 0);
  if ((await shown.compactedRows(dataset, path)) === rows) return { ...none, compacted: hidden };
  // Another version may have taken its place meanwhile.
  const latest = await ledgerOf(target)
    .known(versionPath({ dataset, key: entry.key, versionId: '' }))
    .catch(unreadableDocument);
  const isSame = latest !== undefined && 'entry' in latest && isDeepStrictEqual(latest.entry, entry);
  const notShown = ({ key, records }: NamedFile): Difference => ({
    kind: 'not_shown',
    of: key,
    place: 'processed',
    expected: records,
  });
  return isSame ? { ...none, differences: hidden.map(notShown) } : none;
}

/** The files of a CSV dataset's table: copies of a version's files. */
function copiesOf({ files }: RecordTotals): NamedFile[] {
  return files
    .filter(({ place, key }) => place === 'processed' && key.endsWith('.csv'))
    .map(({ key, records, bytes }) => ({ key: csvTableKey(key), records, bytes, place: 'processed' }));
}

function tablesDifferences(totals: RecordTotals, found: InTables | undefined, known: Dataset | undefined) {
  return found === undefined || known === undefined
    ? { differences: [], uncompared: 0 }
    : differencesOfTables(totals, found, rowSchema(known));
}
