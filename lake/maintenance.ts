import {
  dataPrefixOf,
  parseCompactedKey,
  parseDataKey,
  type VersionPath,
} from '../domain/versions/key-layout.ts';
import { expire, snapshotFiles } from '../formats/iceberg/metadata/expire.ts';
import { nextMetadata } from '../formats/iceberg/metadata/files.ts';
import type { Snapshot, TableMetadata } from '../formats/iceberg/metadata/metadata.ts';
import { inBatches } from '../store/in-batches.ts';
import type { ListedFile } from '../store/listing.ts';
import { CompactedRows } from './compaction/compacted-rows.ts';
import type { IcebergTable, TableState } from './iceberg-table.ts';

export interface Retention {
  /** How long a query may go on reading what the table shows no more. Milliseconds. */
  readonly grace: number;
  /** How long snapshots are kept for queries of the past. Milliseconds. */
  readonly age: number;
  /**
   * How large they may be in the metadata, unless `grace` wants more: each commit reads and writes it.
   */
  readonly bytes: number;
}

/** Of a snapshot, with its entry in the table's history. */
const bytesOf = (snapshot: Snapshot) => JSON.stringify(snapshot).length + 70;

/**
 * The time before which snapshots expire. A snapshot is shown until its successor comes, so its age counts
 * from there.
 */
export function expiryOf(
  { snapshots }: Pick<TableMetadata, 'snapshots'>,
  { grace, age, bytes }: Retention,
  now: number,
): number {
  let left = bytes;
  let first = snapshots.length;
  for (const snapshot of snapshots.toReversed()) {
    const shownUntil = snapshots[first]?.['timestamp-ms'] ?? Number.POSITIVE_INFINITY;
    left -= bytesOf(snapshot);
    if (shownUntil < now - age || (left < 0 && shownUntil < now - grace)) break;
    first -= 1;
  }
  return snapshots[first]?.['timestamp-ms'] ?? 0;
}

/**
 * Forgets a table's old snapshots. What only they name is garbage from then on.
 *
 * @returns the forgotten ones, `conflict` if somebody else changed the table meanwhile
 */
export async function expireSnapshots(
  table: IcebergTable,
  state: TableState,
  before: number,
  { now, uuid }: { readonly now: number; readonly uuid: string },
): Promise<readonly Snapshot[] | 'conflict'> {
  const { metadata, expired } = expire(state.metadata, { before, keep: 1 });
  if (metadata === undefined) return [];
  return (await table.point(state, nextMetadata(state, metadata, { now, uuid }))) ? expired : 'conflict';
}

/**
 * What became of a version: no table shows it any more, nor will; or every sink shows it; or somebody may
 * still want its files.
 */
export type Standing = 'gone' | 'wanted' | { readonly shownOf: string };

/** How garbage is told from what somebody needs. */
export interface Judgement {
  /** Younger files may belong to a commit that is under way. Milliseconds since the epoch. */
  readonly before: number;
  /** Of a version; with the raw key of its object if every sink shows it. */
  readonly standing: (path: VersionPath) => Promise<Standing>;
}

/** The prefixes of a table's folder in which whatever is of no use is garbage. */
export const tablePrefixes = (table: string): readonly string[] => [
  dataPrefixOf(table),
  `${table}/metadata/`,
];

/**
 * Those of a table's files that are of no use to anybody, some at a time: no snapshot and no metadata names
 * them, and no commit will. That holds too for the files of an active version whose rows lie in compacted
 * ones. Without the table nobody knows, so nothing is garbage.
 *
 * @param files under `tablePrefixes`
 */
export async function* garbageOf(
  table: IcebergTable,
  files: AsyncIterable<ListedFile>,
  judgement: Judgement,
): AsyncGenerator<readonly ListedFile[]> {
  const named = new NamedFiles(table);
  if (!(await named.look())) return;
  const isNamed = ({ key }: ListedFile) => named.has(key);
  for await (const candidates of unneeded(files, judgement, isNamed, (keys) => named.compacted(keys))) {
    // What is gone is never committed again: what is not named now will not be.
    if (!(await named.look())) return;
    yield candidates.filter(({ key }) => !named.has(key));
  }
}

