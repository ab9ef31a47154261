import { parseDataKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import type { StoredObject } from '../../../domain/versions/receipt.ts';
import type { DataFile } from '../../../formats/iceberg/manifest/data-file.ts';
import type { NotLive } from '../../../formats/iceberg/metadata/manifests-after.ts';
import { CompactedRows, type FileRows } from '../../../lake/compaction/compacted-rows.ts';
import { without } from '../../../lake/compaction/rewrite.ts';
import type { Origin } from '../../../lake/compaction/sorted-rows.ts';
import type { IcebergTable, TableChange, TableState } from '../../../lake/iceberg-table.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';

/** A version that is to leave a table, and its files. */
export interface Leaving {
  /** The raw key. */
  readonly key: string;
  readonly path: VersionPath;
  readonly files: readonly StoredObject[];
}

/** Takes the rows of versions out of compacted files; what it wrote serves later attempts too. */
export class RowsOut {
  readonly #table: IcebergTable;
  readonly #uuid: () => string;
  /** By the file before, and what goes of it. */
  readonly #made = new Map<string, Promise<DataFile | undefined>>();

  constructor(table: IcebergTable, uuid: () => string) {
    this.#table = table;
    this.#uuid = uuid;
  }

  /**
   * The same change, where the table has files no more because their rows lie in compacted files.
   *
   * @throws {NotLive} if they lie there neither
   */
  async of(
    change: TableChange,
    state: TableState,
    leaving: readonly Leaving[],
    error: NotLive,
  ): Promise<TableChange> {
    const missing = new Set(error.paths.map((uri) => parseS3Uri(uri).key));
    const rows = new CompactedRows(this.#table, state.metadata);
    const affected = new Map<DataFile, Origin[]>();
    for (const each of leaving)
      for (const { file, versions } of await compacted(each, missing, rows, error))
        affected.set(file, [...(affected.get(file) ?? []), ...versions]);
    const made: DataFile[] = [];
    for (const [file, versions] of affected) made.push(...(await this.#without(state, file, versions)));
    const replaced = [...affected.keys()].map(({ filePath }) => parseS3Uri(filePath).key);
    return {
      ...change,
      rewritten: made,
      removed: [...change.removed.filter((key) => !missing.has(key)), ...replaced],
    };
  }

  async #without(state: TableState, file: DataFile, versions: readonly Origin[]): Promise<DataFile[]> {
    const gone = new Set(versions.map(nameOf));
    const name = [file.filePath, ...[...gone].sort()].join('\n');
    const made =
      this.#made.get(name) ??
      without(this.#table, state.metadata, file, (origin) => gone.has(nameOf(origin)), this.#uuid());
    this.#made.set(name, made);
    return [await made].filter((each) => each !== undefined);
  }
}

/** @throws {NotLive} if not all rows of the missing files are in compacted ones */
async function compacted(
  { key, path, files }: Leaving,
  missing: ReadonlySet<string>,
  rows: CompactedRows,
  error: NotLive,
): Promise<FileRows[]> {
  const own = files.filter((file) => missing.has(file.key));
  if (own.length === 0) return [];
  const partitions = new Set(own.map((file) => parseDataKey(file.key)?.partitionPath ?? ''));
  const found = await rows.ofVersion(key, path, partitions);
  const expected = own.reduce((sum, { records }) => sum + records, 0);
  const there = found.flatMap(({ versions }) => versions).reduce((sum, each) => sum + each.rows, 0);
  if (there !== expected) throw error;
  return found;
}

const nameOf = ({ source, version }: Origin) => `${source}\n${version}`;
