import { parseDataKey, type VersionPath } from '../../../domain/versions/key-layout.ts';
import { isShown } from '../../../domain/versions/table-mentions.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { CompactedRows } from '../../../lake/compaction/compacted-rows.ts';
import type { IcebergTable, TableState } from '../../../lake/iceberg-table.ts';
import { parseS3Uri } from '../../../lake/table-files.ts';

/** So far may S3's clock and those of functions differ. Milliseconds. */
const CLOCKS_MS = 15 * 60_000;

/** What is known of a version besides what the table tells. */
interface Known {
  /** The raw key. */
  readonly key: string;
  /** Whether the ledger notes that it was committed, and nothing later. */
  readonly isNoted: boolean;
  /** When it was published at the earliest, in milliseconds since the epoch; 0 if that is not known. */
  readonly since: number;
}

/**
 * Which versions a table shows. Its snapshots tell of the commits that they remember, and the ledger notes
 * each a little later. Who commits may die in between, and his message come again when the snapshots are
 * forgotten: then the table's files tell.
 */
export class ShownVersions {
  readonly #table: IcebergTable;
  readonly #state: TableState | undefined;
  readonly #trustsLedger: boolean;
  #inFiles: Promise<ReadonlySet<string>> | undefined;
  readonly #inCompacted: CompactedRows | undefined;

  /** @param trustsLedger not if what it notes has turned out to be wrong */
  constructor(table: IcebergTable, state: TableState | undefined, { trustsLedger = true } = {}) {
    this.#table = table;
    this.#state = state;
    this.#trustsLedger = trustsLedger;
    this.#inCompacted = state && new CompactedRows(table, state.metadata);
  }

  async has(path: VersionPath, { key, isNoted, since }: Known): Promise<boolean> {
    const told = isShown(this.#state?.metadata.snapshots ?? [], path);
    if (told !== undefined) return told;
    if (this.#trustsLedger && (isNoted || !this.#hasForgotten(since))) return isNoted;
    this.#inFiles ??= this.#versionsOfFiles();
    if ((await this.#inFiles).has(nameOf(path))) return true;
    const compacted = await this.#inCompacted?.ofVersion(key, path);
    return compacted !== undefined && compacted.length > 0;
  }

  /** Whether a commit after this time may be in none of the snapshots. */
  #hasForgotten(since: number): boolean {
    const oldest = this.#state?.metadata.snapshots[0];
    return oldest?.['parent-snapshot-id'] != null && since <= oldest['timestamp-ms'] + CLOCKS_MS;
  }

  async #versionsOfFiles(): Promise<ReadonlySet<string>> {
    if (this.#state === undefined) return new Set();
    const files = await liveFiles(this.#state.metadata, (uri) => this.#table.file(uri));
    return new Set(
      files.flatMap(({ filePath }) => {
        const path = parseDataKey(parseS3Uri(filePath).key);
        return path === undefined ? [] : [nameOf(path)];
      }),
    );
  }
}

const nameOf = ({ objectId, version }: VersionPath) => `${objectId}/${version}`;