/**
 * The same of a dataset that is processed as CSV: files of versions of which the table's folder has no copy.
 *
 * @param isShown whether it has one of this file
 */
export const garbageOfCsv = (
  files: AsyncIterable<ListedFile>,
  judgement: Judgement,
  isShown: (key: string) => boolean,
): AsyncGenerator<readonly ListedFile[]> =>
  unneeded(
    files,
    judgement,
    ({ key }) => isShown(key),
    async () => [],
  );

/** How many files are judged at a time. */
const BATCH = 1000;

/** Metadata, manifests and their lists. */
const METADATA = /^[^/]+\/metadata\/[^/]+\.(avro|metadata\.json)$/;

const nameOf = ({ objectId, version }: VersionPath) => `${objectId}/${version}`;

/** @param compacted see `CompactedRows.among` */
async function* unneeded(
  files: AsyncIterable<ListedFile>,
  { before, standing }: Judgement,
  isNamed: (file: ListedFile) => boolean,
  compacted: (keys: ReadonlySet<string>) => Promise<readonly VersionPath[]>,
): AsyncGenerator<ListedFile[]> {
  const judged = async (batch: readonly ListedFile[]) => {
    const known = new Map<string, Promise<Standing>>();
    const standingOf = async ({ key }: ListedFile): Promise<Standing> => {
      const file = parseDataKey(key);
      // Another engine may keep files of its own there, and commit data later.
      if (file === undefined)
        return METADATA.test(key) || parseCompactedKey(key) !== undefined ? 'gone' : 'wanted';
      const version = nameOf(file);
      const answer = known.get(version) ?? standing(file);
      known.set(version, answer);
      return answer;
    };
    const standings = await Promise.all(batch.map(standingOf));
    const shown = new Set(standings.flatMap((each) => (typeof each === 'object' ? each.shownOf : [])));
    // The table shows a version whole: if some of its rows lie in compacted files, its own files that no
    // snapshot names are replaced, or were left by other code.
    const replaced = new Set((shown.size === 0 ? [] : await compacted(shown)).map(nameOf));
    return batch.filter(({ key }, i) => {
      const file = parseDataKey(key);
      return standings[i] === 'gone' || (file !== undefined && replaced.has(nameOf(file)));
    });
  };
  const mayBe = (file: ListedFile) => file.modified < before && !isNamed(file);
  for await (const batch of inBatches(files, BATCH, mayBe)) yield await judged(batch);
}

/** What a table names, or has named since this first looked. */
class NamedFiles {
  readonly #table: IcebergTable;
  readonly #uris = new Set<string>();
  #compacted: CompactedRows | undefined;

  constructor(table: IcebergTable) {
    this.#table = table;
  }

  /** @returns whether the table exists */
  async look(): Promise<boolean> {
    const state = await this.#table.read();
    if (state === undefined) return false;
    const { path, metadata } = state;
    this.#compacted = new CompactedRows(this.#table, metadata);
    const snapshots = metadata.snapshots.filter((each) => !this.#uris.has(each['manifest-list']));
    const { data, manifests, manifestLists } = await snapshotFiles({ ...metadata, snapshots }, (uri) =>
      this.#table.file(uri),
    );
    const log = metadata['metadata-log'].map((each) => each['metadata-file']);
    for (const uris of [[path], log, data, manifests, manifestLists])
      for (const uri of uris) this.#uris.add(uri);
    return true;
  }

  has(key: string): boolean {
    return this.#uris.has(this.#table.uri(key));
  }

  /** See `CompactedRows.among`, for the table as it was seen last. */
  async compacted(keys: ReadonlySet<string>): Promise<readonly VersionPath[]> {
    return (await this.#compacted?.among(keys)) ?? [];
  }
}
