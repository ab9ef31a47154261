import type { LiveFile } from '../../formats/iceberg/manifest/data-file.ts';
import { NotLive } from '../../formats/iceberg/metadata/manifests-after.ts';
import { liveFiles } from '../../formats/iceberg/metadata/snapshot-manifests.ts';
import { Conflict, type IcebergTable, type TableState } from '../iceberg-table.ts';
import { parseS3Uri } from '../table-files.ts';
import { type CompactionPolicy, planCompaction } from './plan.ts';
import { compactedOf } from './rewrite.ts';

/** How often a compaction is tried on fresh metadata while others commit, with a pause between. */
const ATTEMPTS = 10;
const PAUSE_MS = 100;

export interface CompactionRun {
  readonly policy: CompactionPolicy;
  /** Whether there is time for another file. */
  readonly hasTime: () => boolean;
  readonly wait: (ms: number) => Promise<unknown>;
  readonly uuid: () => string;
}

/** What a compaction made of a table's small files, or would make. */
export interface Compacted {
  readonly files: number;
  /** How many they became. */
  readonly into: number;
  /** Of the small files. */
  readonly bytes: number;
  /** Whether all that is worth it was done: if not, the next run goes on. */
  readonly finished: boolean;
}

/** What a compaction would do. */
export async function plannedCompaction(table: IcebergTable, policy: CompactionPolicy): Promise<Compacted> {
  const state = await table.read();
  const groups = state === undefined ? [] : await groupsOf(table, state, policy);
  return { ...sumOf(groups), finished: true };
}

/**
 * Rewrites the small files of a table as larger ones, one snapshot each. Readers find the same rows before
 * and after. A file that leaves the table meanwhile leaves its group to the next run.
 */
export async function compact(table: IcebergTable, run: CompactionRun): Promise<Compacted> {
  let state = await asRecorded(table);
  const groups = state === undefined ? [] : await groupsOf(table, state, run.policy);
  const done: LiveFile[][] = [];
  let finished = true;
  for (const group of groups) {
    finished = run.hasTime();
    if (!finished || state === undefined) break;
    if (await compactGroup(table, state, group, run)) done.push(group);
    state = await table.read();
  }
  return { ...sumOf(done), finished };
}

/** The table with the columns that this code writes: else it could not tell the origin of old rows. */
async function asRecorded(table: IcebergTable): Promise<TableState | undefined> {
  const state = await table.read();
  return state !== undefined && (await table.evolve(state)) ? asRecorded(table) : state;
}

async function groupsOf(
  table: IcebergTable,
  { metadata }: TableState,
  policy: CompactionPolicy,
): Promise<LiveFile[][]> {
  const files = await liveFiles(metadata, (uri) => table.file(uri));
  return planCompaction(files, metadata['default-spec-id'], policy);
}

/** @returns whether the files were replaced */
async function compactGroup(
  table: IcebergTable,
  found: TableState,
  group: readonly LiveFile[],
  { wait, uuid }: CompactionRun,
): Promise<boolean> {
  const [first, ...rest] = group;
  if (first === undefined) return false;
  const made = await compactedOf(table, found.metadata, [first, ...rest], uuid());
  const removed = group.map(({ filePath }) => parseS3Uri(filePath).key);
  let state: TableState | undefined = found;
  for (let attempt = 1; attempt <= ATTEMPTS && state !== undefined; attempt += 1) {
    const change = { rewritten: [made], removed, replace: true };
    const snapshot = await table.commit(state, change).catch(notLive);
    if (snapshot instanceof NotLive) break;
    if (!(snapshot instanceof Conflict)) return true;
    await wait(PAUSE_MS * attempt);
    state = await table.read(snapshot);
    // The conflict may be the answer to a repeat of a call that had been carried out.
    const id = snapshot.snapshot?.['snapshot-id'];
    if (state?.metadata.snapshots.some((each) => each['snapshot-id'] === id)) return true;
  }
  // No snapshot names it, nor will.
  await table.remove([parseS3Uri(made.filePath).key]);
  return false;
}

function notLive(error: unknown): NotLive {
  if (error instanceof NotLive) return error;
  throw error;
}

function sumOf(groups: readonly (readonly LiveFile[])[]) {
  const files = groups.flat();
  const bytes = files.reduce((sum, { fileSizeInBytes }) => sum + fileSizeInBytes, 0);
  return { files: files.length, into: groups.length, bytes };
}
