import { isDeepStrictEqual } from 'node:util';
import type { LimitFunction } from 'p-limit';
import type { Dataset } from '../../../domain/dataset.ts';
import { revisionSequencer } from '../../../domain/tables/row-identity.ts';
import { rowSchema } from '../../../domain/tables/stored-row.ts';
import { UnreadableDocument } from '../../../domain/versions/document.ts';
import { versionSegment } from '../../../domain/versions/key-layout.ts';
import { isInterrupted, type LedgerEntry, shownVersions } from '../../../domain/versions/ledger.ts';
import {
  contradictions,
  type Difference,
  differencesOfTables,
  type InTables,
  type RecordTotals,
  summarize,
} from '../../../domain/versions/reconciliation.ts';
import { type KnownEntry, unreadableDocument } from '../../../store/ledger.ts';
import type { ListedEntry } from '../../../store/ledger-listing.ts';
import type { Target } from '../../target/target.ts';
import { ledgerOf } from '../ledger.ts';
import { partsOf, reconcileFiles } from './files.ts';
import type { LookInTables, Reconciled, ReconciledFiles } from './reconciled.ts';

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

/** Compares the versions of an object that may have rows or files. */
export async function reconcileObject(
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

function tablesDifferences(totals: RecordTotals, found: InTables | undefined, known: Dataset | undefined) {
  return found === undefined || known === undefined
    ? { differences: [], uncompared: 0 }
    : differencesOfTables(totals, found, rowSchema(known));
}
