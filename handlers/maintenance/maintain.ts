import pLimit from 'p-limit';
import * as z from 'zod';
import { type Dataset, VERIFICATION } from '../../domain/dataset.ts';
import { errorText } from '../../domain/errors.ts';
import { garbage } from '../../domain/operations/garbage.ts';
import { UnreadableDocument } from '../../domain/versions/document.ts';
import {
  csvTableKey,
  csvTablePrefix,
  dataPrefixOf,
  type VersionPath,
} from '../../domain/versions/key-layout.ts';
import { isSettled } from '../../domain/versions/ledger.ts';
import { isActiveVersion, statusOf } from '../../domain/versions/version-status.ts';
import { expire } from '../../formats/iceberg/metadata/expire.ts';
import { type Compacted, compact, plannedCompaction } from '../../lake/compaction/compact.ts';
import { allThereIs, type CompactionPolicy } from '../../lake/compaction/plan.ts';
import { FileCache } from '../../lake/file-cache.ts';
import { IcebergTable } from '../../lake/iceberg-table.ts';
import {
  expireSnapshots,
  expiryOf,
  garbageOf,
  garbageOfCsv,
  type Judgement,
  type Retention,
  type Standing,
  tablePrefixes,
} from '../../lake/maintenance.ts';
import type { TableCatalog } from '../../lake/table-catalog.ts';
import type { TableSchemas } from '../../lake/table-schema.ts';
import { Ledger, READS_AT_ONCE, unreadableDocument } from '../../store/ledger.ts';
import type { ListedFile } from '../../store/listing.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { rejectsOfNoVersion } from './rejects.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface LakeRetention extends Retention {
  /** How old a file must be that nothing names. Milliseconds. */
  readonly garbage: number;
  /** For how long after that a file of rejects is looked at, a request each time. Milliseconds. */
  readonly rejects: number;
}

/** @param snapshotDays for how long snapshots are kept */
export const retentionOf = (snapshotDays: number): LakeRetention => ({
  age: snapshotDays * DAY,
  // As long as a query may take that began before its snapshot's successor came (Athena guide, "Quotas").
  grace: HOUR / 2,
  // All of a table's metadata stays below 1 MB.
  bytes: 640 * 1024,
  garbage: garbage.age,
  rejects: garbage.rejectsFor,
});

/**
 * In this last part of an invocation nothing is begun but expiry; a compacted file takes a minute at most.
 */
const RESERVED_MS = 180_000;

/** How often expiry is tried on fresh metadata while others commit, with a pause between. */
const ATTEMPTS = 10;
const PAUSE_MS = 100;

/** What the function is called with. */
export const maintenanceTask = z.object({
  /** Only tell what would go. */
  dryRun: z.boolean().default(false),
  /** Only compact, all that makes fewer files. */
  compact: z.boolean().default(false),
  /** Of one dataset. */
  dataset: z.string().optional(),
});

/** What went of a table, or would go. */
export interface MaintainedTable {
  readonly table: string;
  readonly snapshots: number;
  readonly files: number;
  readonly bytes: number;
  /** Small files that became larger ones. */
  readonly compacted: Omit<Compacted, 'finished'>;
  /** Whether all garbage was looked for, and all compacted that is worth it: if not, the next run goes on. */
  readonly finished: boolean;
  /** Why it could not be maintained. */
  readonly error?: string;
}

export interface Maintenance {
  readonly store: ObjectStore;
  readonly catalog: TableCatalog;
  /** The files of a bucket under a prefix. */
  readonly list: (bucket: string, prefix: string) => AsyncIterable<ListedFile>;
  readonly datasets: readonly Dataset[];
  readonly tableSchema: TableSchemas;
  readonly buckets: { readonly processed: string; readonly ledger: string; readonly failed: string };
  readonly retention: LakeRetention;
  readonly compaction: CompactionPolicy;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Of the invocation, in milliseconds. */
  readonly timeLeft: () => number;
  readonly wait: (ms: number) => Promise<unknown>;
  readonly uuid: () => string;
  /** Is told of each table when it is done. */
  readonly log: (table: MaintainedTable) => void;
}

/**
 * Maintains the lake's tables: removes garbage, makes large files of small ones, then forgets old snapshots.
 * What only these have is removed by the next run, so that a query of the past that has just begun can end.
 */
export async function maintain(
  context: Maintenance,
  { dryRun = false, compact: compactsOnly = false, dataset: only }: z.input<typeof maintenanceTask>,
): Promise<MaintainedTable[]> {
  const { now } = context;
  const datasets = context.datasets.filter(({ name }) => only === undefined || name === only);
  if (datasets.length === 0 && only !== undefined) throw new Error(`There is no dataset ${only}.`);
  // If one run can't look at all of them, the next one begins with others.
  const first = datasets.length === 0 ? 0 : Math.floor(now() / HOUR) % datasets.length;
  const inTurn = [...datasets.slice(first), ...datasets.slice(0, first)];
  const policy = compactsOnly ? allThereIs : context.compaction;
  const found = new Map<Dataset, Found>(inTurn.map((dataset) => [dataset, {}]));
  const each = async (work: (dataset: Dataset) => Promise<Found>) => {
    for (const dataset of inTurn)
      found.set(dataset, merge(found.get(dataset), await tried(() => work(dataset))));
  };
  if (!compactsOnly) await each(async (dataset) => ({ garbage: await clear(dataset, context, dryRun) }));
  await each(async (dataset) => ({ compacted: await compactTable(dataset, context, policy, dryRun) }));
  if (!compactsOnly)
    await each(async (dataset) => ({ snapshots: await expireOld(dataset, context, dryRun) }));
  const maintained = [...found].map(([{ name }, each]) => maintainedTable(name, each));
  for (const table of maintained) context.log(table);
  return maintained.sort((a, b) => (a.table < b.table ? -1 : 1));
}

/** What was done about one table so far. */
interface Found {
  readonly garbage?: Removed;
  readonly compacted?: Compacted;
  readonly snapshots?: number;
  readonly error?: string;
}

function maintainedTable(
  table: string,
  { garbage, compacted, snapshots = 0, error }: Found,
): MaintainedTable {
  const { finished = error === undefined, ...rewritten } = compacted ?? { files: 0, into: 0, bytes: 0 };
  return {
    table,
    snapshots,
    files: garbage?.files ?? 0,
    bytes: garbage?.bytes ?? 0,
    compacted: rewritten,
    finished: finished && (garbage?.finished ?? error === undefined),
    ...(error !== undefined && { error }),
  };
}

/** The trouble with one table must not stop the others. */
async function tried(work: () => Promise<Found>): Promise<Found> {
  try {
    return await work();
  } catch (error) {
    return { error: errorText(error) };
  }
}

function merge(before: Found = {}, found: Found): Found {
  const errors = [before.error, found.error].filter((error) => error !== undefined);
  return { ...before, ...found, ...(errors.length > 0 && { error: errors.join(' ') }) };
}

function tableOf(dataset: Dataset, { store, catalog, tableSchema, buckets, now }: Maintenance): IcebergTable {
  const schema = tableSchema(dataset);
  const cache = new FileCache();
  return new IcebergTable({ dataset, schema, bucket: buckets.processed, store, catalog, now, cache });
}

type Removed = Pick<MaintainedTable, 'files' | 'bytes' | 'finished'>;

/** Removes the garbage of a table's folder and of its rejects, as far as the time allows. */
async function clear(dataset: Dataset, context: Maintenance, dryRun: boolean): Promise<Removed> {
  const { store, buckets, timeLeft, now } = context;
  const ledger = new Ledger(store, buckets.ledger);
  const limit = pLimit(READS_AT_ONCE);
  const standing = async (path: VersionPath): Promise<Standing> => {
    const entry = await ledger.entry(path).catch(unreadableDocument);
    if (entry instanceof UnreadableDocument) return 'wanted';
    if (statusOf(entry, path) === 'gone') return 'gone';
    const isShown = entry !== undefined && isActiveVersion(entry, path) && isSettled(entry);
    return isShown ? { shownOf: entry.key } : 'wanted';
  };
  const judgement: Judgement = {
    before: now() - context.retention.garbage,
    standing: (path) => limit(() => standing(path)),
  };
  let finished = true;
  const inTime = async function* (prefixes: readonly string[], bucket = buckets.processed) {
    for (const prefix of prefixes)
      for await (const file of context.list(bucket, prefix)) {
        finished &&= timeLeft() > RESERVED_MS;
        if (!finished) return;
        yield file;
      }
  };
  const unneeded =
    dataset.processedAs === 'csv'
      ? await garbageOfFolder(dataset.name, inTime, judgement)
      : garbageOf(tableOf(dataset, context), inTime(tablePrefixes(dataset.name)), judgement);
  const { before } = judgement;
  const rejects = rejectsOfNoVersion(dataset.name, (prefix) => inTime([prefix], buckets.failed), ledger, {
    after: before - context.retention.rejects,
    before,
  });
  let files = 0;
  let bytes = 0;
  const remove = async (bucket: string, all: AsyncIterable<readonly ListedFile[]>) => {
    for await (const some of all) {
      if (!dryRun)
        await store.remove(
          bucket,
          some.map(({ key }) => key),
        );
      files += some.length;
      bytes += some.reduce((sum, each) => sum + each.bytes, 0);
    }
  };
  await remove(buckets.processed, unneeded);
  await remove(buckets.failed, rejects);
  return { files, bytes, finished };
}

async function garbageOfFolder(
  table: string,
  list: (prefixes: readonly string[]) => AsyncIterable<ListedFile>,
  judgement: Judgement,
) {
  const shown = new Set<string>();
  for await (const { key } of list([csvTablePrefix(table)])) shown.add(key);
  return garbageOfCsv(list([dataPrefixOf(table)]), judgement, (key) => shown.has(csvTableKey(key)));
}

/** Makes large files of a table's small ones, as far as the time allows. */
async function compactTable(
  dataset: Dataset,
  context: Maintenance,
  policy: CompactionPolicy,
  dryRun: boolean,
): Promise<Compacted> {
  // What `verify` probes with is few and short-lived.
  if (dataset.processedAs === 'csv' || dataset.name === VERIFICATION)
    return { files: 0, into: 0, bytes: 0, finished: true };
  const table = tableOf(dataset, context);
  if (dryRun) return plannedCompaction(table, policy);
  const { timeLeft, wait, uuid } = context;
  return compact(table, { policy, hasTime: () => timeLeft() > RESERVED_MS, wait, uuid });
}

/** Forgets the old snapshots of a table. @returns how many; a table of CSV has none */
async function expireOld(dataset: Dataset, context: Maintenance, dryRun: boolean): Promise<number> {
  if (dataset.processedAs === 'csv') return 0;
  const { retention, now, uuid, wait } = context;
  const table = tableOf(dataset, context);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const state = await table.read();
    if (state === undefined) return 0;
    const before = expiryOf(state.metadata, retention, now());
    if (dryRun) return expire(state.metadata, { before, keep: 1 }).expired.length;
    const forgotten = await expireSnapshots(table, state, before, { now: now(), uuid: uuid() });
    if (forgotten !== 'conflict') return forgotten.length;
    await wait(PAUSE_MS * attempt);
  }
  throw new Error(`The table ${table.name} was changed by others ${ATTEMPTS} times in a row.`);
}
